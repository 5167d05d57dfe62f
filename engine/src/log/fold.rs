//! The fold of a `state` topic: the latest put of every live key. Not subject to retention, so bounded by itself
//! (`keys_max`, `fold_bytes_max`, checked before anything is put). Items come in ascending version, as snapshots do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fanfare_protocol::Event;

use super::digest::Digest;
use super::expiry::Deadlines;
use super::weight;

#[derive(Debug)]
pub(super) struct Fold {
    /// Key → offset of its latest put.
    keys: HashMap<Box<str>, u64>,
    live: BTreeMap<u64, LiveKey>,
    bytes: u64,
    /// Of keys with a `ttl`, by the offset of their put.
    expiring: Deadlines<u64>,
}

#[derive(Debug)]
pub(super) struct LiveKey {
    pub(super) event: Arc<Event>,
    pub(super) bytes: u64,
    expires_ms: Option<u64>,
}

/// What a key stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Fold {
    pub(super) fn new() -> Self {
        Self { keys: HashMap::new(), live: BTreeMap::new(), bytes: 0, expiring: Deadlines::new() }
    }

    /// The key's value from now on. A new put without `ttl` also ends the old one's.
    pub(super) fn put(&mut self, key: &str, offset: u64, event: Arc<Event>, expires_ms: Option<u64>) {
        match self.keys.get_mut(key) {
            Some(place) => {
                let old = std::mem::replace(place, offset);
                self.drop_live(old);
            }
            None => {
                self.keys.insert(Box::from(key), offset);
            }
        }
        let bytes = weight::of_event(&event);
        self.bytes += bytes;
        if let Some(at_ms) = expires_ms {
            self.expiring.insert(at_ms, offset);
        }
        self.live.insert(offset, LiveKey { event, bytes, expires_ms });
    }

    /// The key is no more; nothing happens when it was not.
    pub(super) fn delete(&mut self, key: &str) {
        if let Some(offset) = self.keys.remove(key) {
            self.drop_live(offset);
        }
    }

    fn drop_live(&mut self, offset: u64) {
        let Some(old) = self.live.remove(&offset) else { return };
        self.bytes -= old.bytes;
        if let Some(at_ms) = old.expires_ms {
            self.expiring.remove(at_ms, offset);
        }
    }

    /// The put of the next key whose time is over, already forgotten here; the caller publishes the delete.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Arc<Event>> {
        let (_, offset) = self.expiring.pop_due(now_ms)?;
        let dead = self.live.remove(&offset)?;
        self.bytes -= dead.bytes;
        self.keys.remove(dead.event.key.as_deref()?);
        Some(dead.event)
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.expiring.next()
    }

    pub(super) fn standing(&self, key: &str) -> Option<Standing> {
        let offset = *self.keys.get(key)?;
        self.live.get(&offset).map(|live| Standing { offset, bytes: live.bytes })
    }

    pub(super) fn keys_count(&self) -> u64 {
        self.keys.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Live keys by the version of their latest put.
    pub(super) fn items(&self) -> impl Iterator<Item = &LiveKey> {
        self.live.values()
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.number(self.keys.len() as u64);
        for live in self.live.values() {
            digest.number(live.expires_ms.unwrap_or(u64::MAX)).event(&live.event);
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self, head: u64) {
        assert_eq!(self.keys.len(), self.live.len());
        for (key, offset) in &self.keys {
            assert_eq!(self.live[offset].event.key.as_deref(), Some(&**key));
        }
        assert!(self.live.keys().next_back().is_none_or(|last| *last <= head));
        assert_eq!(self.bytes, self.live.values().map(|live| weight::of_event(&live.event)).sum::<u64>());
        let expiring = self.live.iter().filter_map(|(offset, live)| live.expires_ms.map(|at_ms| (at_ms, *offset)));
        let expiring: Vec<_> = expiring.collect();
        assert_eq!(expiring.len(), self.expiring.len());
        assert!(expiring.iter().all(|(at_ms, offset)| self.expiring.contains(*at_ms, *offset)));
    }
}
