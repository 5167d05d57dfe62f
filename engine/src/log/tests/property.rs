//! Anything that may happen to a shard, against [`Model`]: every answer, every event, every read; and twice, because
//! replicas must agree.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::model::{Model, ModelTopic};
use super::twin::Twin;
use super::*;
use crate::log::rows::{Change, Window};
use crate::log::stored::ShardStorage;

/// Those of `b` and `sb` are bounded by bytes, the others by count.
const TOPICS: [&str; 7] = ["a", "b:1", "s:1", "s:2", "s:3", "s:4", "sb:1"];

#[derive(Debug, Clone)]
enum Step {
    Publish {
        topic: usize,
        publications: Vec<Spec>,
        principal: u8,
        key: Option<u8>,
        producer: Option<(u8, Sequence)>,
    },
    /// An earlier publish once more, as after a lost answer.
    Again(prop::sample::Index),
    Delete(usize),
    Expire(usize),
    /// Proposes what is due, as the shell does.
    ExpireDue,
    Advance(u64),
    /// What was proposed so far becomes an entry.
    Commit,
    /// The replica hands over what changed, unless a window is on its way.
    Window,
    /// The replica hears that its window is stored.
    Stored,
    /// The replica lets go of what it may.
    Evict(u64),
    /// The replica starts from what it has stored.
    Restart,
}

#[derive(Debug, Clone)]
enum Sequence {
    Next,
    Any(u64),
}

#[derive(Debug, Clone)]
struct Spec {
    key: Option<u8>,
    delete: bool,
    bytes: usize,
    ttl_ms: Option<u64>,
    if_version: Option<IfVersion>,
    traceparent: bool,
}

#[derive(Debug, Clone)]
enum IfVersion {
    Absent,
    Offset(u64),
    OtherEpoch,
}

