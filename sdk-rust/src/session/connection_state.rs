//! How the connection stands, as the application sees it.

use std::time::Duration;

use crate::error::Error;

/// How the connection stands, as the application sees it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// An attempt is under way.
    Connecting,
    /// Connected, under this id, which events of its publications carry.
    Connected {
        /// Of the connection.
        connection_id: String,
        /// Of the node.
        node_id: String,
    },
    /// Not connected; the next attempt is in `retry_in`.
    Disconnected {
        /// Why.
        error: Error,
        /// When the client tries again.
        retry_in: Duration,
    },
    /// The node closed a connection that nobody used. The next watch, publish or read opens one.
    Idle,
    /// Over: closed by the application, or by an error that trying again does not mend.
    Closed {
        /// Why, unless it was asked for.
        error: Option<Error>,
    },
}
