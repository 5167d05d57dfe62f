//! A topic's place in its shard: what the shard keeps beside the log itself.

use std::mem;

use fanfare_cluster::EntryTime;
use fanfare_protocol::{ResourceVersion, TopicName};

use super::committed::{Committed, Fresh};
use super::expiry::Deadlines;
use super::rows::Change;
use super::topic::TopicLog;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: TopicName,
    pub(super) log: TopicLog,
    /// Where it stands in the shard's queue of deadlines: not later than its next deadline, unless that was reported
    /// as due. Moved only when the deadline becomes earlier or when it comes up, so that a publish hardly ever touches
    /// the queue.
    pub(super) queued_ms: Option<u64>,
    /// Its place in what the entry of that index has changed.
    changed: Option<(u64, usize)>,
    /// What the namespace's quota and the budget of memory count it as.
    pub(super) counted_bytes: u64,
    pub(super) memory_bytes: u64,
    /// It changed since the last window.
    pub(super) is_dirty: bool,
    /// The last window that it was part of; 0 when it was restored and not touched since.
    pub(super) window: u64,
    /// Its place in the queue of deadlines as windows know it.
    pub(super) handed_due_ms: Option<u64>,
    /// Windows know that it exists.
    pub(super) is_handed: bool,
}

/// At which entry, and when, a command is applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) index: u64,
    pub(super) time: EntryTime,
}

impl Slot {
    /// A new topic.
    pub(super) fn new(name: TopicName, log: TopicLog) -> Self {
        Self {
            name,
            log,
            queued_ms: None,
            changed: None,
            counted_bytes: 0,
            memory_bytes: 0,
            is_dirty: false,
            window: 0,
            handed_due_ms: None,
            is_handed: false,
        }
    }

    /// One that was read back, and stood in the queue at that time.
    pub(super) fn restored(name: TopicName, log: TopicLog, due_ms: Option<u64>) -> Self {
        let (counted_bytes, memory_bytes) = (log.bytes(), log.memory_bytes());
        let known = Self { queued_ms: due_ms, handed_due_ms: due_ms, is_handed: true, ..Self::new(name, log) };
        Self { counted_bytes, memory_bytes, ..known }
    }

    /// What this entry has changed in the topic so far.
    pub(super) fn committed<'a>(&self, at: Moment, out: &'a mut [Committed]) -> Option<&'a mut Committed> {
        let (index, place) = self.changed?;
        if index == at.index { out.get_mut(place) } else { None }
    }

    /// After a command: moves its fresh events to `out`.
    pub(super) fn tell(&mut self, at: Moment, before: ResourceVersion, fresh: &mut Fresh, out: &mut Vec<Committed>) {
        if fresh.events.is_empty() {
            return;
        }
        let through = self.log.version();
        if let Some(committed) = self.committed(at, out) {
            committed.through = through;
            committed.events.append(&mut fresh.events);
            committed.replaced.append(&mut fresh.replaced);
            return;
        }
        self.changed = Some((at.index, out.len()));
        out.push(Committed {
            index: at.index,
            topic: self.name.clone(),
            created: before.offset == 0,
            after: before,
            through,
            events: mem::take(&mut fresh.events),
            replaced: mem::take(&mut fresh.replaced),
            deleted: false,
        });
    }

    /// After a command: queues the topic's next deadline.
    pub(super) fn queue(&mut self, deadlines: &mut Deadlines<TopicName>) {
        let Some(next_ms) = self.log.next_deadline() else { return };
        if self.queued_ms.is_some_and(|queued_ms| queued_ms <= next_ms) {
            return;
        }
        if let Some(queued_ms) = self.queued_ms.replace(next_ms) {
            deadlines.remove(queued_ms, self.name.clone());
        }
        deadlines.insert(next_ms, self.name.clone());
    }

    /// Tells the window of that number what it has to write.
    pub(super) fn collect(&mut self, window: u64, out: &mut Vec<Change>) {
        let row = self.log.collect(self.queued_ms, out);
        if self.handed_due_ms != self.queued_ms {
            let gone = self.handed_due_ms.map(|at_ms| Change::DueGone(at_ms, self.name.clone()));
            let due = self.queued_ms.map(|at_ms| Change::Due(at_ms, self.name.clone()));
            out.extend(gone.into_iter().chain(due));
            self.handed_due_ms = self.queued_ms;
        }
        out.push(Change::Topic(self.name.clone(), row));
        self.is_dirty = false;
        self.is_handed = true;
        self.window = window;
    }
}
