//! The state machine of a shard: the topics that hash to it. Committed entries go in; answers, and what changed in
//! which topic, come out. Never reads a clock and never draws a number: the same entries give the same state on every
//! replica, which [`ShardState::digest`] sums up.
//!
//! A topic is *hot* when it is in memory, and *cold* when only the store has it: a command warms it, [`window`] writes
//! what changed and lets go of what was not touched for long. In an ephemeral shard there is no store and every topic
//! is hot. Which topics are hot is no part of the agreed state.

mod books;
mod due;
mod window;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Entry, EntryTime, Position, StateFault};
use fanfare_protocol::TopicName;

use super::answer::{Answer, Deleted, Expired, Published};
use super::command::{self, Publish, SetPolicies, Verb};
use super::committed::{Committed, Fresh};
use super::digest::Digest;
use super::expiry::Deadlines;
use super::memory::Memory;
use super::policy::{Kind, Policies};
use super::refusal::Refusal;
use super::rows::Usage;
use super::slot::{Moment, Slot};
use super::stored::{Inconsistent, Stored};
use super::topic::TopicLog;
use crate::hash::HashMap;
use books::Books;
use due::Review;
use window::Windows;

/// The topics of one shard.
///
/// A topic stays until it is deleted, also when it is empty and silent: collecting its few hundred bytes ends its epoch
/// and is left to a later version.
pub struct ShardState {
    pub(super) stored: Option<Arc<dyn Stored>>,
    policies: Arc<Policies>,
    /// As the command that set them carried them.
    policies_command: Bytes,
    policies_version: u64,
    /// Hot ones.
    pub(super) topics: HashMap<TopicName, Slot>,
    /// Those that the store does not have yet, in order, for lists.
    pub(super) unstored: BTreeSet<TopicName>,
    deadlines: Deadlines<TopicName>,
    /// Of topics that were cold when this was last looked at: nothing is due before.
    cold_due_ms: u64,
    review: Option<Review>,
    books: Books,
    windows: Windows,
    next_number: u64,
    position: Position,
    now_ms: u64,
    /// Events of the command at hand.
    fresh: Fresh,
}

impl ShardState {
    /// A shard without topics that stores nothing.
    #[must_use]
    pub fn new(policies: Arc<Policies>, memory: Arc<Memory>) -> Self {
        Self {
            stored: None,
            policies,
            policies_command: Bytes::new(),
            policies_version: 0,
            topics: HashMap::default(),
            unstored: BTreeSet::new(),
            deadlines: Deadlines::new(),
            cold_due_ms: u64::MAX,
            review: None,
            books: Books::new(Default::default(), memory, false),
            windows: Windows::default(),
            next_number: 1,
            position: Position::default(),
            now_ms: 0,
            fresh: Fresh::default(),
        }
    }

