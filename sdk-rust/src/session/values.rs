//! The last value of each key of a `delta` view, so that patches become whole values before anybody sees them (W16).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::merge_patch;
use crate::event::{Event, EventKind};

/// A patch came for which there is nothing to patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Values {
    by_key: BTreeMap<String, Bytes>,
    bytes: usize,
}

impl Values {
    /// What they take in memory, roughly; the data itself is shared with events that are still held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Learns from an event; a patch becomes the put that it stands for.
    pub(super) fn learn(&mut self, event: &mut Event) -> Result<(), Unknown> {
        match event.kind() {
            EventKind::Patch => {
                let old = event.key().and_then(|key| self.by_key.get(key)).ok_or(Unknown)?;
                let whole = merge_patch::apply(old, event.data()).ok_or(Unknown)?;
                event.make_whole(whole);
                self.keep(event);
            }
            EventKind::Put => self.keep(event),
            EventKind::Delete => self.remove(event.key()),
            EventKind::Gone => self.clear(),
            EventKind::SnapshotEnd | EventKind::Failure | EventKind::ViewChanged => {}
        }
        Ok(())
    }

    /// A snapshot will say all of it again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn keep(&mut self, event: &Event) {
        self.remove(event.key());
        if let (Some(key), Some(data)) = (event.key(), event.json_bytes()) {
            self.bytes += key.len() + data.len();
            self.by_key.insert(key.to_owned(), data);
        }
    }

    fn remove(&mut self, key: Option<&str>) {
        if let Some((key, data)) = key.and_then(|key| self.by_key.remove_entry(key)) {
            self.bytes -= key.len() + data.len();
        }
    }
}
