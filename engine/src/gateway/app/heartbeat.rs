//! Signs of life on an event stream that would else be silent.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};

/// A comment of an event stream, which clients skip (WHATWG HTML, 9.2.6). Says that the line is alive, and makes a
/// dead one fail.
const COMMENT: &[u8] = b":\n\n";

/// See the module.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    next: Pin<Box<Sleep>>,
}

impl Heartbeat {
    /// `interval` is the longest silence.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, next: Box::pin(sleep(interval)) }
    }

    /// Something else was said.
    pub(super) fn postpone(&mut self) {
        self.next.as_mut().reset(Instant::now() + self.interval);
    }

    /// What is to be said now, if it was silent for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        self.next.as_mut().poll(cx).is_ready().then(|| {
            self.postpone();
            Bytes::from_static(COMMENT)
        })
    }
}
