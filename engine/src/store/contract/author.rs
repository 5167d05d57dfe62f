//! Windows as a shard writes them, out of random steps: what is in one follows from what was in those before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::Position;
use proptest::prelude::*;

use super::Model;
use super::topic::{Topic, tell};
use crate::log::Kind;
use crate::log::rows::{ShardRow, Usage, Window};

/// Something that happens in a shard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Publish {
        topic: u8,
        key: u8,
        bytes: u16,
        ttl_ms: Option<u8>,
    },
    Delete {
        topic: u8,
        key: u8,
    },
    Burst {
        topic: u8,
        count: u8,
    },
    Trim {
        topic: u8,
        keep: u8,
    },
    Remember {
        topic: u8,
        key: u8,
    },
    Forget {
        topic: u8,
    },
    Produce {
        topic: u8,
        producer: u8,
        refused: bool,
    },
    Due {
        topic: u8,
        after_ms: Option<u8>,
    },
    End {
        topic: u8,
    },
    Wait {
        ms: u8,
    },
    /// A little of all of it.
    Everything,
}

const TOPICS: [&str; 6] = ["a", "ab", "chat:lobby", "fleet:1", "fleet:2", "_system"];

impl Step {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let topic = 0..TOPICS.len() as u8;
        let topic = move || topic.clone();
        prop_oneof![
            6 => (topic(), 0..6_u8, 0..1_200_u16, any::<Option<u8>>())
                .prop_map(|(topic, key, bytes, ttl_ms)| Self::Publish { topic, key, bytes, ttl_ms }),
            2 => (topic(), 0..6_u8).prop_map(|(topic, key)| Self::Delete { topic, key }),
            1 => (topic(), 60..150_u8).prop_map(|(topic, count)| Self::Burst { topic, count }),
            2 => (topic(), 0..6_u8).prop_map(|(topic, keep)| Self::Trim { topic, keep }),
            1 => (topic(), any::<u8>()).prop_map(|(topic, key)| Self::Remember { topic, key }),
            1 => topic().prop_map(|topic| Self::Forget { topic }),
            3 => (topic(), 0..3_u8, any::<bool>())
                .prop_map(|(topic, producer, refused)| Self::Produce { topic, producer, refused }),
            2 => (topic(), any::<Option<u8>>()).prop_map(|(topic, after_ms)| Self::Due { topic, after_ms }),
            1 => topic().prop_map(|topic| Self::End { topic }),
            2 => any::<u8>().prop_map(|ms| Self::Wait { ms }),
        ]
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Author {
    windows: u64,
    now_ms: u64,
    index: u64,
    next_number: u64,
    topics: BTreeMap<&'static str, Topic>,
    /// As of the last window.
    told: BTreeMap<&'static str, Topic>,
}

impl Author {
    pub(crate) fn new() -> Self {
        let (topics, told) = (BTreeMap::new(), BTreeMap::new());
        Self { windows: 0, now_ms: 1_000, index: 0, next_number: 1, topics, told }
    }

    /// The same, at the state that a model stands at.
    pub(super) fn at(&self, model: &Model) -> Self {
        let mut author = Self::new();
        author.windows = self.windows;
        author.now_ms = model.shard().now_ms;
        author.index = model.shard().position.index;
        author.next_number = model.shard().next_number;
        for name in TOPICS {
            if let Some(row) = model.topic(name) {
                let topic = Topic {
                    items: model.items(row.number).map(|row| (row.offset, row.clone())).collect(),
                    folds: model
                        .folds(row.number)
                        .map(|row| (row.event.key.clone().unwrap_or_default(), row.clone()))
                        .collect(),
                    keys: model.keys(row.number).map(|row| (Arc::clone(&row.name), row.clone())).collect(),
                    blocks: model
                        .blocks(row.number)
                        .map(|row| ((Arc::clone(&row.producer), row.block), row.clone()))
                        .collect(),
                    row: row.clone(),
                };
                author.topics.insert(name, topic);
            }
        }
        author.told = author.topics.clone();
        author
    }

