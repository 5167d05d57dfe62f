//! Whether one more connection may be opened: asked at every door, whatever the transport.

use fanfare_protocol::{Code, Error};

use crate::hub::Hub;

/// What a client is told to wait when the node holds as many connections as it may.
const FULL_RETRY_MS: u64 = 1_000;

/// Counts one more connection, which has to be closed in `Node::connections`.
///
/// # Errors
/// `GOING_AWAY` while the node drains, `TOO_MANY_CONNECTIONS`.
pub(super) fn admit(hub: &Hub) -> Result<(), Error> {
    if hub.node().is_draining() {
        return Err(Error::of(Code::GoingAway));
    }
    if !hub.node().connections.try_open() {
        return Err(Error::of(Code::TooManyConnections).with_retry_after_ms(FULL_RETRY_MS));
    }
    Ok(())
}
