//! What a shard counts over its topics, brought up to date after each command: quotas, memory, what the next window
//! has to look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use fanfare_protocol::TopicName;

use crate::log::memory::Memory;
use crate::log::rows::Usage;
use crate::log::slot::Slot;

#[derive(Debug)]
pub(super) struct Books {
    /// By the policy that counts a topic.
    pub(super) usage: BTreeMap<String, Usage>,
    /// Topics that changed since the last window, some of them gone again. Stays empty where nothing is stored.
    pub(super) dirty: Vec<TopicName>,
    /// What hot topics of this shard take.
    pub(super) hot_bytes: u64,
    pub(super) memory: Arc<Memory>,
    pub(super) is_stored: bool,
}

impl Books {
    pub(super) fn new(usage: BTreeMap<String, Usage>, memory: Arc<Memory>, is_stored: bool) -> Self {
        Self { usage, dirty: Vec::new(), hot_bytes: 0, memory, is_stored }
    }

    /// A topic has come to be.
    pub(super) fn created(&mut self, slot: &Slot) {
        match self.usage.get_mut(&*slot.log.counted_by) {
            Some(usage) => usage.topics += 1,
            None => {
                self.usage.insert(slot.log.counted_by.to_string(), Usage { topics: 1, bytes: 0 });
            }
        }
    }

    /// A command has touched a topic.
    pub(super) fn touched(&mut self, slot: &mut Slot) {
        let bytes = slot.log.bytes();
        if bytes != slot.counted_bytes
            && let Some(usage) = self.usage.get_mut(&*slot.log.counted_by)
        {
            usage.bytes = usage.bytes - slot.counted_bytes + bytes;
            slot.counted_bytes = bytes;
        }
        self.weighed(slot);
        self.dirtied(slot);
    }

    /// The next window has to look at a topic.
    pub(super) fn dirtied(&mut self, slot: &mut Slot) {
        if self.is_stored && !slot.is_dirty {
            slot.is_dirty = true;
            self.dirty.push(slot.name.clone());
        }
    }

    /// What a topic takes in memory has changed.
    pub(super) fn weighed(&mut self, slot: &mut Slot) {
        let memory_bytes = slot.log.memory_bytes();
        self.hot_bytes = self.hot_bytes - slot.memory_bytes + memory_bytes;
        self.memory.move_hot(slot.memory_bytes, memory_bytes);
        slot.memory_bytes = memory_bytes;
    }

    /// A topic has come into memory.
    pub(super) fn warmed(&mut self, slot: &Slot) {
        self.hot_bytes += slot.memory_bytes;
        self.memory.move_hot(0, slot.memory_bytes);
    }

    /// A topic has left memory.
    pub(super) fn cooled(&mut self, slot: &Slot) {
        self.hot_bytes -= slot.memory_bytes;
        self.memory.move_hot(slot.memory_bytes, 0);
    }

    /// A topic has ended, and left memory.
    pub(super) fn ended(&mut self, slot: &Slot) {
        self.cooled(slot);
        if let Some(usage) = self.usage.get_mut(&*slot.log.counted_by) {
            usage.topics -= 1;
            usage.bytes -= slot.counted_bytes;
            if usage.topics == 0 {
                self.usage.remove(&*slot.log.counted_by);
            }
        }
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.memory.move_hot(self.hot_bytes, 0);
    }
}
