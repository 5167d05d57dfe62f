//! What every storage of a shard keeps, whatever it stores on: one suite, run by each implementation's own tests.

mod author;
mod model;
mod topic;

use std::sync::Arc;

use fanfare_cluster::{SnapshotView, Snapshots};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

pub(crate) use author::{Author, Step};
pub(crate) use model::Model;

use crate::log::rows::Window;
use crate::log::{ShardStorage, Stored};

/// Cases of each property: a store on disk takes some tens of milliseconds for one.
const CASES: u32 = 16;

/// Two storages of one shard, as two replicas have them.
pub(crate) type Replicas = [Arc<dyn ShardStorage>; 2];

/// Runs the whole suite; `place` makes two new empty ones.
pub(crate) fn holds(place: impl Fn() -> Replicas) {
    let one = || {
        let [one, _] = place();
        one
    };
    an_empty_one_says_so(&*one());
    property(|steps| what_was_committed_is_read(&*one(), steps));
    property(|steps| what_stands_still_stands_still(&*one(), steps));
    property(|steps| {
        let [from, to] = place();
        a_snapshot_is_the_state_of_its_moment(&*from, &*to, steps);
    });
    property(|steps| {
        let [from, to] = place();
        a_broken_transfer_goes_on(&*from, &*to, steps);
    });
}

/// Windows full of steps.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    vec(vec(Step::any(), 0..24), 1..8)
}

fn property(keeps: impl Fn(Vec<Vec<Step>>)) {
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&steps(), |steps| {
        keeps(steps);
        Ok(())
    });
    outcome.expect("it holds for all");
}

/// Commits what an author writes; the model says what is stored then.
struct Script<'a> {
    storage: &'a dyn ShardStorage,
    author: Author,
    model: Model,
}

impl<'a> Script<'a> {
    fn new(storage: &'a dyn ShardStorage) -> Self {
        Self { storage, author: Author::new(), model: Model::new() }
    }

    fn play(&mut self, steps: Vec<Step>) {
        let window = self.author.window(steps);
        self.commit(&window);
    }

    fn commit(&mut self, window: &Window) {
        self.storage.commit(window).expect("it can be written");
        self.model.apply(window);
    }
}

fn an_empty_one_says_so(storage: &dyn ShardStorage) {
    Model::new().check(&as_stored(storage));
}

fn what_was_committed_is_read(storage: &dyn ShardStorage, steps: Vec<Vec<Step>>) {
    let mut script = Script::new(storage);
    for steps in steps {
        let window = script.author.window(steps);
        script.commit(&window);
        script.model.check(&as_stored(storage));
        // As after a crash between the write and its sync.
        script.storage.commit(&window).expect("it can be written again");
        script.model.check(&as_stored(storage));
    }
}

fn what_stands_still_stands_still(storage: &dyn ShardStorage, steps: Vec<Vec<Step>>) {
    let mut script = Script::new(storage);
    let mut held = vec![(storage.still(), script.model.clone())];
    for steps in steps {
        script.play(steps);
        held.push((storage.still(), script.model.clone()));
    }
    for (still, model) in held {
        model.check(&still);
        model.check(&still.still());
    }
}

fn a_snapshot_is_the_state_of_its_moment(from: &dyn ShardStorage, to: &dyn ShardStorage, steps: Vec<Vec<Step>>) {
    let mut script = Script::new(from);
    // What is replaced leaves nothing behind.
    let mut other = Script::new(to);
    for (n, steps) in steps.into_iter().enumerate() {
        if n % 2 == 1 {
            other.play(steps.clone());
        }
        script.play(steps);
    }
    let view = from.snapshots().view().expect("the state can be read");
    let model = script.model.clone();
    script.play(vec![Step::Everything]);

    let staged = transfer(&*view, &*to.snapshots(), usize::MAX).expect("it is whole");
    other.model.check(&as_stored(to));
    to.install(&staged).expect("it can be installed");
    model.check(&as_stored(to));
    to.install(&staged).expect("to repeat it does no harm");
    model.check(&as_stored(to));
    script.model.check(&as_stored(from));

    // And it goes on from there.
    let mut author = script.author.at(&model);
    let mut after = model;
    let window = author.window(vec![Step::Everything]);
    to.commit(&window).expect("it can be written");
    after.apply(&window);
    after.check(&as_stored(to));
}

fn a_broken_transfer_goes_on(from: &dyn ShardStorage, to: &dyn ShardStorage, steps: Vec<Vec<Step>>) {
    let mut script = Script::new(from);
    for steps in steps {
        script.play(steps);
    }
    let snapshots = from.snapshots();
    let other = snapshots.view().expect("the state can be read");
    let view = snapshots.view().expect("the state can be read");
    assert_ne!(other.id(), view.id(), "chunks of two views are never mixed");
    assert!(transfer(&*other, &*to.snapshots(), 1).is_none());
    for chunks in 0..4 {
        let _ = transfer(&*view, &*to.snapshots(), chunks);
    }
    let staged = transfer(&*view, &*to.snapshots(), usize::MAX).expect("it is whole");
    to.install(&staged).expect("it can be installed");
    script.model.check(&as_stored(to));
}

/// So many chunks; `None` when that was not the end.
fn transfer(view: &dyn SnapshotView, to: &dyn Snapshots, chunks_max: usize) -> Option<fanfare_cluster::StagedSnapshot> {
    let mut sink = to.receive(view.id()).expect("it can be taken in");
    let mut place = sink.place();
    for _ in 0..chunks_max {
        let Some(chunk) = view.chunk(&place).expect("the state can be read") else {
            return Some(sink.finish().expect("it was whole"));
        };
        place = chunk.place.clone();
        sink.put(chunk).expect("it can be taken");
    }
    None
}

fn as_stored(storage: &dyn ShardStorage) -> Arc<dyn Stored> {
    storage.still()
}
