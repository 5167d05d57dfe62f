//! The groups that have something to be taken, for the thread that takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::group::Group;

/// Groups that wait for the thread; each is in it about once, and to find one with nothing to take costs nothing.
#[derive(Default)]
pub(super) struct Inbox {
    ready: Mutex<Vec<Arc<Group>>>,
    wake: Notify,
    is_closed: AtomicBool,
}

impl Inbox {
    /// Someone comes for the group. Wakes the thread when nothing else did, so that a batch costs one wake-up.
    pub(super) fn put(&self, group: Arc<Group>) {
        let mut ready = self.ready.lock();
        let is_first = ready.is_empty();
        ready.push(group);
        drop(ready);
        if is_first {
            self.wake.notify_one();
        }
    }

    /// All that are ready.
    pub(super) fn take(&self, into: &mut Vec<Arc<Group>>) {
        into.append(&mut self.ready.lock());
    }

    /// Returns when something was put in, an entry ended after [`Inbox::close`], or neither.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Commands are refused from here on; those that were accepted are still worked on.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// An entry has ended: whoever waits for the last one looks again.
    pub(super) fn ended(&self) {
        if self.is_closed() {
            self.wake.notify_one();
        }
    }
}