fn spec() -> impl Strategy<Value = Spec> {
    let if_version =
        prop_oneof![Just(IfVersion::Absent), (0u64..12).prop_map(IfVersion::Offset), Just(IfVersion::OtherEpoch)];
    let bytes = prop_oneof![6 => 1usize..4, 1 => 40usize..66];
    let key = option::weighted(0.8, 0u8..5);
    (
        key,
        prop::bool::weighted(0.2),
        bytes,
        option::weighted(0.3, 0u64..60),
        option::weighted(0.15, if_version),
        any::<bool>(),
    )
        .prop_map(|(key, delete, bytes, ttl_ms, if_version, traceparent)| Spec {
            key,
            delete,
            bytes,
            ttl_ms,
            if_version,
            traceparent,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let sequence = prop_oneof![4 => Just(Sequence::Next), 1 => (0u64..9).prop_map(Sequence::Any)];
    let producer = option::weighted(0.4, (0u8..3, sequence));
    let publish = (0..TOPICS.len(), vec(spec(), 1..4), 0u8..2, option::weighted(0.3, 0u8..4), producer);
    prop_oneof![
        12 => publish.prop_map(|(topic, publications, principal, key, producer)| {
            Step::Publish { topic, publications, principal, key, producer }
        }),
        3 => any::<prop::sample::Index>().prop_map(Step::Again),
        1 => (0..TOPICS.len()).prop_map(Step::Delete),
        2 => (0..TOPICS.len()).prop_map(Step::Expire),
        2 => Just(Step::ExpireDue),
        5 => (1u64..50).prop_map(Step::Advance),
        8 => Just(Step::Commit),
        3 => Just(Step::Window),
        3 => Just(Step::Stored),
        3 => prop_oneof![3 => Just(0u64), 1 => 0u64..8_000].prop_map(Step::Evict),
        1 => Just(Step::Restart),
    ]
}

fn policies() -> Policies {
    let by_count = |name, kind| Policy { history_bytes: 10_000, fold_bytes_max: 10_000, ..small(name, kind) };
    let by_bytes = |name, kind| Policy { history_count: 100, keys_max: 100, ..small(name, kind) };
    Policies::new([
        by_count("default", Kind::Stream),
        by_bytes("b", Kind::Stream),
        by_count("s", Kind::State),
        by_bytes("sb", Kind::State),
    ])
}

/// A shard, its model and a second replica, fed with the same commands. The replica stores what it becomes, in windows,
/// and lets go of it: its topics are hot, cold and half and half.
struct Trial {
    state: Bench,
    replica: Bench,
    /// Of the replica: handed over, and not known to be stored.
    window: Option<u64>,
    entries: Vec<Entry>,
    model: Model,
    now_ms: u64,
    index: u64,
    epoch: u64,
    pending: Vec<(Bytes, Asked)>,
    published: Vec<Publish>,
    sequences: BTreeMap<(usize, u8, u8), u64>,
    /// What was told of each life of a topic.
    told: BTreeMap<(String, u64), Vec<Event>>,
}

enum Asked {
    Publish(Box<Publish>),
    Delete(String),
    Expire(String),
}

impl Trial {
    fn new() -> Self {
        Self {
            state: Bench::ephemeral(policies()),
            replica: Bench::stored(policies(), Arc::default()),
            window: None,
            entries: Vec::new(),
            model: Model::new(policies()),
            now_ms: 0,
            index: 0,
            epoch: EPOCH,
            pending: Vec::new(),
            published: Vec::new(),
            sequences: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish { topic, publications, principal, key, producer } => {
                let producer = producer.map(|(id, sequence)| {
                    let next = self.sequences.entry((topic, principal, id)).or_insert(1);
                    let sequence = match sequence {
                        Sequence::Next => *next,
                        Sequence::Any(any) => any,
                    };
                    *next = sequence + 1;
                    Producer { id: format!("p{id}"), sequence }
                });
                let name = TOPICS[topic];
                let publish = Publish {
                    publications: publications.iter().map(|spec| self.publication(name, spec)).collect(),
                    principal: format!("u{principal}"),
                    publisher: (principal > 0).then(|| format!("u{principal}")),
                    idempotency_key: key.map(|key| format!("k{key}")),
                    producer,
                    ..to(name, [])
                };
                self.ask(publish);
            }
            Step::Again(earlier) if !self.published.is_empty() => {
                let publish = earlier.get(&self.published).clone();
                self.ask(publish);
            }
            Step::Again(_) => {}
            Step::Delete(topic) => {
                let topic = TOPICS[topic].to_owned();
                self.pending.push((DeleteTopic { topic: topic.clone() }.into_command(), Asked::Delete(topic)));
            }
            Step::Expire(topic) => self.ask_expire(TOPICS[topic].to_owned()),
            Step::ExpireDue => {
                for topic in self.state.due(self.now_ms, 2) {
                    self.ask_expire(topic.to_string());
                }
            }
            Step::Advance(ms) => {
                self.commit();
                self.now_ms += ms;
            }
            Step::Commit => self.commit(),
            Step::Window => {
                if let Some(window) = self.replica.with(ShardState::window) {
                    no_row_twice(&window);
                    self.twin().commit(&window).unwrap();
                    self.twin().tables().check();
                    assert_eq!(self.window.replace(window.number), None, "one is on its way at a time");
                }
            }
            Step::Stored => {
                if let Some(number) = self.window.take() {
                    self.replica.with(|state| state.stored(number));
                }
            }
            Step::Evict(hot_bytes_max) => {
                self.replica.with(|state| state.evict(hot_bytes_max));
                assert_eq!(self.replica.memory.hot_bytes(), self.replica.with(|state| state.hot_bytes()));
            }
            Step::Restart => self.restart(),
        }
        self.replica.check();
    }

    fn twin(&self) -> &Twin {
        self.replica.twin.as_deref().expect("the replica is stored")
    }

    /// What was not stored is applied again.
    fn restart(&mut self) {
        let twin = self.replica.twin.clone().expect("the replica is stored");
        self.window = None;
        self.replica = Bench::stored(policies(), twin);
        let stored = self.replica.with(|state| state.applied());
        for entry in self.entries.iter().filter(|entry| entry.index > stored) {
            self.replica.apply(entry, &mut Vec::new());
        }
        self.agree();
    }

    fn agree(&self) {
        let why = "replicas agree, also when only one looked for what is due, or has let go of it";
        assert_eq!(self.replica.digest(), self.state.digest(), "{why}");
    }

    fn publication(&self, topic: &str, spec: &Spec) -> Publication {
        // Mostly what the kind takes, so that the interesting refusals are not drowned by these.
        let is_state = topic.starts_with('s');
        let key = spec.key.filter(|key| is_state || *key == 4).map(|key| format!("key{key}"));
        let delete = spec.delete && key.is_some();
        let if_version = spec.if_version.as_ref().map(|wanted| {
            let epoch = self.state.head(topic).epoch;
            match wanted {
                IfVersion::Absent => ResourceVersion::NONE,
                IfVersion::Offset(offset) => ResourceVersion::new(epoch, *offset),
                IfVersion::OtherEpoch => ResourceVersion::new(epoch + 1, 1),
            }
        });
        Publication {
            data: (!delete).then(|| Bytes::from(vec![b'x'; spec.bytes])),
            key,
            delete,
            ttl_ms: spec.ttl_ms,
            if_version,
            traceparent: spec.traceparent.then(|| "00-1-2-03".to_owned()),
            ..Publication::default()
        }
    }

    fn ask(&mut self, publish: Publish) {
        self.published.push(publish.clone());
        self.epoch += 1;
        let publish = Publish { new_epoch: self.epoch, ..publish };
        self.pending.push((publish.clone().into_command(), Asked::Publish(Box::new(publish))));
    }

    fn ask_expire(&mut self, topic: String) {
        self.pending.push((Expire { topic: topic.clone() }.into_command(), Asked::Expire(topic)));
    }

    fn commit(&mut self) {
        let (commands, asked): (Vec<_>, Vec<_>) = self.pending.drain(..).unzip();
        if commands.is_empty() {
            return;
        }
        self.index += 1;
        let time = EntryTime { shard_ms: self.now_ms, wall_ms: WALL_MS };
        let entry = Entry { index: self.index, time, commands };
        let mut committed = Vec::new();
        let answers = self.state.apply(&entry, &mut committed);
        let now_ms = self.now_ms;
        let expected = asked.iter().map(|asked| match asked {
            Asked::Publish(publish) => self.model.publish(now_ms, publish),
            Asked::Delete(topic) => self.model.delete(topic),
            Asked::Expire(topic) => self.model.expire(now_ms, topic),
        });
        let expected: Vec<_> = expected.collect();
        let answers: Vec<_> = answers.into_iter().map(without_hint).collect();
        assert_eq!(answers, expected);
        self.hear(&committed);
        self.read_everything(&self.state);

        let mut again = Vec::new();
        self.replica.apply(&entry, &mut again);
        assert_eq!(again, committed);
        self.agree();
        self.read_everything(&self.replica);
        self.entries.push(entry);
    }

    /// What is told joins without a gap, life by life.
    fn hear(&mut self, committed: &[Committed]) {
        let mut seen = std::collections::BTreeSet::new();
        for change in committed {
            assert!(seen.insert((change.topic.clone(), change.after.epoch)), "one for each life of a topic");
            let told = self.told.entry((change.topic.to_string(), change.after.epoch)).or_default();
            assert_eq!(change.after.offset, told.len() as u64);
            assert_eq!(change.created, told.is_empty());
            if change.topic.as_str().starts_with('s') {
                assert_eq!(change.replaced.len(), change.events.len());
            } else {
                assert_eq!(change.replaced, []);
            }
            for (at, event) in change.events.iter().enumerate() {
                if let Some(replaced) = change.replaced.get(at) {
                    let before = told.iter().rev().find(|before| before.key == event.key);
                    assert_eq!(replaced.as_deref(), before.filter(|before| before.r#type() == EventType::Put));
                }
                told.push((**event).clone());
            }
            assert_eq!(change.through, ResourceVersion::new(change.after.epoch, told.len() as u64));
            assert!(change.deleted || !change.events.is_empty());
        }
        for (name, topic) in &self.model.topics {
            let events: Vec<_> = topic.events.iter().map(|(event, _)| event.clone()).collect();
            assert_eq!(self.told[&(name.clone(), topic.epoch)], events);
        }
    }

    fn read_everything(&self, state: &Bench) {
        let listed: Vec<_> = state.list("", None, 99).iter().map(|listed| listed.topic.to_string()).collect();
        assert_eq!(listed, self.model.topics.keys().cloned().collect::<Vec<_>>());
        for name in TOPICS {
            match self.model.topics.get(name) {
                Some(topic) => read_topic(state, name, topic),
                None => assert_eq!(state.head(name), ResourceVersion::NONE),
            }
        }
    }
}

/// One batch of the store has no order.
fn no_row_twice(window: &Window) {
    let place = |change: &Change| match change {
        Change::Topic(name, _) | Change::TopicGone(name) => format!("topic {name}"),
        Change::Dead(number) => format!("dead {number}"),
        Change::Item(number, row) => format!("item {number} {}", row.offset),
        Change::ItemsGone(number, after, _) => format!("item {number} {}", after + 1),
        Change::Fold(number, row) => format!("fold {number} {:?}", row.event.key.as_deref()),
        Change::FoldGone(number, key) => format!("fold {number} {:?}", Some(key)),
        Change::Key(number, row) => format!("key {number} {}", row.name),
        Change::KeyGone(number, name) => format!("key {number} {name}"),
        Change::Block(number, row) => format!("block {number} {} {}", row.producer, row.block),
        Change::BlockGone(number, producer, block) => format!("block {number} {producer} {block}"),
        Change::Due(at_ms, name) | Change::DueGone(at_ms, name) => format!("due {at_ms} {name}"),
    };
    let mut places: Vec<_> = window.changes.iter().map(place).collect();
    places.sort();
    let count = places.len();
    places.dedup();
    assert_eq!(places.len(), count, "a row is written once a window");
}

/// The hint when to retry is the one thing that the model does not know.
fn without_hint(answer: Answer) -> Answer {
    match answer {
        Answer::Refused(Refusal::IdempotencyFull { retry_after_ms }) => {
            assert!((1..=60).contains(&retry_after_ms));
            Answer::Refused(Refusal::IdempotencyFull { retry_after_ms: 0 })
        }
        answer => answer,
    }
}

fn read_topic(state: &Bench, name: &str, topic: &ModelTopic) {
    let head = topic.head();
    let at = |offset| ResourceVersion::new(topic.epoch, offset);
    assert_eq!(state.head(name), at(head));
    assert_eq!(state.beginning(name), at(topic.floor));
    for after in 0..=head + 1 {
        let read = state.read_after(name, at(after), ALL);
        if after > head {
            assert_eq!(read, Err(Gap::Ahead { current: at(head) }));
        } else if after < topic.floor {
            assert_eq!(read, Err(Gap::Gone { oldest: at(topic.floor) }));
        } else {
            let page = read.expect("it is retained");
            assert_eq!((page.after, page.through, page.more), (at(after), at(head), false));
            assert_eq!(offsets(&page.events), topic.after(after));
            let two =
                state.read_after(name, at(after), ReadLimit { count: 2, bytes: u64::MAX }).expect("it is retained");
            let rest = state.read_after(name, two.through, ALL).expect("it is retained");
            assert_eq!([two.events, rest.events].concat(), page.events, "a page goes on where the last one ended");
        }
    }
    assert_eq!(
        state.read_after(name, ResourceVersion::new(topic.epoch ^ 1 << 40, 1), ALL),
        Err(Gap::EpochChanged { current: at(head) })
    );
    assert_eq!(state.read_after(name, ResourceVersion::NONE, ALL), state.read_after(name, at(0), ALL));
    let mut backwards = offsets(&state.read_before(name, None, ALL).expect("of this epoch").events);
    backwards.reverse();
    assert_eq!(backwards, topic.after(0));
    let snapshot = state.snapshot(name, 2);
    assert_eq!(snapshot.version, at(head));
    if name.starts_with('s') {
        assert_eq!((offsets(&snapshot.items), snapshot.after), (topic.fold(), at(0)));
    } else {
        let retained = topic.after(0);
        let last = retained[retained.len().saturating_sub(2)..].to_vec();
        assert_eq!(snapshot.limited, retained.len() > 2);
        assert_eq!(snapshot.after, at(last.first().map_or(head, |oldest| oldest - 1)));
        assert_eq!(offsets(&snapshot.items), last);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_log_does_what_its_model_does(steps in vec(step(), 1..120)) {
        let mut trial = Trial::new();
        for step in steps {
            trial.step(step);
        }
        trial.commit();
    }
}
