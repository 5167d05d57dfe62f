//! What is known of a group without its entries, and how each call changes it: the one place where that is decided,
//! for the calls, for what has been written, and for what is read back.

use std::ops::Range;

use bytes::Bytes;

use super::engine::Purged;
use super::record::{u32_at, u64_at};

/// A group's vote, marks and counts at one place of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) vote: Option<Bytes>,
    pub(super) purged: Option<Purged>,
    /// Indexes that are held; `None` as long as any index may come next.
    pub(super) held: Option<Range<u64>>,
    /// How many records of the group were written.
    pub(super) turn: u64,
}

impl Summary {
    /// The only index that may come next; any, when nothing is held and nothing was purged.
    pub(super) fn next(&self) -> Option<u64> {
        self.held.as_ref().map(|held| held.end)
    }

    /// How many entries are held.
    pub(super) fn count(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.end - held.start)
    }

    /// An entry was appended: if it follows.
    pub(super) fn entry(&mut self, index: u64) -> bool {
        let end = index.saturating_add(1);
        match &mut self.held {
            Some(held) if held.end != index => return false,
            Some(held) => held.end = end,
            None => self.held = Some(index..end),
        }
        self.turn += 1;
        true
    }

    /// A vote was saved.
    pub(super) fn vote(&mut self, vote: Bytes) {
        self.vote = Some(vote);
        self.turn += 1;
    }

    /// Whether dropping the entries from `index` on changes anything.
    pub(super) fn would_truncate(&self, index: u64) -> bool {
        self.held.as_ref().is_some_and(|held| held.end > index && !held.is_empty())
    }

    /// The entries from `index` on were dropped.
    pub(super) fn truncate(&mut self, index: u64) {
        if let Some(held) = &mut self.held {
            held.end = held.end.min(index).max(held.start);
            if held.is_empty() && self.purged.is_none() {
                self.held = None;
            }
        }
        self.turn += 1;
    }

    /// Whether a purge up to `index` changes anything.
    pub(super) fn would_purge(&self, index: u64) -> bool {
        self.purged.as_ref().is_none_or(|purged| purged.index < index)
    }

    /// The entries up to a mark were dropped.
    pub(super) fn purge(&mut self, purged: Purged) {
        let start = purged.index.saturating_add(1);
        let end = self.held.as_ref().map_or(start, |held| held.end.max(start));
        let first = self.held.as_ref().map_or(start, |held| held.start.max(start));
        self.held = Some(first..end);
        self.purged = Some(purged);
        self.turn += 1;
    }

    /// As the payload of an opening.
    pub(super) fn encode(&self) -> Vec<u8> {
        let vote = self.vote.as_deref().unwrap_or_default();
        let id = self.purged.as_ref().map_or(&[][..], |purged| &purged.id);
        let held = self.held.clone().unwrap_or_default();
        let present = u64::from(self.vote.is_some())
            | u64::from(self.purged.is_some()) << 1
            | u64::from(self.held.is_some()) << 2;
        let mut payload = Vec::with_capacity(OPENING_BYTES + vote.len() + id.len());
        for number in [present, held.start, held.end, self.purged.as_ref().map_or(0, |purged| purged.index)] {
            payload.extend(number.to_le_bytes());
        }
        for length in [vote.len(), id.len()] {
            payload.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        payload.extend(vote);
        payload.extend(id);
        payload
    }

    /// From the payload of an opening, and the turn in its head; `None` if it is none.
    pub(super) fn decode(payload: &[u8], turn: u64) -> Option<Self> {
        let (fixed, rest) = payload.split_at_checked(OPENING_BYTES)?;
        let present = u64_at(fixed, 0);
        let (vote, id) = rest.split_at_checked(u32_at(fixed, 32) as usize)?;
        let held = u64_at(fixed, 8)..u64_at(fixed, 16);
        if id.len() != u32_at(fixed, 36) as usize || held.start > held.end {
            return None;
        }
        let purged = Purged { index: u64_at(fixed, 24), id: Bytes::copy_from_slice(id) };
        Some(Self {
            vote: (present & 1 != 0).then(|| Bytes::copy_from_slice(vote)),
            purged: (present & 2 != 0).then_some(purged),
            held: (present & 4 != 0).then_some(held),
            turn,
        })
    }
}

/// Four numbers of 8 bytes and two of 4.
const OPENING_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn purged(index: u64) -> Purged {
        Purged { index, id: Bytes::from_static(b"id") }
    }

    #[test]
    fn entries_follow_one_another() {
        let mut summary = Summary::default();
        assert!(summary.entry(5), "a new group begins anywhere");
        assert!(!summary.entry(5) && !summary.entry(7));
        assert!(summary.entry(6));
        assert_eq!((summary.held.clone(), summary.turn), (Some(5..7), 2));
        summary.truncate(6);
        assert!(summary.entry(6));
        summary.truncate(0);
        assert_eq!(summary.held, None, "nothing is left that has to be followed");
        summary.purge(purged(9));
        assert!(!summary.entry(9) && summary.entry(10));
        summary.truncate(3);
        assert_eq!(summary.held, Some(10..10));
    }

    #[test]
    fn a_purge_takes_what_it_covers() {
        let mut summary = Summary::default();
        (1..6).for_each(|index| assert!(summary.entry(index)));
        summary.purge(purged(3));
        assert_eq!(summary.held, Some(4..6));
        assert!(!summary.would_purge(3) && summary.would_purge(4));
        summary.purge(purged(8));
        assert_eq!(summary.held, Some(9..9));
    }

    #[test]
    fn a_summary_survives_as_an_opening() {
        let mut summary = Summary::default();
        let mut seen = vec![summary.clone()];
        summary.vote(Bytes::from_static(b"vote"));
        seen.push(summary.clone());
        summary.entry(3);
        seen.push(summary.clone());
        summary.purge(purged(7));
        seen.push(summary);
        for summary in seen {
            let payload = summary.encode();
            assert_eq!(Summary::decode(&payload, summary.turn), Some(summary));
            assert_eq!(Summary::decode(&payload[..payload.len() - 1], 0), None);
        }
    }
}
