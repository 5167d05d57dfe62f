//! The body of a session's event stream: all that the session says, pulled by the connection that carries it.
//!
//! Answers come first, then what its views' rings have, the views by turns. When the client hangs up this is
//! dropped, and the session ends with it.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;

use super::event_stream::CHUNK_BYTES;
use super::heartbeat::Heartbeat;
use crate::hub::{Hub, Outlet};
use crate::telemetry::Transport;

/// See the module.
#[derive(Debug)]
pub(super) struct SessionStream {
    hub: Rc<Hub>,
    outlet: Rc<Outlet>,
    heartbeat: Heartbeat,
    /// The place of the view whose turn it is.
    turn: usize,
}

impl SessionStream {
    pub(super) fn new(hub: Rc<Hub>, outlet: Rc<Outlet>) -> Self {
        let interval = Duration::from_millis(u64::from(hub.node().config.delivery.heartbeat_interval_ms));
        hub.node().telemetry.http_streams.of(Transport::SseSession).inc();
        Self { hub, outlet, heartbeat: Heartbeat::new(interval), turn: 0 }
    }

    fn is_ending(&self) -> bool {
        self.outlet.is_closing() || self.outlet.is_closed()
    }

    fn take(&mut self) -> Option<Bytes> {
        if self.outlet.outbox_bytes() > 0 {
            return Some(self.outlet.take_outbox().into());
        }
        if self.is_ending() {
            return None;
        }
        let count = self.outlet.slot_count();
        for _ in 0..count {
            let slot = self.outlet.slot_at(self.turn % count)?;
            self.turn = (self.turn + 1) % count;
            if let Some(bytes) = self.hub.take(slot, CHUNK_BYTES) {
                return Some(bytes);
            }
        }
        None
    }
}

impl Stream for SessionStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.outlet.register_body(cx);
        if let Some(bytes) = this.take() {
            this.heartbeat.postpone();
            return Poll::Ready(Some(Ok(bytes)));
        }
        if this.is_ending() {
            return Poll::Ready(None);
        }
        this.heartbeat.poll(cx).map_or(Poll::Pending, |comment| Poll::Ready(Some(Ok(comment))))
    }
}

impl Drop for SessionStream {
    fn drop(&mut self) {
        self.outlet.abort();
        self.hub.node().telemetry.http_streams.of(Transport::SseSession).dec();
    }
}
