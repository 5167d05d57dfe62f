//! Free idempotency keys of a topic: kept for a window from their first use.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Outcome, Verdict, retry_after_ms};
use crate::log::digest::Digest;
use crate::log::policy::IdempotencyPolicy;
use crate::log::refusal::Refusal;

#[derive(Debug)]
pub(super) struct Keys {
    stored: HashMap<Arc<str>, StoredKey>,
    /// In the order of their use, which is that of their end.
    order: VecDeque<Arc<str>>,
}

#[derive(Debug, Clone, Copy)]
struct StoredKey {
    hash: u128,
    first_offset: u64,
    count: u32,
    ends_ms: u64,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { stored: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn forget(&mut self, now_ms: u64) {
        while let Some(ends_ms) = self.oldest_ends_ms()
            && ends_ms <= now_ms
        {
            if let Some(key) = self.order.pop_front() {
                self.stored.remove(&key);
            }
        }
        if self.order.is_empty() && self.order.capacity() > 0 {
            // A burst must not keep its memory for the life of the topic.
            *self = Self::new();
        }
    }

    fn oldest_ends_ms(&self) -> Option<u64> {
        self.order.front().and_then(|key| self.stored.get(key)).map(|stored| stored.ends_ms)
    }

    pub(super) fn check(&self, now_ms: u64, key: &str, hash: u128, policy: &IdempotencyPolicy) -> Verdict {
        match self.stored.get(key) {
            Some(stored) if stored.hash == hash => {
                Verdict::Stored(Outcome::Published { first_offset: stored.first_offset, count: stored.count })
            }
            Some(_) => Verdict::Refused(Refusal::IdempotencyMismatch),
            None if self.stored.len() >= policy.entries_max => {
                let retry_after_ms = retry_after_ms(now_ms, self.oldest_ends_ms());
                Verdict::Refused(Refusal::IdempotencyFull { retry_after_ms })
            }
            None => Verdict::Fresh,
        }
    }

    pub(super) fn insert(
        &mut self,
        now_ms: u64,
        key: String,
        hash: u128,
        first_offset: u64,
        count: u32,
        policy: &IdempotencyPolicy,
    ) {
        let key: Arc<str> = key.into();
        let ends_ms = now_ms.saturating_add(policy.window_ms);
        self.stored.insert(Arc::clone(&key), StoredKey { hash, first_offset, count, ends_ms });
        self.order.push_back(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.number(self.order.len() as u64);
        for key in &self.order {
            digest.bytes(key.as_bytes());
            if let Some(stored) = self.stored.get(key) {
                digest.number((stored.hash >> 64) as u64).number(stored.hash as u64);
                digest.number(stored.first_offset).number(u64::from(stored.count)).number(stored.ends_ms);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64, policy: &IdempotencyPolicy) {
        assert_eq!(self.stored.len(), self.order.len());
        assert!(self.order.len() <= policy.entries_max);
        let ends: Vec<_> = self.order.iter().map(|key| self.stored[key].ends_ms).collect();
        assert!(ends.is_sorted());
        assert!(ends.iter().all(|ends_ms| *ends_ms > now_ms && *ends_ms <= now_ms + policy.window_ms));
    }
}
