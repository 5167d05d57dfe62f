//! The entries of a group that are held: where each one is, and its bytes as long as they are kept in memory.

use std::collections::VecDeque;

use bytes::Bytes;

use super::engine::Purged;
use super::record::Place;
use super::summary::Summary;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// Where its record is; nowhere until it was written.
    pub(super) place: Option<Place>,
    /// Length of its bytes.
    pub(super) length: u32,
    /// Its record's turn: tells it from an entry of the same index that was truncated.
    pub(super) turn: u64,
    /// Its bytes; always there until it was written.
    pub(super) bytes: Option<Bytes>,
}

/// A group.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) summary: Summary,
    /// Of the last indexes of `summary.held`: all of them, unless a segment that held the first ones was lost.
    slots: VecDeque<Slot>,
}

impl Held {
    /// A group of which only the summary is known.
    pub(super) fn from_summary(summary: Summary) -> Self {
        Self { summary, slots: VecDeque::new() }
    }

    /// The index of the first slot.
    pub(super) fn first(&self) -> u64 {
        self.summary.next().unwrap_or(0) - self.slots.len() as u64
    }

    pub(super) fn slots(&self) -> &VecDeque<Slot> {
        &self.slots
    }

    pub(super) fn last(&self) -> Option<(u64, &Slot)> {
        Some((self.summary.next()? - 1, self.slots.back()?))
    }

    pub(super) fn slot(&self, index: u64) -> Option<&Slot> {
        self.slots.get(self.place_of(index)?)
    }

    pub(super) fn slot_mut(&mut self, index: u64) -> Option<&mut Slot> {
        let place = self.place_of(index)?;
        self.slots.get_mut(place)
    }

    fn place_of(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first())?).ok()
    }

    /// An entry was appended: if it follows.
    pub(super) fn entry(&mut self, index: u64, slot: Slot) -> bool {
        let follows = self.summary.entry(index);
        if follows {
            self.slots.push_back(slot);
        }
        follows
    }

    /// The entries from `index` on were dropped; hands out their slots.
    pub(super) fn truncate(&mut self, index: u64) -> Vec<Slot> {
        let first = self.first();
        self.summary.truncate(index);
        let left = usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX);
        self.slots.split_off(left.min(self.slots.len())).into()
    }

    /// The entries up to a mark were dropped; hands out their slots.
    pub(super) fn purge(&mut self, purged: Purged) -> Vec<Slot> {
        let first = self.first();
        let gone = usize::try_from(purged.index.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.summary.purge(purged);
        self.slots.drain(..gone.min(self.slots.len())).collect()
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.slots.len() as u64 <= self.summary.count(), "every slot has an index");
        let places: Vec<_> = self.slots.iter().map_while(|slot| slot.place).collect();
        assert!(places.is_sorted(), "what follows was written behind");
        let unwritten = self.slots.iter().skip_while(|slot| slot.place.is_some());
        assert!(unwritten.clone().all(|slot| slot.place.is_none()), "what waits is at the end");
        assert!(unwritten.clone().all(|slot| slot.bytes.is_some()), "what waits is in memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(turn: u64) -> Slot {
        Slot { place: Some(Place { segment: 1, offset: turn as u32 * 8 }), length: 0, turn, bytes: None }
    }

    fn purged(index: u64) -> Purged {
        Purged { index, id: Bytes::new() }
    }

    fn turns(slots: &[Slot]) -> Vec<u64> {
        slots.iter().map(|slot| slot.turn).collect()
    }

    #[test]
    fn slots_follow_the_indexes() {
        let mut held = Held::default();
        for index in 5..10 {
            assert!(held.entry(index, slot(index)));
            held.check();
        }
        assert!(!held.entry(11, slot(11)));
        assert_eq!(held.slot(7).map(|slot| slot.turn), Some(7));
        assert_eq!((held.slot(4), held.slot(10)), (None, None));
        assert_eq!(turns(&held.purge(purged(6))), [5, 6]);
        assert_eq!(turns(&held.truncate(9)), [9]);
        assert_eq!(held.last().map(|(index, _)| index), Some(8));
        assert_eq!(turns(&held.truncate(0)), [7, 8]);
        assert_eq!((held.last(), held.summary.next()), (None, Some(7)));
        held.check();
    }

    #[test]
    fn slots_may_be_known_from_the_middle_on() {
        let summary = Summary { held: Some(3..9), ..Summary::default() };
        let mut held = Held::from_summary(summary);
        assert_eq!((held.first(), held.slot(5), held.last()), (9, None, None));
        assert!(held.entry(9, slot(9)));
        assert_eq!(held.slot(9).map(|slot| slot.turn), Some(9));
        assert!(held.purge(purged(4)).is_empty());
        assert_eq!(turns(&held.purge(purged(9))), [9]);
        held.check();
    }
}
