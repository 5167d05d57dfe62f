//! What writes behind, over a real store and shards that apply.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Backlog, Entry, EntryTime, Position, ShardCount, ShardId, StateMachine, Unavailable};
use fanfare_protocol::{Publication, ResourceVersion, TopicName};
use parking_lot::{Condvar, Mutex};

use super::Directory;
use super::damage::break_in_background;
use crate::log::{Policies, Publish, ShardStorage, SharedLog};
use crate::store::{OnStored, WindowSettings, WriteBehind, Written};

const TOPIC: &str = "chat:a";

pub(super) fn shards() -> ShardCount {
    ShardCount::new(2).expect("two")
}

/// A node's shards over a directory, with what writes behind them.
pub(super) struct Bench {
    log: Arc<SharedLog>,
    pub(super) write_behind: WriteBehind,
    pub(super) backlog: Backlog,
    machine: Box<dyn StateMachine>,
    shard: ShardId,
    index: u64,
    /// How far the shard is stored, as it was told.
    stored: Arc<(Mutex<u64>, Condvar)>,
}

impl Bench {
    fn over(directory: &Directory, settings: WindowSettings) -> Self {
        let store = Arc::new(directory.open());
        let shard = |shard| Some(Arc::new(store.shard(shard).expect("it opens")) as _);
        let bench = Self::of(&shards().ids().map(shard).collect::<Vec<_>>(), settings);
        bench.write_behind.start(store, shards(), bench.told()).expect("a thread");
        bench
    }

    /// With nothing that writes behind yet.
    pub(super) fn of(storages: &[Option<Arc<dyn ShardStorage>>], settings: WindowSettings) -> Self {
        let log = SharedLog::open(Arc::new(Policies::default()), storages, shards());
        let backlog = Backlog::default();
        let write_behind = WriteBehind::new(Arc::clone(&log), settings, backlog.clone());
        let applied = write_behind.applied();
        let shard = log.shard_of(&TopicName::parse(TOPIC).expect("a name"));
        let storage = storages[shard.index()].clone().expect("it opened");
        let machine = log.machine(shard, storage, Arc::new(move |_| applied.tell()));
        let index = machine.position().index;
        let stored = Arc::<(Mutex<u64>, Condvar)>::default();
        Self { log, write_behind, backlog, machine, shard, index, stored }
    }

    /// Keeps how far the shard is stored.
    pub(super) fn told(&self) -> OnStored {
        let (stored, shard) = (Arc::clone(&self.stored), self.shard);
        Box::new(move |written: &[Written]| {
            for written in written.iter().filter(|written| written.shard == shard) {
                *stored.0.lock() = written.index;
                stored.1.notify_all();
            }
            Ok(())
        })
    }

    pub(super) fn publish(&mut self, bytes: usize) {
        self.index += 1;
        let publication = Publication { data: Some(Bytes::from(vec![b'x'; bytes])), ..Publication::default() };
        let publish =
            Publish { topic: TOPIC.to_owned(), new_epoch: 7, publications: vec![publication], ..Publish::default() };
        let time = EntryTime { shard_ms: self.index, wall_ms: 0 };
        let position = Position { index: self.index, term: 1, ..Position::default() };
        let entry = Entry { index: self.index, time, commands: vec![publish.into_command()] };
        self.machine.apply(&entry, position).expect("it applies");
    }

    pub(super) fn head(&self) -> ResourceVersion {
        self.log.head(&TopicName::parse(TOPIC).expect("a name")).expect("it can be read")
    }

    pub(super) fn await_stored(&self, index: u64) {
        let mut stored = self.stored.0.lock();
        while *stored < index {
            self.stored.1.wait(&mut stored);
        }
    }
}

/// Nothing is stored because time passes.
pub(super) const NEVER: WindowSettings =
    WindowSettings { window_ms: 3_600_000, window_bytes_max: u64::MAX, hot_bytes_max: u64::MAX };

#[test]
fn what_was_applied_is_stored_when_it_ends() {
    let directory = Directory::new();
    let mut bench = Bench::over(&directory, NEVER);
    bench.publish(10);
    bench.publish(10);
    bench.write_behind.shutdown();
    drop(bench);
    let again = Bench::over(&directory, NEVER);
    assert_eq!((again.index, again.head()), (2, ResourceVersion::new(7, 2)));
    again.write_behind.shutdown();
}

#[test]
fn a_window_is_stored_once_its_time_is_over() {
    let directory = Directory::new();
    let mut bench = Bench::over(&directory, WindowSettings { window_ms: 1, ..NEVER });
    bench.publish(10);
    bench.await_stored(1);
    assert_eq!(bench.log.memory().unwritten_bytes(), 0);
    bench.publish(10);
    bench.await_stored(2);
    bench.write_behind.shutdown();
}

#[test]
fn what_piles_up_is_stored_at_once_and_holds_up_the_rest_until_it_is() {
    let directory = Directory::new();
    let mut bench = Bench::over(&directory, WindowSettings { window_bytes_max: 10_000, ..NEVER });
    let (backlog, held) = (bench.backlog.clone(), bench.log.clone());
    // The window that this begins cannot be taken before the shard's writing is free.
    let writing = held.hold_windows(bench.shard);
    bench.publish(9_000);
    assert!(!backlog.is_held());
    bench.publish(9_000);
    bench.publish(9_000);
    assert!(backlog.is_held(), "twice as much as a window takes");
    drop(writing);
    bench.await_stored(3);
    // The word of it comes after.
    bench.write_behind.shutdown();
    assert!(!backlog.is_held());
}

#[test]
fn what_hot_topics_take_is_bounded_once_it_is_stored() {
    let directory = Directory::new();
    let mut bench = Bench::over(&directory, WindowSettings { window_ms: 1, hot_bytes_max: 0, ..NEVER });
    bench.publish(10);
    bench.await_stored(1);
    bench.write_behind.shutdown();
    assert_eq!(bench.log.memory().hot_bytes(), 0);
    assert_eq!(bench.head(), ResourceVersion::new(7, 1), "and read back");
}

/// A flush that fails in the background fails nobody's window, and nobody publishes.
#[test]
fn a_look_finds_a_store_that_failed_while_there_was_nothing_to_write() {
    let directory = Directory::new();
    let mut bench = Bench::over(&directory, WindowSettings { window_ms: 1, ..NEVER });
    bench.publish(10);
    bench.await_stored(1);
    bench.write_behind.look();
    assert!(!bench.write_behind.has_failed() && !bench.backlog.is_raised());
    break_in_background(&bench.write_behind.store().expect("it was started"));
    while !bench.write_behind.has_failed() {
        bench.write_behind.look();
        std::thread::yield_now();
    }
    let flushed = bench.write_behind.flush();
    bench.write_behind.shutdown();
    let flushed = flushed.try_now().expect("it was answered when the thread ended");
    assert_eq!(flushed, Err(Unavailable::StorageFault), "nothing is said to be stored any more");
    assert!(bench.backlog.is_raised());
}
