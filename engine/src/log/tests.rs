//! The log as a whole, command by command: what is told, what is kept, what is read.

mod bench;
mod deadlines;
mod idempotency;
mod model;
mod property;
mod publish;
mod read;
mod shared;
mod state;
mod stored;
mod twin;

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Entry, EntryTime};
use fanfare_protocol::{Event, EventType, Producer, Publication, ResourceVersion};

use super::answer::{Answer, Deleted, Expired, Published};
use super::command::{DeleteTopic, Expire, Publish, SetPolicies};
use super::committed::Committed;
use super::gap::Gap;
use super::idempotency::body_hash;
use super::policy::{IdempotencyPolicy, KEY_BYTES_MAX, Kind, Policies, Policy};
use super::read::{Page, ReadLimit, Snapshot};
use super::refusal::{KindFault, Parameter, Refusal};
use super::shard::ShardState;
use super::shared::{CommittedSink, SharedLog};
use bench::Bench;

pub(super) const WALL_MS: i64 = 1_763_715_600_000;
pub(super) const EPOCH: u64 = 0x6f1c;
pub(super) const ALL: ReadLimit = ReadLimit { count: usize::MAX, bytes: u64::MAX };

/// A shard, applied to one command an entry unless told otherwise, its invariants checked after each.
pub(super) struct Lab {
    state: Bench,
    pub(super) committed: Vec<Committed>,
    index: u64,
    now_ms: u64,
    next_epoch: u64,
}

impl Lab {
    pub(super) fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let state = Bench::ephemeral(Policies::new(policies));
        Self { state, committed: Vec::new(), index: 0, now_ms: 0, next_epoch: EPOCH }
    }

    pub(super) fn apply(&mut self, commands: Vec<Bytes>) -> Vec<Answer> {
        self.index += 1;
        let time = EntryTime { shard_ms: self.now_ms, wall_ms: WALL_MS };
        self.committed.clear();
        self.state.apply(&Entry { index: self.index, time, commands }, &mut self.committed)
    }

    fn one(&mut self, command: Bytes) -> Answer {
        let mut answers = self.apply(vec![command]);
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    pub(super) fn publish(&mut self, mut publish: Publish) -> Result<Published, Refusal> {
        publish.new_epoch = self.next_epoch;
        self.next_epoch += 1;
        match self.one(publish.into_command()) {
            Answer::Published(published) => Ok(published),
            Answer::Refused(refusal) => Err(refusal),
            other => panic!("not an answer to a publish: {other:?}"),
        }
    }

    /// Publishes and expects that it is accepted; the offset of the first.
    pub(super) fn put(&mut self, publish: Publish) -> u64 {
        self.publish(publish).expect("accepted").first_offset
    }

    pub(super) fn expire(&mut self, topic: &str) -> u64 {
        match self.one(Expire { topic: topic.to_owned() }.into_command()) {
            Answer::Expired(expired) => expired.keys,
            other => panic!("not an answer to an expiry: {other:?}"),
        }
    }

    pub(super) fn delete(&mut self, topic: &str) -> Answer {
        self.one(DeleteTopic { topic: topic.to_owned() }.into_command())
    }

    pub(super) fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

/// Small enough that every bound is met within a test.
pub(super) fn small(name: &str, kind: Kind) -> Policy {
    Policy {
        history_count: 5,
        history_bytes: 5 * 300,
        history_age_ms: 160,
        publication_bytes_max: 64,
        topics_max: 3,
        keys_max: 3,
        fold_bytes_max: 3 * 300,
        idempotency: IdempotencyPolicy { window_ms: 60, entries_max: 3, producers_max: 2, producer_results_max: 3 },
        ..Policy::new(name, kind)
    }
}

pub(super) fn data(text: &str) -> Publication {
    Publication { data: Some(Bytes::copy_from_slice(text.as_bytes())), ..Publication::default() }
}

pub(super) fn keyed(key: &str, text: &str) -> Publication {
    Publication { key: Some(key.to_owned()), ..data(text) }
}

pub(super) fn deletion(key: &str) -> Publication {
    Publication { key: Some(key.to_owned()), delete: true, ..Publication::default() }
}

pub(super) fn if_version(version: ResourceVersion, publication: Publication) -> Publication {
    Publication { if_version: Some(version), ..publication }
}

pub(super) fn ttl(ttl_ms: u64, publication: Publication) -> Publication {
    Publication { ttl_ms: Some(ttl_ms), ..publication }
}

pub(super) fn to(topic: &str, publications: impl IntoIterator<Item = Publication>) -> Publish {
    Publish { topic: topic.to_owned(), publications: publications.into_iter().collect(), ..Publish::default() }
}

pub(super) fn under_key(key: &str, publish: Publish) -> Publish {
    Publish { idempotency_key: Some(key.to_owned()), ..publish }
}

pub(super) fn by(producer: &str, sequence: u64, publish: Publish) -> Publish {
    Publish { producer: Some(Producer { id: producer.to_owned(), sequence }), ..publish }
}

pub(super) fn at(offset: u64) -> ResourceVersion {
    ResourceVersion::new(EPOCH, offset)
}

pub(super) fn offsets(events: &[Arc<Event>]) -> Vec<u64> {
    events.iter().map(|event| event.resource_version.expect("an event of the log").offset).collect()
}

/// `offset key=data`, or `offset key` of a delete.
pub(super) fn shown(events: &[Arc<Event>]) -> Vec<String> {
    let show = |event: &Arc<Event>| {
        let offset = event.resource_version.expect("an event of the log").offset;
        let key = event.key.as_deref().unwrap_or_default();
        match (event.r#type(), &event.data) {
            (EventType::Put, Some(data)) => format!("{offset} {key}={}", String::from_utf8_lossy(data)),
            (EventType::Delete, None) => format!("{offset} {key}"),
            other => panic!("not an event of the log: {other:?}"),
        }
    };
    events.iter().map(show).collect()
}
