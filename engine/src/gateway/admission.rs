//! Whether one more connection may be opened: asked at every door, whatever the transport.

use fanfare_protocol::{Code, Error};

use crate::hub::Hub;

/// What a client is told to wait at least when the node holds as many connections as it may.
const FULL_RETRY_MS: u64 = 1_000;

/// Counts one more connection, which has to be closed in `Node::connections`.
///
/// # Errors
/// `GOING_AWAY` while the node drains, `TOO_MANY_CONNECTIONS`: both with the slot at which this client is to come back.
pub(super) fn admit(hub: &Hub) -> Result<(), Error> {
    let node = hub.node();
    if node.is_draining() {
        return Err(Error::of(Code::GoingAway).with_retry_after_ms(node.reconnect_slot_ms()));
    }
    if !node.connections.try_open() {
        let slot_ms = FULL_RETRY_MS + node.reconnect_slot_ms();
        let most = node.config.limits.connections_max;
        let message = format!("the node holds {most} connections, as many as it may (`limits.connections_max`)");
        return Err(Error::of(Code::TooManyConnections).with_message(message).with_retry_after_ms(slot_ms));
    }
    Ok(())
}
