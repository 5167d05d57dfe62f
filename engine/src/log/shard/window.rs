//! From memory to the store: once in a while everything that changed is handed over as one [`Window`], and once that
//! is stored, what was not touched for long may leave memory. One window of a shard is on its way at a time.

use std::mem;

use bytes::Bytes;
use fanfare_cluster::Position;
use fanfare_protocol::TopicName;

use super::ShardState;
use crate::hash::HashMap;
use crate::log::memory::Memory;
use crate::log::rows::{Change, ShardRow, Window};
use crate::log::slot::Slot;

/// What a command costs beside its bytes until it is stored.
const COMMAND_OVERHEAD_BYTES: u64 = 256;

/// What one topic keeps of its history in memory: 4 MiB, by default all of it. Longer ones are read from the store by
/// those who go back that far.
const TAIL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a topic keeps that was touched lately when memory is short.
const TAIL_BYTES_MIN: u64 = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Of the last one that was handed over.
    number: u64,
    /// Where the shard stood then.
    handed: Position,
    on_the_way: Option<OnTheWay>,
    /// Topics that the store still shows and that are no more, with the window that tells it so; 0 while none has.
    ended: HashMap<TopicName, u64>,
    dead: Vec<u64>,
    /// Places in the queue of deadlines that ended topics leave behind.
    dues_gone: Vec<(u64, TopicName)>,
    unwritten_bytes: u64,
}

/// A window that was handed over and is not known to be stored.
#[derive(Debug)]
struct OnTheWay {
    number: u64,
    topics: Vec<TopicName>,
    bytes: u64,
}

impl Windows {
    pub(super) fn after(stored: Position) -> Self {
        Self { handed: stored, ..Self::default() }
    }

    pub(super) fn grew(&mut self, commands: &[Bytes], memory: &Memory) {
        let bytes: u64 = commands.iter().map(|command| command.len() as u64 + COMMAND_OVERHEAD_BYTES).sum();
        self.unwritten_bytes += bytes;
        memory.move_unwritten(0, bytes);
    }

    pub(super) fn ended(&mut self, name: TopicName, slot: &Slot) {
        self.dead.push(slot.log.number);
        self.dues_gone.extend(slot.handed_due_ms.map(|at_ms| (at_ms, name.clone())));
        self.ended.insert(name, 0);
    }

    pub(super) fn has_ended(&self, topic: &str) -> bool {
        self.ended.contains_key(topic)
    }
}

impl ShardState {
    /// Everything that changed since the last window; `None` when nothing did, or when one is still on its way. The
    /// caller stores it, and says so by [`Self::stored`]; one that cannot be stored must be tried again or ends the shard.
    pub fn window(&mut self) -> Option<Window> {
        let is_still = self.position == self.windows.handed && self.books.dirty.is_empty();
        if self.windows.on_the_way.is_some() || is_still {
            return None;
        }
        self.windows.number += 1;
        let number = self.windows.number;
        let mut changes = Vec::new();
        let mut topics = Vec::new();
        for name in mem::take(&mut self.books.dirty) {
            if let Some(slot) = self.topics.get_mut(&name)
                && slot.is_dirty
            {
                slot.collect(number, &mut changes);
                topics.push(name);
            }
        }
        for (name, told_by) in self.windows.ended.iter_mut().filter(|(_, told_by)| **told_by == 0) {
            *told_by = number;
            if !self.topics.contains_key(name) {
                changes.push(Change::TopicGone(name.clone()));
            }
        }
        for (at_ms, name) in mem::take(&mut self.windows.dues_gone) {
            if self.topics.get(&name).is_none_or(|slot| slot.handed_due_ms != Some(at_ms)) {
                changes.push(Change::DueGone(at_ms, name));
            }
        }
        changes.extend(mem::take(&mut self.windows.dead).into_iter().map(Change::Dead));
        self.windows.handed = self.position.clone();
        let bytes = mem::take(&mut self.windows.unwritten_bytes);
        self.windows.on_the_way = Some(OnTheWay { number, topics, bytes });
        Some(Window { number, shard: self.row(), changes })
    }

    fn row(&self) -> ShardRow {
        ShardRow {
            position: self.position.clone(),
            now_ms: self.now_ms,
            next_number: self.next_number,
            policies: self.policies_command.clone(),
            usage: self.books.usage.clone(),
        }
    }

    /// The window of that number is durable.
    pub fn stored(&mut self, number: u64) {
        let Some(stored) = self.windows.on_the_way.take_if(|window| window.number == number) else { return };
        for name in stored.topics {
            let Some(slot) = self.topics.get_mut(&name).filter(|slot| slot.window == number) else { continue };
            slot.log.history.stored();
            slot.log.history.evict(TAIL_BYTES_MAX);
            self.books.weighed(slot);
            self.unstored.remove(&name);
        }
        self.windows.ended.retain(|_, told_by| *told_by != number);
        self.books.memory.move_unwritten(stored.bytes, 0);
    }

    /// Lets go of what the store has, the longest untouched first, until hot topics take at most that many bytes, or
    /// nothing more can go.
    pub fn evict(&mut self, hot_bytes_max: u64) {
        if self.stored.is_none() || self.books.hot_bytes <= hot_bytes_max {
            return;
        }
        let on_the_way = self.windows.on_the_way.as_ref().map(|window| window.number);
        let is_clean = |slot: &Slot| !slot.is_dirty && Some(slot.window) != on_the_way;
        let mut clean: Vec<_> =
            self.topics.values().filter(|slot| is_clean(slot)).map(|s| (s.window, &s.name)).collect();
        clean.sort_unstable();
        let clean: Vec<TopicName> = clean.into_iter().map(|(_, name)| name.clone()).collect();
        for name in clean {
            if self.books.hot_bytes <= hot_bytes_max {
                break;
            }
            self.cool(&name);
        }
        if self.books.hot_bytes > hot_bytes_max {
            for slot in self.topics.values_mut() {
                slot.log.history.evict(TAIL_BYTES_MIN);
                self.books.weighed(slot);
            }
        }
        if self.topics.capacity() > self.topics.len() * 4 {
            self.topics.shrink_to_fit();
        }
    }

    fn cool(&mut self, name: &TopicName) {
        let Some(slot) = self.topics.remove(name) else { return };
        if let Some(queued_ms) = slot.queued_ms {
            self.deadlines.remove(queued_ms, name.clone());
            self.cold_due_ms = self.cold_due_ms.min(queued_ms);
        }
        self.books.cooled(&slot);
    }

    /// What hot topics of this shard take, roughly.
    #[must_use]
    pub fn hot_bytes(&self) -> u64 {
        self.books.hot_bytes
    }
}