    /// A shard as it is stored, all topics cold. `policies` hold until a command sets others.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(stored: Arc<dyn Stored>, policies: Arc<Policies>, memory: Arc<Memory>) -> Result<Self, StateFault> {
        let row = stored.shard()?;
        let cold_due_ms = stored.due(u64::MAX, 1)?.first().map_or(u64::MAX, |(at_ms, _)| *at_ms);
        let mut shard = Self::new(policies, Arc::clone(&memory));
        if !row.policies.is_empty() {
            let Ok(Verb::SetPolicies(set)) = command::decode(row.policies.clone()) else {
                return Err(Inconsistent::Policies.into());
            };
            shard.policies = Arc::new(set.policies().map_err(|_| Inconsistent::Policies)?);
            shard.policies_version = set.version;
            shard.policies_command = row.policies;
        }
        shard.windows = Windows::after(row.position.clone());
        Ok(Self {
            stored: Some(stored),
            cold_due_ms,
            books: Books::new(row.usage, memory, true),
            next_number: row.next_number.max(1),
            position: row.position,
            now_ms: row.now_ms,
            ..shard
        })
    }

    /// Applies an entry: an answer per command, in their order; what changed is added to `out`, at most once per topic
    /// and life.
    ///
    /// # Errors
    /// When a topic cannot be read back. The state is then torn and must not be used again.
    pub fn apply(
        &mut self,
        entry: &Entry,
        position: Position,
        out: &mut Vec<Committed>,
    ) -> Result<Vec<Answer>, StateFault> {
        // A leader whose clock failed must not take time back.
        self.now_ms = self.now_ms.max(entry.time.shard_ms);
        self.position = position;
        let moment = Moment { index: entry.index, time: EntryTime { shard_ms: self.now_ms, ..entry.time } };
        if self.books.is_stored {
            self.windows.grew(&entry.commands, &self.books.memory);
        }
        entry.commands.iter().map(|command| self.apply_one(moment, command, out)).collect()
    }

    /// An entry that changes nothing but the position.
    pub fn pass(&mut self, position: Position) {
        self.position = position;
    }

    fn apply_one(&mut self, at: Moment, command: &Bytes, out: &mut Vec<Committed>) -> Result<Answer, StateFault> {
        let answer = match command::decode(command.clone()) {
            Ok(Verb::Publish(publish)) => self.publish(at, publish, command.len(), out)?.map(Answer::Published),
            Ok(Verb::DeleteTopic(delete)) => self.delete(at, &delete.topic, out)?.map(Answer::Deleted),
            Ok(Verb::Expire(expire)) => Ok(Answer::Expired(Expired { keys: self.expire(at, &expire.topic, out)? })),
            Ok(Verb::SetPolicies(set)) => self.set_policies(&set, command).map(Answer::PoliciesSet),
            Err(refusal) => Err(refusal),
        };
        Ok(answer.unwrap_or_else(Answer::Refused))
    }

    fn publish(
        &mut self,
        at: Moment,
        publish: Publish,
        command_bytes: usize,
        out: &mut Vec<Committed>,
    ) -> Result<Result<Published, Refusal>, StateFault> {
        if !self.warm(&publish.topic)? {
            return Ok(self.create(at, publish, command_bytes, out));
        }
        let stored = self.stored.as_deref();
        let Some(slot) = self.topics.get_mut(publish.topic.as_str()) else { return Ok(Err(Refusal::TopicNotFound)) };
        if slot.log.policy.moving_to.is_some() {
            return Ok(Err(Refusal::Moving));
        }
        let before = slot.log.version();
        // Once for all commands of an entry: they have one time.
        if slot.log.settled_ms() < at.time.shard_ms {
            slot.log.expire(at.time, stored, &mut self.fresh)?;
        }
        let result = slot.log.publish(at.time, publish, command_bytes, stored, &mut self.fresh)?;
        slot.tell(at, before, &mut self.fresh, out);
        slot.queue(&mut self.deadlines);
        self.books.touched(slot);
        Ok(result)
    }

    fn create(
        &mut self,
        at: Moment,
        publish: Publish,
        command_bytes: usize,
        out: &mut Vec<Committed>,
    ) -> Result<Published, Refusal> {
        let name = TopicName::parse(&publish.topic).map_err(|_| Refusal::BadTopic)?;
        let policy = Arc::clone(self.policies.of(name.namespace()));
        if policy.moving_to.is_some() {
            return Err(Refusal::Moving);
        }
        if policy.kind == Kind::Document {
            return Err(Refusal::NotSupported);
        }
        // To delete a key of a topic that does not exist must not create it.
        if !publish.publications.is_empty() && publish.publications.iter().all(|publication| publication.delete) {
            return Err(Refusal::TopicNotFound);
        }
        if self.usage(&policy.name).topics >= policy.topics_max {
            return Err(Refusal::TooManyTopics { topics_max: policy.topics_max });
        }
        let mut log = TopicLog::new(at.time, self.next_number, publish.new_epoch, policy);
        let before = log.version();
        // Nothing is stored of it yet, so nothing can fail to be read.
        let published = log
            .publish(at.time, publish, command_bytes, None, &mut self.fresh)
            .unwrap_or_else(|_| unreachable!("a topic that was never stored is not read back"))?;
        self.next_number += 1;
        self.unstored.insert(name.clone());
        let slot = self.topics.entry(name.clone()).or_insert(Slot::new(name, log));
        self.books.created(slot);
        slot.tell(at, before, &mut self.fresh, out);
        slot.queue(&mut self.deadlines);
        self.books.touched(slot);
        Ok(published)
    }

    fn expire(&mut self, at: Moment, topic: &str, out: &mut Vec<Committed>) -> Result<u64, StateFault> {
        if !self.warm(topic)? {
            return Ok(0);
        }
        let Some(slot) = self.topics.get_mut(topic) else { return Ok(0) };
        let before = slot.log.version();
        let keys = slot.log.expire(at.time, self.stored.as_deref(), &mut self.fresh)?;
        slot.tell(at, before, &mut self.fresh, out);
        slot.queue(&mut self.deadlines);
        self.books.touched(slot);
        Ok(keys)
    }

    fn delete(
        &mut self,
        at: Moment,
        topic: &str,
        out: &mut Vec<Committed>,
    ) -> Result<Result<Deleted, Refusal>, StateFault> {
        self.warm(topic)?;
        let Some((name, slot)) = self.topics.remove_entry(topic) else { return Ok(Err(Refusal::TopicNotFound)) };
        self.unstored.remove(&name);
        if let Some(queued_ms) = slot.queued_ms {
            self.deadlines.remove(queued_ms, name.clone());
        }
        self.books.ended(&slot);
        let end = slot.log.version();
        match slot.committed(at, out) {
            Some(committed) => committed.deleted = true,
            None => out.push(Committed::ended(at.index, name.clone(), end)),
        }
        if slot.is_handed {
            self.windows.ended(name, &slot);
        }
        Ok(Ok(Deleted { epoch: end.epoch, offset: end.offset }))
    }

    /// Other policies hold from this entry on, also for topics that are there.
    fn set_policies(&mut self, set: &SetPolicies, command: &Bytes) -> Result<u64, Refusal> {
        if set.version <= self.policies_version {
            return Ok(self.policies_version);
        }
        self.policies = Arc::new(set.policies()?);
        self.policies_version = set.version;
        self.policies_command = command.clone();
        for slot in self.topics.values_mut() {
            let policy = self.policies.of(slot.name.namespace());
            if slot.log.policy == *policy {
                continue;
            }
            slot.log.follow(policy);
            slot.queue(&mut self.deadlines);
            self.books.touched(slot);
        }
        self.review = self.stored.as_ref().map(|_| Review::default());
        Ok(set.version)
    }

    /// Makes a topic hot; false when there is none of that name.
    fn warm(&mut self, topic: &str) -> Result<bool, StateFault> {
        if self.topics.contains_key(topic) {
            return Ok(true);
        }
        let Some(stored) = &self.stored else { return Ok(false) };
        if self.windows.has_ended(topic) {
            return Ok(false);
        }
        let Some(row) = stored.topic(topic)? else { return Ok(false) };
        let Ok(name) = TopicName::parse(topic) else { return Ok(false) };
        let policy = Arc::clone(self.policies.of(name.namespace()));
        let log = TopicLog::restore(&row, policy, stored.as_ref())?;
        let mut slot = Slot::restored(name.clone(), log, row.due_ms);
        if let Some(due_ms) = row.due_ms {
            self.deadlines.insert(due_ms, name.clone());
        }
        slot.queue(&mut self.deadlines);
        self.books.warmed(&slot);
        self.topics.insert(name, slot);
        Ok(true)
    }

    /// What the topics take that a policy counts.
    #[must_use]
    pub fn usage(&self, policy: &str) -> Usage {
        self.books.usage.get(policy).copied().unwrap_or_default()
    }

    /// The same for every policy that counts any.
    pub fn usages(&self) -> impl Iterator<Item = (&str, Usage)> {
        self.books.usage.iter().map(|(policy, usage)| (policy.as_str(), *usage))
    }

    /// The policies that are in force, and since which version.
    #[must_use]
    pub fn policies(&self) -> (u64, &Arc<Policies>) {
        (self.policies_version, &self.policies)
    }

    /// The index of the last entry applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.position.index
    }

    /// Where the state stands.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The name is not in memory, and may be in the store.
    pub(super) fn is_cold(&self, topic: &str) -> bool {
        self.stored.is_some() && !self.topics.contains_key(topic) && !self.windows.has_ended(topic)
    }

    pub(super) fn has_ended(&self, topic: &str) -> bool {
        self.windows.has_ended(topic)
    }

    pub(super) fn topic(&self, topic: &str) -> Option<&TopicLog> {
        self.topics.get(topic).map(|slot| &slot.log)
    }

    /// A sum over all that replicas have to agree on. Reads everything.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn digest(&self) -> Result<u128, StateFault> {
        let mut digest = Digest::new();
        digest.number(self.position.index).number(self.now_ms).number(self.next_number).number(self.policies_version);
        let mut names: BTreeSet<TopicName> = self.topics.keys().cloned().collect();
        if let Some(stored) = &self.stored {
            let listed = stored.list("", None, usize::MAX)?;
            names.extend(listed.into_iter().map(|(name, _)| name).filter(|name| !self.has_ended(name.as_str())));
        }
        digest.number(names.len() as u64);
        for name in &names {
            digest.bytes(name.as_str().as_bytes());
            let stored = self.stored.as_deref();
            if let Some(log) = self.topic(name.as_str()) {
                log.digest(&mut digest, stored)?;
            } else if let Some(stored) = stored
                && let Some(row) = stored.topic(name.as_str())?
            {
                let policy = Arc::clone(self.policies.of(name.namespace()));
                TopicLog::restore(&row, policy, stored)?.digest(&mut digest, Some(stored))?;
            }
        }
        Ok(digest.finish())
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.unstored.iter().all(|name| self.topics.contains_key(name)));
        assert!(self.fresh.is_empty(), "events of one command never reach the next");
        let mut queued = 0;
        let mut hot_bytes = 0;
        for (name, slot) in &self.topics {
            slot.log.check();
            assert_ne!(slot.log.head, 0, "a topic is created by its first publication");
            assert!(slot.log.next_deadline().is_none() || slot.queued_ms.is_some(), "what becomes due is queued");
            assert_eq!(slot.counted_bytes, slot.log.bytes());
            hot_bytes += slot.memory_bytes;
            if let Some(queued_ms) = slot.queued_ms {
                assert!(self.deadlines.contains(queued_ms, name.clone()));
                queued += 1;
            }
        }
        assert_eq!(queued, self.deadlines.len());
        assert_eq!(hot_bytes, self.books.hot_bytes);
        if self.stored.is_none() {
            assert_eq!(self.books.usage.values().map(|usage| usage.topics).sum::<u64>(), self.topics.len() as u64);
            assert_eq!(self.unstored.len(), self.topics.len());
        }
    }
}
