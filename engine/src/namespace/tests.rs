//! Namespaces over a real meta machine and real shards of both lanes, which apply in the call that proposes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use fanfare_cluster::meta::{Meta, MetaMachine, Proposer};
use fanfare_cluster::{
    Entry, EntryTime, EphemeralMachine, Position, Promise, Proposal, ReadBarrier, ShardCount, ShardId, StateFault,
    StateMachine, Unavailable,
};
use fanfare_protocol::{Code, Error, Publication, TopicName};
use parking_lot::Mutex;

use super::declared;
use super::*;
use crate::config::{Config, Namespace, Settings};
use crate::log::{Answer, Durability, Kind, Policies, Policy, Publish, ShardStorage, SharedLog};
use crate::store::{StateStore, StoreSettings};

/// A directory that is removed again.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fanfare-namespaces-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The meta group, alone.
struct Alone(Mutex<(MetaMachine, u64)>);

impl Proposer for Alone {
    fn propose(&self, command: Bytes) -> Proposal {
        let mut alone = self.0.lock();
        alone.1 += 1;
        let entry = Entry { index: alone.1, time: EntryTime::default(), commands: vec![command] };
        let position = Position { index: entry.index, ..Position::default() };
        let mut answers = alone.0.apply(&entry, position).unwrap();
        Promise::ready(answers.pop().ok_or(Unavailable::Stopped))
    }

    fn read_barrier(&self) -> ReadBarrier {
        Promise::ready(Ok(self.0.lock().1))
    }
}

type Shard<M> = Mutex<(Box<M>, u64)>;

/// Both lanes of a node.
struct Shards {
    log: Arc<SharedLog>,
    replicated: Vec<Shard<dyn StateMachine>>,
    ephemeral: Vec<Shard<dyn EphemeralMachine>>,
    /// Takes nothing while it is set.
    is_down: AtomicBool,
    /// The first replicated shard has lost its disk.
    is_first_faulted: AtomicBool,
    /// Nothing can be listed.
    is_listing_faulted: AtomicBool,
}

const SHARDS: u32 = 3;

impl Shards {
    fn open(directory: &Scratch) -> Self {
        let count = ShardCount::new(SHARDS).unwrap();
        let store = StateStore::open(&directory.0.join("state"), StoreSettings::default()).unwrap();
        let storage = |shard| Some(Arc::new(store.shard(shard).unwrap()) as Arc<dyn ShardStorage>);
        let storages: Vec<_> = count.ids().map(storage).collect();
        let log = SharedLog::open(Arc::default(), &storages, count);
        let storages = storages.into_iter().flatten();
        let replicated = count.ids().zip(storages).map(|(shard, storage)| log.machine(shard, storage, Arc::new(drop)));
        let ephemeral = count.ids().map(|shard| log.ephemeral_machine(shard, Arc::new(drop)));
        Self {
            replicated: replicated.map(|machine| Mutex::new((machine, 0))).collect(),
            ephemeral: ephemeral.map(|machine| Mutex::new((machine, 0))).collect(),
            is_down: AtomicBool::new(false),
            is_first_faulted: AtomicBool::new(false),
            is_listing_faulted: AtomicBool::new(false),
            log,
        }
    }

    fn apply(&self, lane: Durability, shard: ShardId, command: Bytes) -> Bytes {
        let entry = |index: &mut u64| {
            *index += 1;
            Entry { index: *index, time: EntryTime { shard_ms: *index, wall_ms: 0 }, commands: vec![command] }
        };
        let mut answers = match lane {
            Durability::Replicated => {
                let (machine, index) = &mut *self.replicated[shard.index()].lock();
                let entry = entry(index);
                machine.apply(&entry, Position { index: *index, ..Position::default() }).unwrap()
            }
            Durability::Ephemeral => {
                let (machine, index) = &mut *self.ephemeral[shard.index()].lock();
                machine.apply(&entry(index))
            }
        };
        answers.pop().unwrap()
    }

