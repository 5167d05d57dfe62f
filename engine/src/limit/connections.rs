//! How many connections are open, against how many may be.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A counter with a bound, and an event for when it reaches zero.
#[derive(Debug)]
pub struct Connections {
    open: AtomicUsize,
    max: usize,
    none_left: Notify,
}

impl Connections {
    /// None open yet.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { open: AtomicUsize::new(0), max, none_left: Notify::new() }
    }

    /// Counts one more, unless as many as may are open.
    #[must_use]
    pub fn try_open(&self) -> bool {
        let more = |open| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// One that was counted is over.
    pub fn close(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none_left.notify_waiters();
        }
    }

    /// Open now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until none is open.
    pub async fn none_left(&self) {
        loop {
            let left = self.none_left.notified();
            if self.count() == 0 {
                return;
            }
            left.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_open_than_may() {
        let connections = Connections::new(2);
        assert!(connections.try_open() && connections.try_open());
        assert!(!connections.try_open());
        connections.close();
        assert!(connections.try_open());
    }
}
