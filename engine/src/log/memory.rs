//! What all shards of a node hold in memory, so that they are bounded together: a budget for each would be either too
//! small for the one that is busy or too large for all.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted by the threads that apply, read by the one that writes behind.
#[derive(Debug, Default)]
pub struct Memory {
    hot_bytes: AtomicU64,
    unwritten_bytes: AtomicU64,
}

impl Memory {
    /// What topics take that are in memory, roughly.
    #[must_use]
    pub fn hot_bytes(&self) -> u64 {
        self.hot_bytes.load(Ordering::Relaxed)
    }

    /// What was applied and is not known to be stored.
    #[must_use]
    pub fn unwritten_bytes(&self) -> u64 {
        self.unwritten_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn move_hot(&self, from: u64, to: u64) {
        moved(&self.hot_bytes, from, to);
    }

    pub(super) fn move_unwritten(&self, from: u64, to: u64) {
        moved(&self.unwritten_bytes, from, to);
    }
}

fn moved(gauge: &AtomicU64, from: u64, to: u64) {
    if to >= from {
        gauge.fetch_add(to - from, Ordering::Relaxed);
    } else {
        gauge.fetch_sub(from - to, Ordering::Relaxed);
    }
}
