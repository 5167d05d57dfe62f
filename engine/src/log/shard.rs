//! The state machine of a shard: the topics that hash to it. Committed entries go in; answers, and what changed in
//! which topic, come out. Never reads a clock and never draws a number: the same entries give the same state on every
//! replica, which [`ShardState::digest`] sums up.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Entry, EntryTime};
use fanfare_protocol::{Event, TopicName};

use super::answer::{Answer, Deleted, Expired, Published};
use super::command::{self, Publish, Verb};
use super::committed::Committed;
use super::digest::Digest;
use super::expiry::Deadlines;
use super::policy::{Kind, Policies};
use super::refusal::Refusal;
use super::slot::{Moment, Slot};
use super::topic::TopicLog;

/// A topic that was reported due is not reported again for so long: the proposal is on its way, or was refused.
const DUE_AGAIN_MS: u64 = 1_000;

/// The topics of one shard.
///
/// A topic stays until it is deleted, also when it is empty and silent: collecting its few hundred bytes ends its epoch
/// and is left to a later version.
#[derive(Debug)]
pub struct ShardState {
    policies: Arc<Policies>,
    topics: HashMap<TopicName, Slot>,
    /// The same names in order, for lists.
    pub(super) names: BTreeSet<TopicName>,
    /// Topics by the policy that covers them.
    counts: HashMap<String, u64>,
    deadlines: Deadlines<TopicName>,
    applied: u64,
    now_ms: u64,
    /// Events of the command at hand.
    fresh: Vec<Arc<Event>>,
}

impl ShardState {
    /// A shard without topics.
    #[must_use]
    pub fn new(policies: Arc<Policies>) -> Self {
        Self {
            policies,
            topics: HashMap::new(),
            names: BTreeSet::new(),
            counts: HashMap::new(),
            deadlines: Deadlines::new(),
            applied: 0,
            now_ms: 0,
            fresh: Vec::new(),
        }
    }

    /// Applies an entry: an answer per command, in their order; what changed is added to `out`, at most once per topic
    /// and life.
    pub fn apply(&mut self, entry: &Entry, out: &mut Vec<Committed>) -> Vec<Answer> {
        // A leader whose clock failed must not take time back.
        self.now_ms = self.now_ms.max(entry.time.shard_ms);
        self.applied = entry.index;
        let moment = Moment { index: entry.index, time: EntryTime { shard_ms: self.now_ms, ..entry.time } };
        entry.commands.iter().map(|command| self.apply_one(moment, command, out)).collect()
    }