    /// Publishes past the door; gives the epoch.
    fn publish(&self, topic: &str, bytes: usize) -> Result<u64, Error> {
        static EPOCH: AtomicU32 = AtomicU32::new(1);
        let name = TopicName::parse(topic).unwrap();
        let publication = Publication { data: Some(Bytes::from(vec![b'1'; bytes])), ..Publication::default() };
        let publish = Publish {
            topic: topic.to_owned(),
            new_epoch: EPOCH.fetch_add(1, Ordering::Relaxed).into(),
            publications: vec![publication],
            ..Publish::default()
        };
        let answer = self.apply(self.log.durability(&name), self.log.shard_of(&name), publish.into_command());
        match Answer::decode(answer).unwrap() {
            Answer::Published(published) => Ok(published.epoch),
            Answer::Refused(refusal) => Err(refusal.to_error(topic)),
            other => panic!("{other:?}"),
        }
    }

    fn topics(&self) -> Vec<String> {
        self.log.list("", None, 100).wait().unwrap().into_iter().map(|listed| listed.topic.to_string()).collect()
    }

    fn has_outdated(&self, version: u64) -> bool {
        Durability::ALL.into_iter().any(|lane| !self.outdated(lane, version).is_empty())
    }
}

impl Lanes for Shards {
    fn follow(&self, policies: &Arc<Policies>) {
        self.log.follow(Arc::clone(policies));
    }

    fn outdated(&self, lane: Durability, version: u64) -> Vec<ShardId> {
        let has = |shard: &ShardId| self.log.policies_version(lane, *shard).unwrap();
        ShardCount::new(SHARDS).unwrap().ids().filter(|shard| has(shard) < version).collect()
    }

    fn shard_of(&self, topic: &TopicName) -> ShardId {
        self.log.shard_of(topic)
    }

    fn propose(&self, lane: Durability, shard: ShardId, command: Bytes) -> Proposal {
        if self.is_down.load(Ordering::Relaxed) {
            return Promise::ready(Err(Unavailable::Overloaded { retry_after_ms: 1 }));
        }
        if self.is_first_faulted.load(Ordering::Relaxed) && (lane, shard.get()) == (Durability::Replicated, 0) {
            return Promise::ready(Err(Unavailable::StorageFault));
        }
        Promise::ready(Ok(self.apply(lane, shard, command)))
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, limit: usize) -> Listing<'a> {
        if self.is_listing_faulted.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StateFault("planted".into())) });
        }
        // Pages of two, so that every list has several.
        let listed = self.log.list(prefix, after, limit.min(2)).wait();
        Box::pin(async { Ok(listed?.into_iter().map(|listed| listed.topic).collect()) })
    }
}

struct World {
    meta: Meta,
    shards: Arc<Shards>,
    _scratch: Scratch,
}

impl World {
    fn new() -> Self {
        let scratch = Scratch::new();
        let machine = MetaMachine::open(&scratch.0).unwrap();
        let reader = machine.reader();
        let meta = Meta::new(Arc::new(Alone(Mutex::new((machine, 0)))), reader);
        Self { meta, shards: Arc::new(Shards::open(&scratch)), _scratch: scratch }
    }

    /// A node starts over what is there, and brings it to the shards by itself.
    async fn start(&self, namespaces: &[Namespace]) -> Arc<Namespaces> {
        let config = config(namespaces);
        let lanes = Arc::clone(&self.shards) as Arc<dyn Lanes>;
        let namespaces = Namespaces::start(self.meta.clone(), lanes, &config).await.unwrap();
        let running = Arc::clone(&namespaces);
        tokio::spawn(async move { running.run().await });
        namespaces
    }
}

fn config(namespaces: &[Namespace]) -> Config {
    Settings { namespaces: namespaces.to_vec(), ..Settings::bare() }.check().unwrap()
}

