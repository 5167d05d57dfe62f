//! What the calls have made of all groups, whether it was written yet or not: what is read, what still needs which
//! segment, and which recent entries are kept in memory. A core: its owner holds the lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;

use super::engine::{GroupId, LogEntry, Purged};
use super::fault::LogFault;
use super::held::{Held, Slot};
use super::record::Place;
use super::summary::Summary;

/// Entries that a call dropped: they are needed until the call itself is durable. Without it they would be missed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Freed {
    /// Counts by segment.
    written: Vec<(u64, u64)>,
    /// Group and turn of those that waited to be written when they were dropped.
    unwritten: Vec<(GroupId, u64)>,
}

/// An entry that was looked up; one that is not in memory has a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) index: u64,
    pub(super) turn: u64,
    pub(super) place: Option<Place>,
    pub(super) length: u32,
    pub(super) bytes: Option<Bytes>,
}

/// Every group of the log.
#[derive(Debug, Default)]
pub(super) struct Groups {
    held: HashMap<GroupId, Held>,
    /// Groups that cannot be trusted: every call is told so.
    faults: HashMap<GroupId, LogFault>,
    /// Why groups that are not known may have been lost.
    others: Option<LogFault>,
    /// Entries by segment that are needed. No zeros.
    needed: BTreeMap<u64, u64>,
    /// The segments of entries that were dropped before they were written, by group and turn. Bounded by what waits.
    orphans: HashMap<(GroupId, u64), u64>,
    /// Entries that are in memory, oldest first; some may have gone since.
    recent: VecDeque<(GroupId, u64, u64)>,
    recent_count: usize,
    recent_bytes: usize,
    recent_bytes_max: usize,
}

/// Stale ends of `recent` are cleared when there are more of them than entries, but not for fewer than this.
const RECENT_STALE_COUNT: usize = 1_024;

impl Groups {
    pub(super) fn new(recent_bytes_max: usize) -> Self {
        Self { recent_bytes_max, ..Self::default() }
    }

    /// A group as it was read back; its entries are needed.
    pub(super) fn insert(&mut self, group: GroupId, held: Held) {
        for place in held.slots().iter().filter_map(|slot| slot.place) {
            *self.needed.entry(place.segment).or_default() += 1;
        }
        self.held.insert(group, held);
    }

    /// A group that cannot be trusted. It needs no segment: what is left of it is set aside when its turn comes.
    pub(super) fn insert_fault(&mut self, group: GroupId, fault: LogFault) {
        self.faults.insert(group, fault);
    }

    /// Groups that are not known may have been lost.
    pub(super) fn doubt_others(&mut self, fault: LogFault) {
        self.others = Some(fault);
    }

