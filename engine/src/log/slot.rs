//! A topic's place in its shard: what the shard keeps beside the log itself.

use std::mem;
use std::sync::Arc;

use fanfare_cluster::EntryTime;
use fanfare_protocol::{Event, ResourceVersion, TopicName};

use super::committed::Committed;
use super::expiry::Deadlines;
use super::topic::TopicLog;

#[derive(Debug)]
pub(super) struct Slot {
    name: TopicName,
    pub(super) log: TopicLog,
    /// Where it stands in the shard's queue of deadlines: not later than its next deadline, unless that was reported
    /// as due. Moved only when the deadline becomes earlier or when it comes up, so that a publish hardly ever touches
    /// the queue.
    pub(super) queued_ms: Option<u64>,
    /// Its place in what the entry of that index has changed.
    changed: Option<(u64, usize)>,
}

/// At which entry, and when, a command is applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) index: u64,
    pub(super) time: EntryTime,
}

impl Slot {
    pub(super) fn new(name: TopicName, log: TopicLog) -> Self {
        Self { name, log, queued_ms: None, changed: None }
    }

    /// What this entry has changed in the topic so far.
    pub(super) fn committed<'a>(&self, at: Moment, out: &'a mut [Committed]) -> Option<&'a mut Committed> {
        let (index, place) = self.changed?;
        if index == at.index { out.get_mut(place) } else { None }
    }

    /// After a command: moves its fresh events to `out`, and queues the topic's next deadline.
    pub(super) fn settle(
        &mut self,
        at: Moment,
        before: ResourceVersion,
        fresh: &mut Vec<Arc<Event>>,
        deadlines: &mut Deadlines<TopicName>,
        out: &mut Vec<Committed>,
    ) {
        if !fresh.is_empty() {
            self.tell(at, before, fresh, out);
        }
        let Some(next_ms) = self.log.next_deadline() else { return };
        if self.queued_ms.is_some_and(|queued_ms| queued_ms <= next_ms) {
            return;
        }
        if let Some(queued_ms) = self.queued_ms.replace(next_ms) {
            deadlines.remove(queued_ms, self.name.clone());
        }
        deadlines.insert(next_ms, self.name.clone());
    }

    fn tell(&mut self, at: Moment, before: ResourceVersion, fresh: &mut Vec<Arc<Event>>, out: &mut Vec<Committed>) {
        let through = self.log.version();
        if let Some(committed) = self.committed(at, out) {
            committed.through = through;
            committed.events.append(fresh);
            return;
        }
        self.changed = Some((at.index, out.len()));
        out.push(Committed {
            index: at.index,
            topic: self.name.clone(),
            created: before.offset == 0,
            after: before,
            through,
            events: mem::take(fresh),
            deleted: false,
        });
    }
}
