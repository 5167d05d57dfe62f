//! The fold of a `state` topic: the latest put of every live key. Not subject to retention, so bounded by itself
//! (`keys_max`, `fold_bytes_max`, checked before anything is put). Items come in ascending version, as snapshots do.
//! Stored as a row for each live key.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use fanfare_protocol::Event;

use super::digest::Digest;
use super::expiry::Deadlines;
use super::rows::{Change, FoldRow};
use super::weight;
use crate::hash::HashMap;

#[derive(Debug)]
pub(super) struct Fold {
    keys: HashMap<Box<str>, Place>,
    live: BTreeMap<u64, LiveKey>,
    bytes: u64,
    /// Of keys with a `ttl`, by the offset of their put.
    expiring: Deadlines<u64>,
    /// The greatest offset that a row was handed over for: later puts are in none.
    handed_through: u64,
    /// Keys that are no more since, and have rows: none where nothing is ever handed over.
    gone: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Of the latest put.
    offset: u64,
    /// Whether it replaced one that has a row.
    over_row: bool,
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
        Self {
            keys: HashMap::default(),
            live: BTreeMap::new(),
            bytes: 0,
            expiring: Deadlines::new(),
            handed_through: 0,
            gone: Vec::new(),
        }
    }

    /// From all of its rows, in any order.
    pub(super) fn restore(rows: Vec<FoldRow>) -> Self {
        let mut fold = Self { keys: HashMap::with_capacity_and_hasher(rows.len(), Default::default()), ..Self::new() };
        for FoldRow { offset, event, bytes, expires_ms } in rows {
            let key = Box::from(event.key.as_deref().unwrap_or_default());
            fold.keys.insert(key, Place { offset, over_row: false });
            fold.insert_live(offset, LiveKey { event, bytes, expires_ms });
            fold.handed_through = fold.handed_through.max(offset);
        }
        fold
    }

    /// The key's value from now on. A new put without `ttl` also ends the old one's. Gives the put that it replaces.
    pub(super) fn put(
        &mut self,
        key: &str,
        offset: u64,
        event: Arc<Event>,
        expires_ms: Option<u64>,
    ) -> Option<Arc<Event>> {
        let replaced = match self.keys.get_mut(key) {
            Some(place) => {
                let old = mem::replace(place, Place { offset, over_row: place.has_row(self.handed_through) });
                self.drop_live(old.offset)
            }
            None => {
                self.keys.insert(Box::from(key), Place { offset, over_row: false });
                None
            }
        };
        let bytes = weight::of_event(&event);
        self.insert_live(offset, LiveKey { event, bytes, expires_ms });
        replaced
    }

    fn insert_live(&mut self, offset: u64, live: LiveKey) {
        self.bytes += live.bytes;
        if let Some(at_ms) = live.expires_ms {
            self.expiring.insert(at_ms, offset);
        }
        self.live.insert(offset, live);
    }

    /// The key is no more; nothing happens when it was not. Gives its put.
    pub(super) fn delete(&mut self, key: &str) -> Option<Arc<Event>> {
        let offset = self.forget_key(key)?;
        self.drop_live(offset)
    }

    /// Gives the offset of its put.
    fn forget_key(&mut self, key: &str) -> Option<u64> {
        let (key, place) = self.keys.remove_entry(key)?;
        if place.has_row(self.handed_through) {
            self.gone.push(key);
        }
        Some(place.offset)
    }

    fn drop_live(&mut self, offset: u64) -> Option<Arc<Event>> {
        let old = self.live.remove(&offset)?;
        self.bytes -= old.bytes;
        if let Some(at_ms) = old.expires_ms {
            self.expiring.remove(at_ms, offset);
        }
        Some(old.event)
    }

    /// The put of the next key whose time is over, already forgotten here; the caller publishes the delete.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Arc<Event>> {
        let (_, offset) = self.expiring.pop_due(now_ms)?;
        let dead = self.live.remove(&offset)?;
        self.bytes -= dead.bytes;
        self.forget_key(dead.event.key.as_deref().unwrap_or_default());
        Some(dead.event)
    }

    /// Tells the keys that are not as they were when this was last called.
    pub(super) fn collect(&mut self, number: u64, out: &mut Vec<Change>) {
        let gone = mem::take(&mut self.gone).into_iter();
        // One that was put again meanwhile is written below.
        out.extend(gone.filter(|key| !self.keys.contains_key(key)).map(|key| Change::FoldGone(number, key)));
        let fresh = self.live.range(self.handed_through.saturating_add(1)..);
        out.extend(fresh.map(|(offset, live)| Change::Fold(number, live.row(*offset))));
        if let Some((newest, _)) = self.live.last_key_value() {
            self.handed_through = *newest;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.expiring.next()
    }

    pub(super) fn standing(&self, key: &str) -> Option<Standing> {
        let offset = self.keys.get(key)?.offset;
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
        for (key, place) in &self.keys {
            assert_eq!(self.live[&place.offset].event.key.as_deref(), Some(&**key));
        }
        assert!(self.handed_through > 0 || self.gone.is_empty());
        assert!(self.live.keys().next_back().is_none_or(|last| *last <= head));
        assert_eq!(self.bytes, self.live.values().map(|live| weight::of_event(&live.event)).sum::<u64>());
        let expiring = self.live.iter().filter_map(|(offset, live)| live.expires_ms.map(|at_ms| (at_ms, *offset)));
        let expiring: Vec<_> = expiring.collect();
        assert_eq!(expiring.len(), self.expiring.len());
        assert!(expiring.iter().all(|(at_ms, offset)| self.expiring.contains(*at_ms, *offset)));
    }
}

impl Place {
    fn has_row(self, handed_through: u64) -> bool {
        self.over_row || self.offset <= handed_through
    }
}

impl LiveKey {
    fn row(&self, offset: u64) -> FoldRow {
        FoldRow { offset, event: Arc::clone(&self.event), bytes: self.bytes, expires_ms: self.expires_ms }
    }
}
