//! How much may wait to be sent, and who holds which part of it. Here and not in the session, because a caller has to be
//! refused before anything of its request is queued anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, ErrorKind};

/// Requests and their bytes that wait for an answer, all handles of a client together.
#[derive(Debug)]
pub(crate) struct Budget {
    count_max: usize,
    bytes_max: usize,
    count: AtomicUsize,
    bytes: AtomicUsize,
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { count_max, bytes_max, count: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// Takes a share for one request of so many bytes.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Result<Share, Error> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let share = Share { budget: Arc::clone(self), bytes };
        // One request of any size may wait alone: whether a frame can hold it is judged elsewhere.
        let has_room = count < self.count_max && (taken == 0 || taken.saturating_add(bytes) <= self.bytes_max);
        if has_room { Ok(share) } else { Err(Error::new(ErrorKind::QueueFull)) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.count.fetch_sub(1, Ordering::Relaxed);
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_count_or_the_bytes_is_refused_until_a_share_comes_back() {
        let budget = Arc::new(Budget::new(2, 100));
        let small = budget.take(60).unwrap();
        assert_eq!(budget.take(60).unwrap_err().kind(), ErrorKind::QueueFull);
        let other = budget.take(40).unwrap();
        assert_eq!(budget.take(0).unwrap_err().kind(), ErrorKind::QueueFull);
        drop((small, other));
        assert!(budget.take(500).is_ok());
    }
}
