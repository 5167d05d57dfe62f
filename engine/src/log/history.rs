//! The tail of a topic: its latest events, kept so that whoever was away can be handed what it missed. Bounded by
//! count, bytes and age: by count alone, one topic of large payloads would eat the memory of a thousand small ones.
//! Offsets are the topic's business; this room only forgets the oldest, and knows from where it can still be resumed.

use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_protocol::Event;

use super::digest::Digest;
use super::expiry::Deadlines;
use super::policy::Policy;
use super::weight;

/// A quiet topic is trimmed by age when its oldest is a sixteenth over it, so that a day of steady traffic that then
/// falls silent costs some sixteen proposals and not one per publication.
const AGE_SLACK_DIVISOR: u64 = 16;

/// Retained events in ascending offset.
#[derive(Debug)]
pub(super) struct History {
    items: VecDeque<Item>,
    bytes: u64,
    /// The oldest offset from which the topic can be resumed: everything after it is here, except what left by its
    /// own `ttl`, which no reader has a claim to.
    floor: u64,
    /// Of publications with a `ttl`.
    leaving: Deadlines<u64>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) offset: u64,
    pub(super) event: Arc<Event>,
    pub(super) bytes: u64,
    appended_ms: u64,
    leaves_ms: Option<u64>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { items: VecDeque::new(), bytes: 0, floor: 0, leaving: Deadlines::new() }
    }

    /// Offsets ascend. With `leaves_ms` the event leaves at that shard time by itself.
    pub(super) fn append(&mut self, now_ms: u64, offset: u64, event: Arc<Event>, leaves_ms: Option<u64>) {
        let bytes = weight::of_event(&event);
        self.bytes += bytes;
        if let Some(at_ms) = leaves_ms {
            self.leaving.insert(at_ms, offset);
        }
        self.items.push_back(Item { offset, event, bytes, appended_ms: now_ms, leaves_ms });
    }

    /// Forgets the oldest until the bounds hold.
    pub(super) fn trim(&mut self, now_ms: u64, policy: &Policy) {
        while let Some(oldest) = self.items.front() {
            let within = self.items.len() as u64 <= policy.history_count
                && self.bytes <= policy.history_bytes
                && now_ms.saturating_sub(oldest.appended_ms) < policy.history_age_ms;
            if within {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(item) = self.items.pop_front() else { return };
        self.floor = item.offset;
        self.bytes -= item.bytes;
        if let Some(at_ms) = item.leaves_ms {
            self.leaving.remove(at_ms, item.offset);
        }
    }

    /// Drops what leaves by its own `ttl`.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let mut due = Vec::new();
        while let Some((_, offset)) = self.leaving.pop_due(now_ms) {
            due.push(offset);
        }
        match *due {
            [] => {}
            [offset] => {
                let place = self.place_after(offset) - 1;
                if let Some(item) = self.items.remove(place) {
                    self.bytes -= item.bytes;
                }
            }
            // One pass: taking many out of the middle one by one would move the rest each time.
            _ => {
                let mut freed = 0;
                self.items.retain(|item| {
                    let stays = item.leaves_ms.is_none_or(|at_ms| at_ms > now_ms);
                    freed += if stays { 0 } else { item.bytes };
                    stays
                });
                self.bytes -= freed;
            }
        }
    }

    /// When something should be done about a topic to which nothing is published.
    pub(super) fn next_deadline(&self, policy: &Policy) -> Option<u64> {
        let age_ms = policy.history_age_ms.saturating_add(policy.history_age_ms / AGE_SLACK_DIVISOR);
        let aged = self.items.front().map(|oldest| oldest.appended_ms.saturating_add(age_ms));
        aged.into_iter().chain(self.leaving.next()).min()
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// What comes after an offset, oldest first.
    pub(super) fn after(&self, offset: u64) -> impl Iterator<Item = &Item> {
        self.items.range(self.place_after(offset)..)
    }

    /// What comes before an offset, newest first.
    pub(super) fn before(&self, offset: u64) -> impl Iterator<Item = &Item> {
        let end = offset.checked_sub(1).map_or(0, |last| self.place_after(last));
        self.items.range(..end).rev()
    }

    /// The last ones, oldest first.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &Item> {
        self.items.range(self.items.len().saturating_sub(count)..)
    }

    fn place_after(&self, offset: u64) -> usize {
        self.items.partition_point(|item| item.offset <= offset)
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.number(self.floor).number(self.items.len() as u64);
        for item in &self.items {
            digest.number(item.appended_ms).number(item.leaves_ms.unwrap_or(u64::MAX)).event(&item.event);
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self, head: u64, policy: &Policy) {
        let offsets: Vec<_> = self.items.iter().map(|item| item.offset).collect();
        assert!(offsets.is_sorted_by(|a, b| a < b), "offsets ascend: {offsets:?}");
        assert!(offsets.first().is_none_or(|first| *first > self.floor), "what is retained lies above the floor");
        assert!(offsets.last().is_none_or(|last| *last <= head) && self.floor <= head);
        assert_eq!(self.bytes, self.items.iter().map(|item| weight::of_event(&item.event)).sum::<u64>());
        assert!(self.items.len() as u64 <= policy.history_count && self.bytes <= policy.history_bytes);
        let leaving = self.items.iter().filter_map(|item| item.leaves_ms.map(|at_ms| (at_ms, item.offset)));
        let leaving: Vec<_> = leaving.collect();
        assert_eq!(leaving.len(), self.leaving.len());
        assert!(leaving.iter().all(|(at_ms, offset)| self.leaving.contains(*at_ms, *offset)));
        for item in &self.items {
            assert_eq!(item.event.resource_version.map(|version| version.offset), Some(item.offset));
        }
    }
}
