//! The machine on real files: what it answers, stores, hands on and takes over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::command::{Put, Verb};
use super::*;
use crate::shard::{Chunk, Entry, EntryTime, Position, Promise, Proposal, ReadBarrier, StateMachine, Unavailable};

/// A data directory that is removed again.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fanfare-meta-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn state(&self) -> PathBuf {
        self.0.join("meta/state")
    }

    fn open(&self) -> MetaMachine {
        MetaMachine::open(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn position(index: u64) -> Position {
    Position { index, term: 1, leader: 1, shard_ms: index * 10, membership: Bytes::from_static(b"m") }
}

fn put(machine: &mut MetaMachine, index: u64, name: &str, value: &str) -> Result<Outcome, Refused> {
    let value = Bytes::from(value.to_owned());
    let command = Verb::PutNamespace(Put { name: name.to_owned(), value, if_version: None }).into_command();
    let entry = Entry { index, time: EntryTime::default(), commands: vec![command] };
    let answers = machine.apply(&entry, position(index)).unwrap();
    assert_eq!(answers.len(), 1);
    super::answer::decode(answers[0].clone())
}

#[test]
fn a_change_is_on_disk_when_it_is_answered() {
    let scratch = Scratch::new();
    let mut machine = scratch.open();
    assert_eq!(machine.position(), Position::default());
    assert_eq!(put(&mut machine, 1, "a", "1"), Ok(Outcome::Changed { version: 1 }));
    // Not closed, as after a crash.
    let again = scratch.open();
    assert_eq!((again.position(), again.reader().stored()), (position(1), position(1)));
    assert_eq!(again.reader().namespaces(), machine.reader().namespaces());
}

#[test]
fn what_changes_nothing_writes_nothing_until_it_is_asked_to() {
    let scratch = Scratch::new();
    let mut machine = scratch.open();
    put(&mut machine, 1, "a", "1").unwrap();
    let written = fs::metadata(scratch.state()).unwrap().modified().unwrap();
    assert_eq!(put(&mut machine, 2, "a", "1"), Ok(Outcome::Unchanged { version: 1 }));
    machine.pass(position(3));
    assert_eq!(fs::metadata(scratch.state()).unwrap().modified().unwrap(), written);
    assert_eq!((machine.position(), machine.reader().stored()), (position(3), position(1)));
    // Applied again after a restart, the same comes of it.
    let mut again = scratch.open();
    assert_eq!(put(&mut again, 2, "a", "1"), Ok(Outcome::Unchanged { version: 1 }));
    assert_eq!(machine.reader().store().unwrap(), position(3));
    assert_eq!(scratch.open().position(), position(3));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    put(&mut scratch.open(), 1, "a", "1").unwrap();
    let mut bytes = fs::read(scratch.state()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(scratch.state(), &bytes).unwrap();
    let fault = MetaMachine::open(scratch.path()).unwrap_err();
    assert!(matches!(fault, MetaFault::Corrupt { .. }) && fault.to_string().contains("meta/state"), "{fault}");
    fs::remove_file(scratch.state()).unwrap();
    fs::create_dir(scratch.state()).unwrap();
    let fault = MetaMachine::open(scratch.path()).unwrap_err();
    assert!(fault.to_string().starts_with("cannot read `"), "{fault}");
}

#[test]
fn a_change_that_cannot_be_stored_is_a_fault_and_no_reader_sees_it() {
    let scratch = Scratch::new();
    let mut machine = scratch.open();
    put(&mut machine, 1, "a", "1").unwrap();
    // A folder in the place of the file aside: it can neither be created nor renamed.
    fs::create_dir(scratch.path().join("meta/state.new")).unwrap();
    let value = Bytes::from_static(b"2");
    let command = Verb::PutNamespace(Put { name: "a".to_owned(), value, if_version: None }).into_command();
    let entry = Entry { index: 2, time: EntryTime::default(), commands: vec![command] };
    let fault = machine.apply(&entry, position(2)).unwrap_err();
    assert!(fault.to_string().contains("meta/state.new"), "{fault}");
    assert_eq!(machine.reader().namespaces().version(), 1);
    assert_eq!(scratch.open().reader().namespaces().version(), 1);
}

#[test]
fn a_snapshot_is_taken_over_whole_and_survives_a_restart() {
    let (from, to) = (Scratch::new(), Scratch::new());
    let mut giver = from.open();
    put(&mut giver, 1, "a", "1").unwrap();
    giver.pass(position(2));
    let view = giver.snapshots().view().unwrap();
    assert_eq!(view.id().position, position(2));
    let chunk = view.chunk(&[]).unwrap().unwrap();
    assert_eq!(view.chunk(&chunk.place).unwrap(), None);

    let mut taker = to.open();
    put(&mut taker, 1, "b", "other").unwrap();
    let mut sink = taker.snapshots().receive(view.id()).unwrap();
    assert!(sink.place().is_empty());
    sink.put(chunk).unwrap();
    // Killed before it was installed: nothing has changed, and what was received is kept.
    drop((sink, taker));
    let mut taker = to.open();
    assert!(taker.reader().namespaces().get("b").is_some());
    let mut changes = taker.reader().changes();
    let sink = taker.snapshots().receive(view.id()).unwrap();
    assert_eq!(view.chunk(&sink.place()).unwrap(), None);
    let staged = sink.finish().unwrap();
    taker.install(staged).unwrap();
    assert_eq!((taker.position(), taker.reader().stored()), (position(2), position(2)));
    assert!(changes.has_changed().unwrap() && changes.borrow_and_update().get("a").is_some());
    assert_eq!(to.open().reader().namespaces(), giver.reader().namespaces());
}

#[test]
fn chunks_of_another_snapshot_are_refused() {
    let (from, to) = (Scratch::new(), Scratch::new());
    let mut giver = from.open();
    put(&mut giver, 1, "a", "1").unwrap();
    let old = giver.snapshots().view().unwrap();
    put(&mut giver, 2, "a", "2").unwrap();
    let new = giver.snapshots().view().unwrap();
    let taker = to.open();
    let mut sink = taker.snapshots().receive(new.id()).unwrap();
    assert!(sink.put(old.chunk(&[]).unwrap().unwrap()).is_err());
    assert!(sink.put(Chunk { place: Bytes::new(), bytes: Bytes::from_static(b"x") }).is_err());
    assert!(sink.finish().is_err());
}

/// A group of one that applies in the call.
struct Alone(Mutex<(MetaMachine, u64)>);

impl Proposer for Alone {
    fn propose(&self, command: Bytes) -> Proposal {
        let mut alone = self.0.lock();
        alone.1 += 1;
        let entry = Entry { index: alone.1, time: EntryTime::default(), commands: vec![command] };
        let mut answers = alone.0.apply(&entry, position(entry.index)).unwrap();
        Promise::ready(answers.pop().ok_or(Unavailable::Stopped))
    }

    fn read_barrier(&self) -> ReadBarrier {
        Promise::ready(Ok(self.0.lock().1))
    }
}

#[tokio::test]
async fn whoever_waits_hears_of_a_change_and_reads_it_once_it_is_answered() {
    let scratch = Scratch::new();
    let machine = scratch.open();
    let reader = machine.reader();
    let meta = Meta::new(Arc::new(Alone(Mutex::new((machine, 0)))), reader);
    let mut changes = meta.changes();
    let rows = [("a".to_owned(), Bytes::from_static(b"1"))];
    assert_eq!(meta.seed_namespaces(rows.clone()).await, Ok(Outcome::Changed { version: 1 }));
    assert_eq!(meta.seed_namespaces(rows).await, Ok(Outcome::Unchanged { version: 1 }));
    changes.changed().await.unwrap();
    assert_eq!(changes.borrow_and_update().version(), 1);
    let refused = meta.put_namespace("a", Bytes::new(), Some(7)).await;
    assert_eq!(refused, Err(MetaError::Refused(Refused::Conflict { current: 1 })));
    assert!(!changes.has_changed().unwrap());
    let put = meta.put_namespace("a", Bytes::from_static(b"2"), Some(1)).await;
    assert_eq!(put.map(Outcome::version), Ok(2));
    meta.read_barrier().await.unwrap();
    assert_eq!(meta.namespaces().get("a").map(|row| row.value.clone()), Some(Bytes::from_static(b"2")));
}