    /// Why a group cannot be trusted.
    pub(super) fn fault(&self, group: GroupId) -> Result<(), LogFault> {
        let unknown = self.others.as_ref().filter(|_| !self.held.contains_key(&group));
        self.faults.get(&group).or(unknown).map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// The oldest segment with an entry that is needed.
    pub(super) fn oldest_needed(&self) -> Option<u64> {
        self.needed.keys().next().copied()
    }

    pub(super) fn summary(&self, group: GroupId) -> Option<&Summary> {
        self.held.get(&group).map(|held| &held.summary)
    }

    /// Appends entries; the turn of the first.
    pub(super) fn append(&mut self, group: GroupId, entries: &[LogEntry]) -> Result<u64, LogFault> {
        self.fault(group)?;
        let held = self.held.entry(group).or_default();
        let mut next = held.summary.next();
        for entry in entries {
            if let Some(expected) = next.filter(|expected| *expected != entry.index) {
                return Err(LogFault::OutOfOrder { group, expected, found: entry.index });
            }
            next = Some(entry.index.saturating_add(1));
        }
        let first_turn = held.summary.turn;
        for entry in entries {
            let turn = held.summary.turn;
            let length = u32::try_from(entry.bytes.len()).unwrap_or(u32::MAX);
            held.entry(entry.index, Slot { place: None, length, turn, bytes: Some(entry.bytes.clone()) });
            self.recent.push_back((group, entry.index, turn));
            self.recent_count += 1;
            self.recent_bytes += entry.bytes.len();
        }
        self.drop_stale();
        Ok(first_turn)
    }

    /// Saves a vote; its turn.
    pub(super) fn vote(&mut self, group: GroupId, vote: Bytes) -> Result<u64, LogFault> {
        self.fault(group)?;
        let summary = &mut self.held.entry(group).or_default().summary;
        let turn = summary.turn;
        summary.vote(vote);
        Ok(turn)
    }

    /// Drops the entries from `index` on; the turn, or `None` if there are none.
    pub(super) fn truncate(&mut self, group: GroupId, index: u64) -> Result<Option<(u64, Freed)>, LogFault> {
        self.fault(group)?;
        let Some(held) = self.held.get_mut(&group).filter(|held| held.summary.would_truncate(index)) else {
            return Ok(None);
        };
        let turn = held.summary.turn;
        let dropped = held.truncate(index);
        Ok(Some((turn, self.forget(group, &dropped))))
    }

    /// Drops the entries up to a mark; the turn, or `None` if they are gone already.
    pub(super) fn purge(&mut self, group: GroupId, purged: Purged) -> Result<Option<(u64, Freed)>, LogFault> {
        self.fault(group)?;
        let held = self.held.entry(group).or_default();
        if !held.summary.would_purge(purged.index) {
            return Ok(None);
        }
        let turn = held.summary.turn;
        let dropped = held.purge(purged);
        Ok(Some((turn, self.forget(group, &dropped))))
    }

    fn forget(&mut self, group: GroupId, dropped: &[Slot]) -> Freed {
        let mut freed = Freed::default();
        for slot in dropped {
            if let Some(bytes) = &slot.bytes {
                self.recent_bytes -= bytes.len();
                self.recent_count -= 1;
            }
            match (slot.place, freed.written.last_mut()) {
                (Some(place), Some((segment, count))) if *segment == place.segment => *count += 1,
                (Some(place), _) => freed.written.push((place.segment, 1)),
                (None, _) => freed.unwritten.push((group, slot.turn)),
            }
        }
        freed
    }

    /// An entry's record was written: its segment is needed from here on.
    pub(super) fn written(&mut self, group: GroupId, index: u64, turn: u64, place: Place) {
        *self.needed.entry(place.segment).or_default() += 1;
        let slot = self.held.get_mut(&group).and_then(|held| held.slot_mut(index)).filter(|slot| slot.turn == turn);
        match slot {
            Some(slot) => slot.place = Some(place),
            None => drop(self.orphans.insert((group, turn), place.segment)),
        }
    }

    /// The call that dropped these was written, and so were they.
    pub(super) fn free(&mut self, freed: Freed) {
        let orphans = freed.unwritten.into_iter().filter_map(|orphan| Some((self.orphans.remove(&orphan)?, 1)));
        for (segment, count) in freed.written.into_iter().chain(orphans) {
            if let Some(needed) = self.needed.get_mut(&segment) {
                *needed = needed.saturating_sub(count);
                if *needed == 0 {
                    self.needed.remove(&segment);
                }
            }
        }
    }

    /// Drops the bytes of the oldest entries in memory until the bound is kept. Those that wait to be written stay.
    pub(super) fn evict(&mut self) {
        while self.recent_bytes > self.recent_bytes_max
            && let Some(&(group, index, turn)) = self.recent.front()
        {
            let slot = self.held.get_mut(&group).and_then(|held| held.slot_mut(index));
            if let Some(slot) = slot.filter(|slot| slot.turn == turn) {
                if slot.place.is_none() {
                    return;
                }
                if let Some(bytes) = slot.bytes.take() {
                    self.recent_bytes -= bytes.len();
                    self.recent_count -= 1;
                }
            }
            self.recent.pop_front();
        }
    }

    fn drop_stale(&mut self) {
        if self.recent.len() > RECENT_STALE_COUNT + 2 * self.recent_count {
            let held = &self.held;
            self.recent.retain(|(group, index, turn)| {
                held.get(group).and_then(|held| held.slot(*index)).is_some_and(|slot| slot.turn == *turn)
            });
        }
    }

    /// The last entry, where it is.
    pub(super) fn last(&self, group: GroupId) -> Option<Found> {
        self.held.get(&group)?.last().map(|(index, slot)| Found::new(index, slot))
    }

    /// The entries of a range that are held, as far as `bytes_max`, but at least one.
    pub(super) fn find(&self, group: GroupId, indexes: Range<u64>, bytes_max: usize) -> Vec<Found> {
        let Some(held) = self.held.get(&group) else {
            return Vec::new();
        };
        let (first, count) = (held.first(), held.slots().len());
        let position = |index: u64| usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX).min(count);
        let (from, to) = (position(indexes.start), position(indexes.end));
        let mut bytes = 0_usize;
        (first + from as u64..)
            .zip(held.slots().range(from..to.max(from)))
            .take_while(|(_, slot)| {
                let is_first = bytes == 0;
                bytes = bytes.saturating_add((slot.length as usize).max(1));
                is_first || bytes <= bytes_max
            })
            .map(|(index, slot)| Found::new(index, slot))
            .collect()
    }

    /// Whether an entry that was found is still held.
    pub(super) fn holds(&self, group: GroupId, found: &Found) -> bool {
        let slot = self.held.get(&group).and_then(|held| held.slot(found.index));
        slot.is_some_and(|slot| slot.turn == found.turn)
    }

    /// Groups with entries below a segment, and the last index of those.
    pub(super) fn pinning(&self, segment: u64) -> Vec<(GroupId, u64)> {
        let mut pinning: Vec<_> = self
            .held
            .iter()
            .filter_map(|(group, held)| {
                let count = held.slots().partition_point(|slot| slot.place.is_some_and(|at| at.segment < segment));
                Some((*group, held.first() + (count as u64).checked_sub(1)?))
            })
            .collect();
        pinning.sort_unstable();
        pinning
    }

    #[cfg(test)]
    fn check(&self) {
        let mut needed = BTreeMap::new();
        let (mut count, mut bytes) = (0, 0);
        for held in self.held.values() {
            held.check();
            for slot in held.slots() {
                if let Some(place) = slot.place {
                    *needed.entry(place.segment).or_insert(0) += 1;
                }
                count += usize::from(slot.bytes.is_some());
                bytes += slot.bytes.as_ref().map_or(0, Bytes::len);
            }
        }
        assert_eq!((count, bytes), (self.recent_count, self.recent_bytes));
        for segment in self.orphans.values() {
            *needed.entry(*segment).or_insert(0) += 1;
        }
        for (segment, count) in needed {
            assert!(
                self.needed.get(&segment).is_some_and(|needed| *needed >= count),
                "dropped ones count until written"
            );
        }
    }
}

impl Found {
    fn new(index: u64, slot: &Slot) -> Self {
        let Slot { place, length, turn, bytes } = slot;
        Self { index, turn: *turn, place: *place, length: *length, bytes: bytes.clone() }
    }
}

#[cfg(test)]
mod tests;
