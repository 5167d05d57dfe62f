//! One write in the making: the records of many calls, one behind the other, and what is to be done when they are written.

use std::collections::BTreeMap;
use std::mem;

use super::engine::GroupId;
use super::groups::Freed;
use super::item::{Call, Item};
use super::record::{Head, Kind, Place, Seed, Stamp};
use super::segments::Segments;
use super::summary::Summary;

/// What is encoded and not done.
#[derive(Default)]
pub(super) struct Drain {
    pub(super) bytes: Vec<u8>,
    pub(super) is_written: bool,
    pub(super) has_vote: bool,
    pub(super) records: u64,
    /// Bytes of the records, as they were counted when they were called.
    pub(super) waiting_bytes: usize,
    /// Group, index, turn and place of each entry.
    pub(super) entries: Vec<(GroupId, u64, u64, Place)>,
    pub(super) freed: Vec<Freed>,
    pub(super) items: Vec<Item>,
}

/// Where a drain will be written.
pub(super) struct Target<'a> {
    pub(super) seed: &'a Seed,
    pub(super) end: Place,
    pub(super) stamp: Stamp,
}

impl<'a> Target<'a> {
    /// The end of the log; `None` if it has no segment to write to.
    pub(super) fn of(segments: &'a Segments) -> Option<Self> {
        Some(Self { seed: segments.seed()?, end: segments.end(), stamp: segments.stamp() })
    }
}

impl Drain {
    /// Adds a call, and what it changes to what was written.
    pub(super) fn push(&mut self, mut item: Item, target: &Target<'_>, written: &mut BTreeMap<GroupId, Summary>) {
        let (group, turn) = (item.group, item.turn);
        self.waiting_bytes += item.record_bytes();
        match &mut item.call {
            Call::Entry { index, bytes } => {
                let place = self.record(target, Kind::Entry, (group, turn, *index), bytes);
                self.entries.push((group, *index, turn, place));
                written.entry(group).or_default().entry(*index);
            }
            Call::Vote(vote) => {
                self.record(target, Kind::Vote, (group, turn, 0), vote);
                self.has_vote = true;
                written.entry(group).or_default().vote(vote.clone());
            }
            Call::Truncate { index, freed } => {
                self.record(target, Kind::Truncate, (group, turn, *index), &[]);
                self.freed.push(mem::take(freed));
                written.entry(group).or_default().truncate(*index);
            }
            Call::Purge { purged, freed } => {
                self.record(target, Kind::Purge, (group, turn, purged.index), &purged.id);
                self.freed.push(mem::take(freed));
                written.entry(group).or_default().purge(purged.clone());
            }
            Call::Nothing | Call::Refused(_) => {}
        }
        self.items.push(item);
    }

    fn record(&mut self, target: &Target<'_>, kind: Kind, whose: (GroupId, u64, u64), payload: &[u8]) -> Place {
        let (group, turn, index) = whose;
        let place = Place { offset: target.end.offset + self.bytes.len() as u32, ..target.end };
        let head = Head::new(kind, group, turn, index, target.stamp, payload);
        head.encode(target.seed, place.offset, payload, &mut self.bytes);
        self.records += 1;
        place
    }

    /// The same buffers for the next one; those of a huge record are given back.
    pub(super) fn emptied(self, drain_bytes_max: usize) -> Self {
        let Self { mut bytes, mut entries, mut freed, mut items, .. } = self;
        bytes.clear();
        bytes.shrink_to(drain_bytes_max.saturating_mul(2));
        entries.clear();
        freed.clear();
        items.clear();
        Self { bytes, entries, freed, items, ..Self::default() }
    }
}