    /// What these steps change.
    pub(crate) fn window(&mut self, steps: Vec<Step>) -> Window {
        for step in steps {
            self.index += 1;
            self.step(step);
        }
        self.windows += 1;
        let mut changes = Vec::new();
        let names: BTreeSet<_> = self.topics.keys().chain(self.told.keys()).copied().collect();
        for name in names {
            tell(name, self.told.get(name), self.topics.get(name), &mut changes);
        }
        self.told = self.topics.clone();
        Window { number: self.windows, shard: self.shard(), changes }
    }

    fn shard(&self) -> ShardRow {
        let mut usage = BTreeMap::<String, Usage>::new();
        for Topic { row, .. } in self.topics.values() {
            let usage = usage.entry(row.counted_by.to_string()).or_default();
            usage.topics += 1;
            usage.bytes += row.history_bytes + row.fold_bytes;
        }
        let membership = Bytes::from_static(b"members");
        let position = Position { index: self.index, term: 3, leader: 1, shard_ms: self.now_ms, membership };
        let policies = Bytes::from_static(b"policies");
        ShardRow { position, now_ms: self.now_ms, next_number: self.next_number, policies, usage }
    }

    fn step(&mut self, step: Step) {
        let now_ms = self.now_ms;
        match step {
            Step::Publish { topic, key, bytes, ttl_ms } => {
                let ends_ms = ttl_ms.map(|ttl_ms| now_ms + 1 + u64::from(ttl_ms));
                self.topic(topic).publish(now_ms, key, Some(bytes), ends_ms);
            }
            Step::Delete { topic, key } => {
                let topic = self.topic(topic);
                if topic.row.kind == Kind::State {
                    topic.publish(now_ms, key, None, None);
                }
            }
            Step::Burst { topic, count } => {
                let topic = self.topic(topic);
                (0..count).for_each(|n| topic.publish(now_ms, n % 6, Some(9), None));
            }
            Step::Trim { topic, keep } => self.topic(topic).trim(keep.into()),
            Step::Remember { topic, key } => self.topic(topic).remember(now_ms, key),
            Step::Forget { topic } => self.topic(topic).forget(),
            Step::Produce { topic, producer, refused } => self.topic(topic).produce(now_ms, producer, refused),
            Step::Due { topic, after_ms } => {
                self.topic(topic).row.due_ms = after_ms.map(|after_ms| now_ms + u64::from(after_ms));
            }
            Step::End { topic } => {
                self.topics.remove(TOPICS[usize::from(topic)]);
            }
            Step::Wait { ms } => {
                self.now_ms += u64::from(ms);
                let now_ms = self.now_ms;
                self.topics.values_mut().for_each(|topic| topic.expire(now_ms));
            }
            Step::Everything => self.everything(),
        }
    }

    fn everything(&mut self) {
        for topic in 0..TOPICS.len() as u8 {
            self.step(Step::Burst { topic, count: 40 });
            self.step(Step::Publish { topic, key: 7, bytes: 2_000, ttl_ms: Some(1) });
            self.step(Step::Trim { topic, keep: 30 });
            self.step(Step::Remember { topic, key: 1 });
            (0..40).for_each(|n| self.step(Step::Produce { topic, producer: 0, refused: n % 3 == 0 }));
            self.step(Step::Due { topic, after_ms: Some(topic) });
        }
        self.step(Step::Wait { ms: 9 });
        self.step(Step::End { topic: 1 });
    }

    fn topic(&mut self, topic: u8) -> &mut Topic {
        let name = TOPICS[usize::from(topic)];
        let (now_ms, next_number) = (self.now_ms, &mut self.next_number);
        self.topics.entry(name).or_insert_with(|| {
            *next_number += 1;
            Topic::new(name, *next_number - 1, now_ms)
        })
    }
}