fn stream(name: &str) -> Namespace {
    Namespace::new(name, Kind::Stream)
}

fn ephemeral(name: &str) -> Namespace {
    Namespace { durability: Durability::Ephemeral, ..stream(name) }
}

fn keys(applied: Applied) -> Option<Vec<String>> {
    applied.differences.map(|differences| differences.into_iter().map(|difference| difference.key).collect())
}

fn code(refused: Result<Applied, Error>) -> (Option<Code>, Option<String>, String) {
    let error = refused.unwrap_err();
    (error.known_code(), error.parameter, error.message)
}

#[tokio::test]
async fn a_new_cluster_begins_with_what_the_configuration_declares() {
    let world = World::new();
    let namespaces = world.start(&[stream("a")]).await;
    namespaces.settled().await;
    let declared = namespaces.declared().unwrap();
    let names: Vec<_> = declared.rows().map(|(policy, version)| (policy.name.clone(), version)).collect();
    assert_eq!(names, [("a".to_owned(), 1), ("default".to_owned(), 1)]);
    assert!(!world.shards.has_outdated(1));
}

#[tokio::test]
async fn what_is_declared_outlives_what_a_configuration_says_later() {
    let world = World::new();
    world.start(&[stream("a")]).await.settled().await;
    let again = world.start(&[Namespace { history_count: 5, ..stream("a") }, stream("b")]).await;
    let declared = again.declared().unwrap();
    assert_eq!(declared.get("a").unwrap().0.history_count, 1_000);
    assert_eq!((declared.get("b").is_none(), declared.version()), (true, 1));
}

#[tokio::test]
async fn a_change_acts_in_every_shard_once_it_is_answered() {
    let world = World::new();
    let namespaces = world.start(&[stream("a")]).await;
    namespaces.settled().await;
    let topics: Vec<_> = (0..9).map(|number| format!("a:{number}")).collect();
    for topic in &topics {
        world.shards.publish(topic, 100).unwrap();
    }
    let smaller = Namespace { publication_bytes_max: 50, ..stream("a") };
    let applied = namespaces.apply(&smaller).await.unwrap();
    assert_eq!((applied.version, keys(applied)), (2, Some(vec!["publication_bytes_max".to_owned()])));
    for topic in &topics {
        assert_eq!(world.shards.publish(topic, 100).unwrap_err().known_code(), Some(Code::PublicationTooLarge));
        world.shards.publish(topic, 50).unwrap();
    }
    assert_eq!(keys(namespaces.apply(&smaller).await.unwrap()), Some(Vec::new()));
    assert_eq!(world.meta.namespaces().version(), 2, "what is so already changes nothing");
}

#[tokio::test]
async fn a_namespace_that_is_new_is_created() {
    let world = World::new();
    let namespaces = world.start(&[]).await;
    let state = Namespace::new("fleet", Kind::State);
    assert_eq!(keys(namespaces.apply(&state).await.unwrap()), None);
    assert_eq!(world.shards.publish("fleet:a", 1).unwrap_err().known_code(), Some(Code::WrongKind), "it needs a key");
}

#[tokio::test]
async fn a_kind_is_never_changed() {
    let world = World::new();
    let namespaces = world.start(&[stream("a")]).await;
    namespaces.settled().await;
    let (refused, parameter, message) = code(namespaces.apply(&Namespace::new("a", Kind::State)).await);
    assert_eq!((refused, parameter.as_deref()), (Some(Code::BadParameter), Some("kind")));
    assert!(message.contains("`a` is of kind `stream` and cannot become `state`"), "{message}");
    // Topics of what was not declared have the kind of `default`.
    world.shards.publish("b:x", 1).unwrap();
    let (refused, _, message) = code(namespaces.apply(&Namespace::new("b", Kind::State)).await);
    assert!(refused == Some(Code::BadParameter) && message.contains("delete `b:x`"), "{message}");
    assert!(namespaces.apply(&stream("b")).await.is_ok());
}

