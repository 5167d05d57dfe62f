//! The retained publications of a topic: kept so that whoever was away can be handed what it missed. Bounded by
//! count, bytes and age: by count alone, one topic of large payloads would eat the memory of a thousand small ones.
//!
//! Only the latest are here, in the [`tail`](History::tail); what is older lies in the store alone, and this room knows
//! its sum. Offsets are the topic's business; this one forgets the oldest, knows from where the topic can still be
//! resumed, and hands what is new to the next window.

use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_cluster::StateFault;
use fanfare_protocol::Event;

use super::digest::Digest;
use super::expiry::Deadlines;
use super::policy::Policy;
use super::read::ReadLimit;
use super::rows::{Change, ItemRow, TopicRow};
use super::stored::{Inconsistent, Stored};
use super::weight;

/// A quiet topic is trimmed by age when its oldest is a sixteenth over it, so that a day of steady traffic that then
/// falls silent costs some sixteen proposals and not one per publication.
const AGE_SLACK_DIVISOR: u64 = 16;

/// Publications that one command forgets: four of the largest batches, so that a topic shrinks faster than it grows,
/// and a million that age out at once do not hold up the shard; the rest follows with the next commands.
const FORGET_MAX: usize = 4_096;

/// Read ahead of what is to be forgotten.
const FRONT: ReadLimit = ReadLimit { count: 256, bytes: 1024 * 1024 };

/// See the module.
#[derive(Debug)]
pub(super) struct History {
    /// The latest, in ascending offset.
    tail: VecDeque<Item>,
    tail_bytes: u64,
    /// Everything retained with a greater offset is in the tail.
    tail_after: u64,
    /// The oldest of those that only the store holds, read ahead when something is to be forgotten.
    front: VecDeque<Mark>,
    /// Of all that is retained, here and in the store.
    count: u64,
    bytes: u64,
    /// The oldest offset from which the topic can be resumed: everything after it is retained, except what left by its
    /// own `ttl`, which no reader has a claim to.
    floor: u64,
    /// Nothing that is retained was appended before.
    oldest_ms: Option<u64>,
    /// Of publications with a `ttl`: their offsets and bytes.
    leaving: Deadlines<(u64, u64)>,
    /// Up to where, and from where, windows know the history.
    handed_through: u64,
    handed_floor: u64,
    /// Handed over, and left since by their own `ttl`.
    left: Vec<u64>,
    /// Up to where the store is known to hold it.
    stored_through: u64,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) offset: u64,
    pub(super) event: Arc<Event>,
    pub(super) bytes: u64,
    appended_ms: u64,
    leaves_ms: Option<u64>,
}

/// What has to be known of a publication to forget it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: u64,
    bytes: u64,
    appended_ms: u64,
    leaves_ms: Option<u64>,
}

/// Where what is not in memory is read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) stored: Option<&'a dyn Stored>,
    pub(super) number: u64,
    pub(super) epoch: u64,
    /// What left by its own `ttl` up to here may still have a row.
    pub(super) settled_ms: u64,
}

