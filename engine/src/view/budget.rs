//! What all views of a node may take together: how many there are, and what those with a pace hold back.
//! Of that also comes what readers of the log remember by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is remembered takes at most this part of what all may hold, one in so many: the rest is for what waits.
const REMEMBERED_PART: usize = 2;

/// See the module.
#[derive(Debug)]
pub struct ViewBudget {
    views: AtomicUsize,
    views_max: usize,
    held_bytes: AtomicUsize,
    held_bytes_max: usize,
}

/// The place of one view in the budget, and the bytes that it holds back. Both are given back when it is dropped.
#[derive(Debug)]
pub struct ViewPlace {
    held: HeldBytes,
}

/// The bytes that one view or one reader of the log holds back. They are given back when it is dropped.
#[derive(Debug)]
pub struct HeldBytes {
    budget: Arc<ViewBudget>,
    bytes: usize,
}

impl ViewBudget {
    /// Nothing is taken yet.
    #[must_use]
    pub fn new(views_max: usize, held_bytes_max: usize) -> Arc<Self> {
        let zero = AtomicUsize::default;
        Arc::new(Self { views: zero(), views_max, held_bytes: zero(), held_bytes_max })
    }

    /// A place for one more view; `None` when there are as many as may be.
    #[must_use]
    pub fn open(self: &Arc<Self>) -> Option<ViewPlace> {
        let more = |open| (open < self.views_max).then_some(open + 1);
        self.views.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(ViewPlace { held: self.hold() })
    }

    /// The same of a reader that shares its view with no one, and holds back by itself.
    #[must_use]
    pub fn hold(self: &Arc<Self>) -> HeldBytes {
        HeldBytes { budget: Arc::clone(self), bytes: 0 }
    }

    /// Bytes that all of them hold back.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }
}

impl ViewPlace {
    /// Tells how much its view holds back now.
    pub fn hold(&mut self, bytes: usize) {
        self.held.set(bytes);
    }

    /// See [`HeldBytes::is_exceeded`].
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.held.is_exceeded()
    }
}

impl HeldBytes {
    /// Tells how much it is now.
    pub fn set(&mut self, bytes: usize) {
        let held = &self.budget.held_bytes;
        if bytes > self.bytes {
            held.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// Whether it may be so much, to remember what is then not known otherwise.
    #[must_use]
    pub fn may_remember(&self, bytes: usize) -> bool {
        let others = self.budget.held_bytes().saturating_sub(self.bytes);
        others.saturating_add(bytes) <= self.budget.held_bytes_max / REMEMBERED_PART
    }

    /// All together hold back more than they may: what this one has should go before its time.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.bytes > 0 && self.budget.held_bytes() > self.budget.held_bytes_max
    }
}

impl Drop for ViewPlace {
    fn drop(&mut self) {
        self.held.budget.views.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_views_than_may_be() {
        let budget = ViewBudget::new(2, 0);
        let places = [budget.open(), budget.open()];
        assert!(places.iter().all(Option::is_some) && budget.open().is_none());
        drop(places);
        assert!(budget.open().is_some());
    }

    #[test]
    fn who_holds_something_back_is_told_when_all_together_hold_too_much() {
        let budget = ViewBudget::new(3, 100);
        let [mut one, mut two, none] = [(); 3].map(|()| budget.open().unwrap());
        one.hold(60);
        two.hold(40);
        assert!(!one.is_exceeded() && !two.is_exceeded());
        one.hold(61);
        assert!(one.is_exceeded() && two.is_exceeded() && !none.is_exceeded());
        one.hold(0);
        assert!(!one.is_exceeded() && !two.is_exceeded());
        drop(two);
        assert_eq!(budget.held_bytes(), 0);
    }
}
