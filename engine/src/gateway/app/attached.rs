//! An HTTP answer that follows a topic: entered in the hub and counted like a connection for as long as it lives.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use fanfare_protocol::Error;

use crate::gateway::admission;
use crate::hub::{Hub, Notice, Outlet};
use crate::telemetry::Transport;
use crate::view::Wire;

/// See the module. Leaves when it is dropped.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) hub: Rc<Hub>,
    pub(super) outlet: Rc<Outlet>,
    key: usize,
    transport: Transport,
}

impl Attached {
    /// Enters.
    ///
    /// # Errors
    /// `GOING_AWAY` while the node drains, `TOO_MANY_CONNECTIONS`.
    pub(super) fn new(hub: &Rc<Hub>, wire: Wire) -> Result<Self, Error> {
        admission::admit(hub)?;
        let (node, transport) = (hub.node(), wire.transport());
        let outlet = Rc::new(Outlet::of_body(wire, node.config.delivery.outbox_bytes_max));
        let key = hub.enter(Rc::clone(&outlet));
        node.telemetry.connections.of(transport).inc();
        node.telemetry.connections_opened.of(transport).inc();
        node.telemetry.http_streams.of(transport).inc();
        Ok(Self { hub: Rc::clone(hub), outlet, key, transport })
    }

    /// Resolves when the answer has to end: the node drains, or the subscription ended by itself.
    pub(super) async fn ended(&self) -> Notice {
        poll_fn(|cx| {
            self.outlet.register(cx);
            self.outlet.take_notice().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.hub.leave(self.key);
        let node = self.hub.node();
        node.connections.close();
        node.telemetry.connections.of(self.transport).dec();
        node.telemetry.http_streams.of(self.transport).dec();
    }
}