/// When a history of so much, the oldest of it of that time, has to be trimmed though nothing is published: at once, which
/// is 0, when a policy has come that retains less.
pub(super) fn trim_due_ms(policy: &Policy, count: u64, bytes: u64, oldest_ms: Option<u64>) -> Option<u64> {
    let age_ms = policy.history_age_ms.saturating_add(policy.history_age_ms / AGE_SLACK_DIVISOR);
    let is_over = count > policy.history_count || bytes > policy.history_bytes;
    oldest_ms.map(|oldest_ms| if is_over { 0 } else { oldest_ms.saturating_add(age_ms) })
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            tail: VecDeque::new(),
            tail_bytes: 0,
            tail_after: 0,
            front: VecDeque::new(),
            count: 0,
            bytes: 0,
            floor: 0,
            oldest_ms: None,
            leaving: Deadlines::new(),
            handed_through: 0,
            handed_floor: 0,
            left: Vec::new(),
            stored_through: 0,
        }
    }

    /// As it is stored: nothing of it is in memory.
    pub(super) fn restore(row: &TopicRow, source: Source<'_>) -> Result<Self, StateFault> {
        let mut history = Self {
            tail_after: row.head,
            count: row.history_count,
            bytes: row.history_bytes,
            floor: row.floor,
            oldest_ms: row.oldest_ms,
            handed_through: row.head,
            handed_floor: row.floor,
            stored_through: row.head,
            ..Self::new()
        };
        let mut after = row.floor;
        while (history.leaving.len() as u64) < row.leaving_count {
            let marks = source.marks(after, row.head)?;
            let Some(last) = marks.last() else {
                return Err(Inconsistent::Leaving { topic: source.number }.into());
            };
            after = last.offset;
            for mark in marks {
                if let Some(at_ms) = mark.leaves_ms.filter(|at_ms| *at_ms > source.settled_ms) {
                    history.leaving.insert(at_ms, (mark.offset, mark.bytes));
                }
            }
        }
        Ok(history)
    }

    /// Offsets ascend. With `leaves_ms` the event leaves at that shard time by itself.
    pub(super) fn append(&mut self, now_ms: u64, offset: u64, event: Arc<Event>, leaves_ms: Option<u64>) {
        let bytes = weight::of_event(&event);
        self.count += 1;
        self.bytes += bytes;
        self.tail_bytes += bytes;
        self.oldest_ms.get_or_insert(now_ms);
        if let Some(at_ms) = leaves_ms {
            self.leaving.insert(at_ms, (offset, bytes));
        }
        self.tail.push_back(Item { offset, event, bytes, appended_ms: now_ms, leaves_ms });
    }

    /// Forgets the oldest until the bounds hold.
    pub(super) fn trim(&mut self, now_ms: u64, policy: &Policy, source: Source<'_>) -> Result<(), StateFault> {
        for _ in 0..FORGET_MAX {
            let young = |ms: u64| now_ms.saturating_sub(ms) < policy.history_age_ms;
            let fits = self.count <= policy.history_count && self.bytes <= policy.history_bytes;
            if fits && self.oldest_ms.is_none_or(young) {
                return Ok(());
            }
            let Some(oldest) = self.oldest(source)? else {
                self.oldest_ms = None;
                return Ok(());
            };
            // The one that was the oldest may have left by its own `ttl`.
            if fits && young(oldest.appended_ms) {
                self.oldest_ms = Some(oldest.appended_ms);
                return Ok(());
            }
            self.forget(oldest);
        }
        Ok(())
    }

    fn oldest(&mut self, source: Source<'_>) -> Result<Option<Mark>, StateFault> {
        let mut after = self.floor;
        while self.front.is_empty() && self.count > self.tail.len() as u64 {
            let marks = source.marks(after, self.tail_after)?;
            let Some(last) = marks.last() else {
                return Err(Inconsistent::History { topic: source.number }.into());
            };
            after = last.offset;
            let left = |mark: &Mark| mark.leaves_ms.is_some_and(|at_ms| at_ms <= source.settled_ms);
            self.front.extend(marks.into_iter().filter(|mark| !left(mark)));
        }
        Ok(self.front.front().copied().or_else(|| self.tail.front().map(Item::mark)))
    }

    /// Of the oldest, wherever it is.
    fn forget(&mut self, oldest: Mark) {
        if self.front.pop_front().is_none() && self.tail.pop_front().is_some() {
            self.tail_bytes -= oldest.bytes;
            self.tail_after = self.tail_after.max(oldest.offset);
        }
        self.count -= 1;
        self.bytes -= oldest.bytes;
        self.floor = oldest.offset;
        let next = self.front.front().copied().or_else(|| self.tail.front().map(Item::mark));
        // Unknown while the next one is in the store alone: that it is not older is all that is needed.
        self.oldest_ms =
            if self.count == 0 { None } else { next.map_or(self.oldest_ms, |mark| Some(mark.appended_ms)) };
        if let Some(at_ms) = oldest.leaves_ms {
            self.leaving.remove(at_ms, (oldest.offset, oldest.bytes));
        }
    }

    /// Drops what leaves by its own `ttl`.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let mut in_tail = 0;
        let mut last_in_tail = 0;
        while let Some((_, (offset, bytes))) = self.leaving.pop_due(now_ms) {
            self.count -= 1;
            self.bytes -= bytes;
            if offset <= self.handed_through {
                self.left.push(offset);
            }
            if offset > self.tail_after {
                self.tail_bytes -= bytes;
                in_tail += 1;
                last_in_tail = offset;
            } else if let Some(place) = self.front.iter().position(|mark| mark.offset == offset) {
                self.front.remove(place);
            }
        }
        if self.count == 0 {
            self.oldest_ms = None;
        }
        match in_tail {
            0 => {}
            1 => {
                self.tail.remove(self.place_after(last_in_tail) - 1);
            }
            // One pass: taking many out of the middle one by one would move the rest each time.
            _ => self.tail.retain(|item| item.leaves_ms.is_none_or(|at_ms| at_ms > now_ms)),
        }
    }

    /// When something should be done about a topic to which nothing is published.
    pub(super) fn next_deadline(&self, policy: &Policy) -> Option<u64> {
        let retained = trim_due_ms(policy, self.count, self.bytes, self.oldest_ms);
        retained.into_iter().chain(self.leaving.next()).min()
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Publications retained.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Their bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Those of them that are in memory.
    pub(super) fn tail_bytes(&self) -> u64 {
        self.tail_bytes
    }

    /// What comes after this offset is in memory; what is retained up to it is in the store alone.
    pub(super) fn tail_after(&self) -> u64 {
        self.tail_after
    }

    /// Whether something retained is in the store alone.
    pub(super) fn reaches_into_store(&self) -> bool {
        self.count > self.tail.len() as u64
    }

    /// What comes after an offset, oldest first, as far as it is in memory.
    pub(super) fn after(&self, offset: u64) -> impl Iterator<Item = &Item> {
        self.tail.range(self.place_after(offset)..)
    }

    /// What comes before an offset, newest first, as far as it is in memory.
    pub(super) fn before(&self, offset: u64) -> impl Iterator<Item = &Item> {
        let end = offset.checked_sub(1).map_or(0, |last| self.place_after(last));
        self.tail.range(..end).rev()
    }

    /// The last ones, oldest first, as far as they are in memory.
    pub(super) fn last(&self, count: usize) -> impl ExactSizeIterator<Item = &Item> {
        self.tail.range(self.tail.len().saturating_sub(count)..)
    }

    fn place_after(&self, offset: u64) -> usize {
        self.tail.partition_point(|item| item.offset <= offset)
    }

    /// Nothing retained was appended before.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        self.oldest_ms
    }

    /// Publications that will leave by their own `ttl`.
    pub(super) fn leaving_count(&self) -> u64 {
        self.leaving.len() as u64
    }

    /// Tells the next window what it has to write.
    pub(super) fn collect(&mut self, number: u64, head: u64, out: &mut Vec<Change>) {
        let gone = self.floor.min(self.handed_through);
        if gone > self.handed_floor {
            out.push(Change::ItemsGone(number, self.handed_floor, gone));
        }
        let left = self.left.drain(..).filter(|offset| *offset > gone);
        out.extend(left.map(|offset| Change::ItemsGone(number, offset - 1, offset)));
        for item in self.tail.range(self.tail.partition_point(|item| item.offset <= self.handed_through)..) {
            out.push(Change::Item(number, item.row()));
        }
        self.handed_floor = self.floor;
        self.handed_through = head;
    }

    /// What was handed over last is in the store.
    pub(super) fn stored(&mut self) {
        self.stored_through = self.handed_through;
    }

    /// Lets go of the oldest in memory that the store has, down to that many bytes.
    pub(super) fn evict(&mut self, tail_bytes_max: u64) {
        while self.tail_bytes > tail_bytes_max
            && let Some(item) = self.tail.pop_front_if(|item| item.offset <= self.stored_through)
        {
            self.tail_bytes -= item.bytes;
            self.tail_after = item.offset;
        }
    }

    /// Over all that is retained, wherever it is.
    pub(super) fn digest(&self, digest: &mut Digest, source: Source<'_>) -> Result<(), StateFault> {
        digest.number(self.floor).number(self.count);
        let mut after = self.floor;
        while self.reaches_into_store() && after < self.tail_after {
            let rows = source.rows(after, self.tail_after)?;
            after = rows.last().map_or(self.tail_after, |row| row.offset);
            let stays = |row: &&ItemRow| row.leaves_ms.is_none_or(|at_ms| at_ms > source.settled_ms);
            for row in rows.iter().filter(stays) {
                digest.number(row.appended_ms).number(row.leaves_ms.unwrap_or(u64::MAX)).event(&row.event);
            }
        }
        for item in &self.tail {
            digest.number(item.appended_ms).number(item.leaves_ms.unwrap_or(u64::MAX)).event(&item.event);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn check(&self, head: u64) {
        assert!(self.tail.iter().zip(self.tail.iter().skip(1)).all(|(a, b)| a.offset < b.offset));
        assert_eq!(self.tail_bytes, self.tail.iter().map(|item| item.bytes).sum::<u64>());
        assert!(self.tail.iter().all(|item| item.offset > self.tail_after && item.offset > self.floor));
        assert!(self.tail.len() as u64 <= self.count && self.tail_bytes <= self.bytes);
        assert!(self.front.len() as u64 <= self.count - self.tail.len() as u64);
        assert!(self.floor <= head && self.stored_through <= self.handed_through && self.handed_through <= head);
        assert!(!self.reaches_into_store() || self.tail_after <= self.stored_through);
        assert_eq!(self.oldest_ms.is_some(), self.count > 0);
    }
}

impl Item {
    fn mark(&self) -> Mark {
        let Self { offset, bytes, appended_ms, leaves_ms, .. } = *self;
        Mark { offset, bytes, appended_ms, leaves_ms }
    }

    fn row(&self) -> ItemRow {
        let Self { offset, bytes, appended_ms, leaves_ms, .. } = *self;
        ItemRow { offset, event: Arc::clone(&self.event), bytes, appended_ms, leaves_ms }
    }
}

impl Source<'_> {
    fn rows(&self, after: u64, through: u64) -> Result<Vec<ItemRow>, StateFault> {
        let Some(stored) = self.stored else { return Ok(Vec::new()) };
        stored.items_after(self.number, self.epoch, after, through, FRONT)
    }

    fn marks(&self, after: u64, through: u64) -> Result<Vec<Mark>, StateFault> {
        let mark = |row: &ItemRow| Mark {
            offset: row.offset,
            bytes: row.bytes,
            appended_ms: row.appended_ms,
            leaves_ms: row.leaves_ms,
        };
        Ok(self.rows(after, through)?.iter().map(mark).collect())
    }
}
