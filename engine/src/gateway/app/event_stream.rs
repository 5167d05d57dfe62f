//! The body of a watch that stays open, as SSE or NDJSON: a cursor in a view's ring that the connection pulls from.
//!
//! Nothing is queued for it: while the client takes nothing, it is not polled, and its cursor stays where it is until
//! the ring moves on and it has to read the log. Ends with the node, with its subscription, or after `timeout`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::{Sleep, sleep};

use super::attached::Attached;
use super::heartbeat::Heartbeat;
use crate::hub::{Notice, Slot};
use crate::view::{self, Wire};

/// What one pull takes from the ring at most: the write buffer of an HTTP connection.
pub(super) const CHUNK_BYTES: usize = 32 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct EventStream {
    attached: Attached,
    /// Where it pulls from; one that is fed through its outbox alone has none.
    slot: Option<Slot>,
    heartbeat: Option<Heartbeat>,
    deadline: Option<Pin<Box<Sleep>>>,
    is_ending: bool,
}

impl EventStream {
    /// `heartbeat` is the longest silence of an SSE stream, `timeout` the time after which the client wants an end.
    pub(super) fn new(
        attached: Attached,
        slot: Option<Slot>,
        heartbeat: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Self {
        let heartbeat = heartbeat.map(Heartbeat::new);
        let deadline = timeout.map(|timeout| Box::pin(sleep(timeout)));
        Self { attached, slot, heartbeat, deadline, is_ending: false }
    }

    fn hear(&mut self, cx: &mut Context<'_>) {
        let outlet = &self.attached.outlet;
        outlet.register(cx);
        outlet.register_body(cx);
        // Whatever the notice is, what it has to say stands in the outbox and is sent before the end.
        while let Some(notice) = outlet.take_notice() {
            self.is_ending = true;
            if matches!(notice, Notice::Drain) && outlet.wire() == Wire::Sse {
                let slot_ms = self.attached.hub.node().reconnect_slot_ms();
                outlet.push(|out| view::put_retry(slot_ms, out));
            }
        }
        if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            self.deadline = None;
            self.is_ending = true;
        }
    }

    fn take(&self) -> Option<Bytes> {
        let outlet = &self.attached.outlet;
        if outlet.outbox_bytes() > 0 {
            return Some(outlet.take_outbox().into());
        }
        let slot = self.slot.filter(|_| !self.is_ending)?;
        self.attached.hub.take(slot, CHUNK_BYTES)
    }
}

impl Stream for EventStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.hear(cx);
        if let Some(bytes) = this.take() {
            this.heartbeat.iter_mut().for_each(Heartbeat::postpone);
            return Poll::Ready(Some(Ok(bytes)));
        }
        if this.is_ending {
            return Poll::Ready(None);
        }
        let comment = this.heartbeat.as_mut().and_then(|heartbeat| heartbeat.poll(cx));
        comment.map_or(Poll::Pending, |comment| Poll::Ready(Some(Ok(comment))))
    }
}
