//! What becomes due when: a queue by time that can also be left early.

use std::collections::BTreeSet;

/// Things in the order in which they become due; each is in it once at most, its owner knows at which time.
#[derive(Debug, Clone)]
pub(super) struct Deadlines<T> {
    queue: BTreeSet<(u64, T)>,
}

impl<T: Ord> Deadlines<T> {
    pub(super) fn new() -> Self {
        Self { queue: BTreeSet::new() }
    }

    pub(super) fn insert(&mut self, at_ms: u64, what: T) {
        self.queue.insert((at_ms, what));
    }

    pub(super) fn remove(&mut self, at_ms: u64, what: T) {
        self.queue.remove(&(at_ms, what));
    }

    /// When the first becomes due.
    pub(super) fn next(&self) -> Option<u64> {
        self.queue.first().map(|(at_ms, _)| *at_ms)
    }

    /// The first, if its time has come; those of the same moment in their own order.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<(u64, T)> {
        if self.next()? > now_ms {
            return None;
        }
        self.queue.pop_first()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, at_ms: u64, what: T) -> bool {
        self.queue.contains(&(at_ms, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_the_order_of_its_time() {
        let mut deadlines = Deadlines::new();
        deadlines.insert(30, 'c');
        deadlines.insert(10, 'b');
        deadlines.insert(10, 'a');
        deadlines.insert(20, 'd');
        deadlines.remove(20, 'd');
        assert_eq!(deadlines.next(), Some(10));
        assert_eq!(deadlines.pop_due(9), None);
        assert_eq!(deadlines.pop_due(10), Some((10, 'a')));
        assert_eq!(deadlines.pop_due(29), Some((10, 'b')));
        assert_eq!(deadlines.pop_due(29), None);
        assert_eq!(deadlines.pop_due(30), Some((30, 'c')));
        assert_eq!((deadlines.next(), deadlines.len()), (None, 0));
    }
}
