//! What a worker tells one of its connections.

use fanfare_protocol::Code;

/// What the connection's own task has to hear from elsewhere on its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The subscription to this view ended by itself; the client has been told why.
    Ended(u32),
    /// The connection has to end, for this reason.
    Close(Code),
    /// The node drains.
    Drain,
}