#[tokio::test]
async fn what_a_file_could_not_say_is_refused_in_its_words() {
    let world = World::new();
    let namespaces = world.start(&[]).await;
    let (refused, parameter, message) = code(namespaces.apply(&Namespace { keys_max: 0, ..stream("a") }).await);
    assert_eq!((refused, parameter.as_deref()), (Some(Code::BadParameter), Some("keys_max")));
    assert!(message.contains("must be at least 1"), "{message}");
    let (_, parameter, message) = code(namespaces.apply(&stream("a:b")).await);
    assert!(parameter.as_deref() == Some("name") && message.contains("cannot name a namespace"), "{message}");
    let (_, parameter, _) = code(namespaces.apply(&Namespace { history_bytes: 5, ..stream("a") }).await);
    assert_eq!(parameter.as_deref(), Some("history_bytes"));
}

#[tokio::test]
async fn another_durability_ends_the_topics_and_begins_new_epochs() {
    let world = World::new();
    let namespaces = world.start(&[stream("a"), stream("b")]).await;
    namespaces.settled().await;
    let shards = &world.shards;
    let old = shards.publish("a:0", 1).unwrap();
    for topic in ["a:1", "a:2", "a:3", "a:4", "b:0", "other:0"] {
        shards.publish(topic, 1).unwrap();
    }
    let applied = namespaces.apply(&ephemeral("a")).await.unwrap();
    assert_eq!((applied.version, keys(applied)), (3, Some(vec!["durability".to_owned()])));
    assert_eq!(shards.topics(), ["b:0", "other:0"]);
    let new = shards.publish("a:0", 1).unwrap();
    assert_ne!(new, old);
    assert_eq!(shards.log.durability(&TopicName::parse("a:0").unwrap()), Durability::Ephemeral);
    // And back.
    assert_eq!(namespaces.apply(&stream("a")).await.unwrap().version, 5);
    assert_eq!(shards.topics(), ["b:0", "other:0"]);
    assert_eq!(namespaces.declared().unwrap().moving().map(|(policy, ..)| policy.name.clone()), None);
}

#[tokio::test]
async fn no_shard_takes_a_publication_of_a_namespace_that_moves() {
    let world = World::new();
    let namespaces = world.start(&[stream("a"), stream("b")]).await;
    namespaces.settled().await;
    let shards = &world.shards;
    shards.publish("a:old", 1).unwrap();
    // Halfway: the shards know, the topics cannot be ended yet.
    shards.is_listing_faulted.store(true, Ordering::Relaxed);
    let wanted = ephemeral("a");
    let mut moving = Box::pin(namespaces.apply(&wanted));
    let mut progress = namespaces.progress.subscribe();
    tokio::select! {
        _ = &mut moving => panic!("its topics are still there"),
        told = progress.wait_for(|progress| progress.told.version() >= 2) => drop(told.unwrap()),
    }
    for topic in ["a:old", "a:new"] {
        let refused = shards.publish(topic, 1).unwrap_err();
        assert_eq!(refused.known_code(), Some(Code::Overloaded), "{topic}");
        assert!(refused.retry_after_ms.is_some());
    }
    shards.publish("b:0", 1).unwrap();
    assert!(namespaces.declared().unwrap().is_moving("a"));
    shards.is_listing_faulted.store(false, Ordering::Relaxed);
    moving.await.unwrap();
    assert_eq!(shards.topics(), ["b:0"]);
    shards.publish("a:old", 1).unwrap();
}

#[tokio::test]
async fn another_durability_of_default_ends_what_is_not_declared() {
    let world = World::new();
    let namespaces = world.start(&[stream("a")]).await;
    namespaces.settled().await;
    for topic in ["a:0", "bare", "b:0", "c:0", "default:0", "z"] {
        world.shards.publish(topic, 1).unwrap();
    }
    namespaces.apply(&ephemeral("default")).await.unwrap();
    assert_eq!(world.shards.topics(), ["a:0"]);
}