    fn apply_one(&mut self, at: Moment, command: &Bytes, out: &mut Vec<Committed>) -> Answer {
        let answer = match command::decode(command.clone()) {
            Ok(Verb::Publish(publish)) => self.publish(at, publish, command.len(), out).map(Answer::Published),
            Ok(Verb::DeleteTopic(delete)) => self.delete(at, &delete.topic, out).map(Answer::Deleted),
            Ok(Verb::Expire(expire)) => Ok(Answer::Expired(Expired { keys: self.expire(at, &expire.topic, out) })),
            Err(refusal) => Err(refusal),
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    fn publish(
        &mut self,
        at: Moment,
        publish: Publish,
        command_bytes: usize,
        out: &mut Vec<Committed>,
    ) -> Result<Published, Refusal> {
        let Some(slot) = self.topics.get_mut(publish.topic.as_str()) else {
            return self.create(at, publish, command_bytes, out);
        };
        let before = slot.log.version();
        slot.log.expire(at.time, &mut self.fresh);
        let result = slot.log.publish(at.time, publish, command_bytes, &mut self.fresh);
        slot.settle(at, before, &mut self.fresh, &mut self.deadlines, out);
        result
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
        if policy.kind == Kind::Document {
            return Err(Refusal::NotSupported);
        }
        // To delete a key of a topic that does not exist must not create it.
        if !publish.publications.is_empty() && publish.publications.iter().all(|publication| publication.delete) {
            return Err(Refusal::TopicNotFound);
        }
        if self.topic_count(&policy.name) >= policy.topics_max {
            return Err(Refusal::TooManyTopics { topics_max: policy.topics_max });
        }
        let mut log = TopicLog::new(at.time, publish.new_epoch, policy);
        let before = log.version();
        let published = log.publish(at.time, publish, command_bytes, &mut self.fresh)?;
        *self.counts.entry(log.policy.name.clone()).or_default() += 1;
        self.names.insert(name.clone());
        let slot = self.topics.entry(name.clone()).or_insert(Slot::new(name, log));
        slot.settle(at, before, &mut self.fresh, &mut self.deadlines, out);
        Ok(published)
    }

    fn expire(&mut self, at: Moment, topic: &str, out: &mut Vec<Committed>) -> u64 {
        let Some(slot) = self.topics.get_mut(topic) else { return 0 };
        let before = slot.log.version();
        let keys = slot.log.expire(at.time, &mut self.fresh);
        slot.settle(at, before, &mut self.fresh, &mut self.deadlines, out);
        keys
    }

    fn delete(&mut self, at: Moment, topic: &str, out: &mut Vec<Committed>) -> Result<Deleted, Refusal> {
        let (name, slot) = self.topics.remove_entry(topic).ok_or(Refusal::TopicNotFound)?;
        self.names.remove(&name);
        if let Some(queued_ms) = slot.queued_ms {
            self.deadlines.remove(queued_ms, name.clone());
        }
        if let Some(count) = self.counts.get_mut(&slot.log.policy.name) {
            *count -= 1;
        }
        let end = slot.log.version();
        match slot.committed(at, out) {
            Some(committed) => committed.deleted = true,
            None => out.push(Committed {
                index: at.index,
                topic: name,
                created: false,
                after: end,
                through: end,
                events: Vec::new(),
                deleted: true,
            }),
        }
        Ok(Deleted { epoch: end.epoch, offset: end.offset })
    }

    /// When to ask [`Self::due`] next, in shard time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.next()
    }

    /// Topics in which something is due, for each of which the caller proposes an `Expire`; at most `limit`, reported
    /// again after a second if nothing has come of it. Changes nothing that replicas have to agree on.
    pub fn due(&mut self, now_ms: u64, limit: usize) -> Vec<TopicName> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((_, name)) = self.deadlines.pop_due(now_ms)
        {
            let Some(slot) = self.topics.get_mut(&name) else { continue };
            slot.queued_ms = slot.log.next_deadline();
            if slot.queued_ms.is_some_and(|next_ms| next_ms <= now_ms) {
                slot.queued_ms = Some(now_ms.saturating_add(DUE_AGAIN_MS));
                due.push(name.clone());
            }
            if let Some(queued_ms) = slot.queued_ms {
                self.deadlines.insert(queued_ms, name);
            }
        }
        due
    }

    /// Topics that a policy covers in this shard.
    #[must_use]
    pub fn topic_count(&self, policy: &str) -> u64 {
        self.counts.get(policy).copied().unwrap_or_default()
    }

    /// The index of the last entry applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    pub(super) fn topic(&self, topic: &str) -> Option<&TopicLog> {
        self.topics.get(topic).map(|slot| &slot.log)
    }

    /// A sum over all that replicas have to agree on.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let mut digest = Digest::new();
        digest.number(self.applied).number(self.now_ms).number(self.names.len() as u64);
        for name in &self.names {
            digest.bytes(name.as_str().as_bytes());
            if let Some(log) = self.topic(name.as_str()) {
                log.digest(&mut digest);
            }
        }
        digest.finish()
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.names.len(), self.topics.len());
        assert!(self.names.iter().all(|name| self.topics.contains_key(name)));
        assert_eq!(self.counts.values().sum::<u64>(), self.topics.len() as u64);
        assert!(self.fresh.is_empty(), "events of one command never reach the next");
        let mut queued = 0;
        for (name, slot) in &self.topics {
            slot.log.check();
            assert_ne!(slot.log.head, 0, "a topic is created by its first publication");
            assert!(slot.log.next_deadline().is_none() || slot.queued_ms.is_some(), "what becomes due is queued");
            if let Some(queued_ms) = slot.queued_ms {
                assert!(self.deadlines.contains(queued_ms, name.clone()));
                queued += 1;
            }
        }
        assert_eq!(queued, self.deadlines.len());
    }
}
