//! Free idempotency keys of a topic: kept for a window from their first use.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use super::{Outcome, Verdict, retry_after_ms};
use crate::hash::HashMap;
use crate::log::digest::Digest;
use crate::log::policy::IdempotencyPolicy;
use crate::log::refusal::Refusal;
use crate::log::rows::{Change, KeyRow};

#[derive(Debug)]
pub(super) struct Keys {
    stored: HashMap<Arc<str>, StoredKey>,
    /// In the order of their use, which is that of their versions. It is that of their end too until the window
    /// changes; where one then ends before an older one, it is forgotten with that.
    order: VecDeque<Arc<str>>,
    /// The greatest end of all of them.
    ends_ms: u64,
    /// The greatest version that a row was handed over for: keys with later ones have none.
    handed_through: u64,
    /// Forgotten since, and have rows: none where nothing is ever handed over.
    gone: Vec<Arc<str>>,
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
        Self { stored: HashMap::default(), order: VecDeque::new(), ends_ms: 0, handed_through: 0, gone: Vec::new() }
    }

    /// From all of their rows, in any order.
    pub(super) fn restore(mut rows: Vec<KeyRow>) -> Self {
        rows.sort_unstable_by_key(|row| row.first_offset);
        let mut keys = Self::new();
        for KeyRow { name, hash, first_offset, count, ends_ms } in rows {
            keys.put(name, StoredKey { hash, first_offset, count, ends_ms });
            keys.handed_through = first_offset;
        }
        keys
    }

    pub(super) fn forget(&mut self, now_ms: u64) {
        while let Some(ends_ms) = self.oldest_ends_ms()
            && ends_ms <= now_ms
        {
            let Some(key) = self.order.pop_front() else { break };
            let forgotten = self.stored.remove(&key);
            if forgotten.is_some_and(|forgotten| forgotten.first_offset <= self.handed_through) {
                self.gone.push(key);
            }
        }
        if self.order.is_empty() && self.order.capacity() > 0 {
            // A burst must not keep its memory for the life of the topic.
            (self.stored, self.order, self.ends_ms) = (HashMap::default(), VecDeque::new(), 0);
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
        let ends_ms = now_ms.saturating_add(policy.window_ms);
        self.put(key.into(), StoredKey { hash, first_offset, count, ends_ms });
    }

    fn put(&mut self, key: Arc<str>, stored: StoredKey) {
        self.ends_ms = self.ends_ms.max(stored.ends_ms);
        self.stored.insert(Arc::clone(&key), stored);
        self.order.push_back(key);
    }

    /// Tells the keys that are not as they were when this was last called.
    pub(super) fn collect(&mut self, number: u64, out: &mut Vec<Change>) {
        let gone = mem::take(&mut self.gone).into_iter();
        // One that was used again meanwhile is written below.
        out.extend(gone.filter(|key| !self.stored.contains_key(key)).map(|key| Change::KeyGone(number, key)));
        let newest_first = self.order.iter().rev().filter_map(|key| Some((key, self.stored.get(key)?)));
        let fresh = newest_first.take_while(|(_, stored)| stored.first_offset > self.handed_through);
        let before = out.len();
        out.extend(fresh.map(|(key, stored)| Change::Key(number, stored.row(key))));
        if let Some(Change::Key(_, newest)) = out.get(before) {
            self.handed_through = newest.first_offset;
        }
    }

    /// When all of them can be forgotten; 0 when there are none.
    pub(super) fn ends_ms(&self) -> u64 {
        self.ends_ms
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
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

    /// What holds whatever the policy was before.
    #[cfg(test)]
    pub(super) fn check_invariants(&self, now_ms: u64) {
        assert_eq!(self.stored.len(), self.order.len());
        assert!(self.order.iter().map(|key| self.stored[key].first_offset).is_sorted_by(|a, b| a < b));
        assert!(self.oldest_ends_ms().is_none_or(|ends_ms| ends_ms > now_ms));
        assert_eq!(self.ends_ms, self.stored.values().map(|stored| stored.ends_ms).max().unwrap_or_default());
        assert!(self.handed_through > 0 || self.gone.is_empty());
    }
}

impl StoredKey {
    fn row(&self, key: &Arc<str>) -> KeyRow {
        let Self { hash, first_offset, count, ends_ms } = *self;
        KeyRow { name: Arc::clone(key), hash, first_offset, count, ends_ms }
    }
}