/// Its topics are in the lane of `default` until it is declared.
#[tokio::test]
async fn a_new_namespace_of_another_durability_ends_the_topics_that_are_there() {
    let world = World::new();
    let namespaces = world.start(&[]).await;
    namespaces.settled().await;
    world.shards.publish("a:0", 1).unwrap();
    world.shards.publish("ab:0", 1).unwrap();
    assert_eq!(keys(namespaces.apply(&ephemeral("a")).await.unwrap()), None);
    assert_eq!(world.shards.topics(), ["ab:0"]);
}

#[tokio::test]
async fn a_move_that_a_crash_left_behind_is_finished_at_the_next_start() {
    let world = World::new();
    world.start(&[stream("a")]).await.settled().await;
    world.shards.publish("a:0", 1).unwrap();
    let marked = Policy { moving_to: Some(Durability::Ephemeral), ..Policy::new("a", Kind::Stream) };
    world.shards.is_down.store(true, Ordering::Relaxed);
    world.meta.put_namespace("a", declared::value(&marked), None).await.unwrap();
    world.shards.is_down.store(false, Ordering::Relaxed);
    // As a node that knows nothing of it.
    let again = world.start(&[]).await;
    assert_eq!(again.apply(&ephemeral("a")).await.map(keys), Ok(Some(Vec::new())));
    assert_eq!(world.shards.topics(), Vec::<String>::new());
    assert!(!world.shards.has_outdated(3));
}

#[tokio::test]
async fn what_shards_could_not_be_told_they_are_told_later() {
    let world = World::new();
    let namespaces = world.start(&[stream("a")]).await;
    namespaces.settled().await;
    world.shards.is_down.store(true, Ordering::Relaxed);
    let wanted = Namespace { history_count: 5, ..stream("a") };
    let mut applied = Box::pin(namespaces.apply(&wanted));
    let mut changes = world.meta.changes();
    tokio::select! {
        _ = &mut applied => panic!("no shard follows it"),
        changed = changes.changed() => changed.unwrap(),
    }
    assert!(world.shards.has_outdated(2));
    world.shards.is_down.store(false, Ordering::Relaxed);
    applied.await.unwrap();
    assert!(!world.shards.has_outdated(2));
}

#[tokio::test]
async fn a_shard_that_has_failed_holds_up_no_other() {
    let world = World::new();
    world.shards.is_first_faulted.store(true, Ordering::Relaxed);
    let namespaces = world.start(&[stream("a")]).await;
    namespaces.settled().await;
    namespaces.apply(&Namespace { history_count: 5, ..stream("a") }).await.unwrap();
    let behind = Durability::ALL.map(|lane| world.shards.outdated(lane, 2).len());
    assert_eq!(behind, [1, 0]);
}

#[tokio::test]
async fn changes_of_two_nodes_at_once_are_both_made() {
    let world = World::new();
    let (one, two) = (world.start(&[]).await, world.start(&[]).await);
    let (a, b) = (stream("a"), Namespace { history_count: 5, ..stream("b") });
    let (first, second) = tokio::join!(one.apply(&a), two.apply(&b));
    assert_eq!((first.map(keys), second.map(keys)), (Ok(None), Ok(None)));
    let declared = one.declared().unwrap();
    assert_eq!(declared.rows().map(|(policy, _)| policy.name.as_str()).collect::<Vec<_>>(), ["a", "b", "default"]);
}

#[test]
fn the_door_takes_nothing_for_a_namespace_that_moves() {
    let policy = Policy::new("a", Kind::Stream);
    assert!(takes_publications(&policy).is_ok());
    let moving = Policy { moving_to: Some(Durability::Ephemeral), ..policy };
    let refused = takes_publications(&moving).unwrap_err();
    assert_eq!((refused.known_code(), refused.retry_after_ms), (Some(Code::Overloaded), Some(1_000)));
}
