//! Snapshots from one store to another.

use fanfare_cluster::{Chunk, Position, SnapshotId, SnapshotView, Snapshots, StateFault};

use super::storage::stored;
use super::{Directory, check, flush, shard, whole};
use crate::log::Stored;
use crate::store::contract::{Author, Model, Step};
use crate::store::snapshot::Source;
use crate::store::view::View;
use crate::store::{ShardStore, StateStore};

/// A shard of some chunks.
fn filled(store: &StateStore) -> (ShardStore, Author, Model) {
    let storage = store.shard(shard(0)).expect("it can be read");
    let (mut author, mut model) = (Author::new(), Model::new());
    for n in 0..4 {
        let large = (0..60).map(|key| Step::Publish { topic: key % 6, key, bytes: 9_000, ttl_ms: None });
        let mut steps: Vec<_> = large.collect();
        steps.extend((n == 1).then_some(Step::Everything));
        let window = author.window(steps);
        model.apply(&window);
        storage.commit(&window).expect("it can be written");
    }
    (storage, author, model)
}

fn chunks(view: &dyn SnapshotView) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    while let Some(chunk) = view.chunk(chunks.last().map_or(&[], |chunk| &chunk.place)).expect("it can be read") {
        chunks.push(chunk);
    }
    chunks
}

fn text(fault: Option<StateFault>) -> String {
    fault.expect("it is refused").to_string()
}

#[test]
fn chunks_are_of_a_quarter_of_a_megabyte_and_come_the_same_again() {
    let directory = Directory::new();
    let store = directory.open();
    let (storage, mut author, _) = filled(&store);
    let view = Snapshots::view(&storage).expect("it can be read");
    let all = chunks(&*view);
    assert!(all.len() > 4);
    let (last, others) = all.split_last().expect("there are some");
    assert!(last.bytes.len() < 300 * 1024);
    assert!(others.iter().all(|chunk| (256 * 1024..300 * 1024).contains(&chunk.bytes.len())));
    storage.commit(&author.window(vec![Step::Everything])).expect("it can be written");
    assert_eq!(chunks(&*view), all);
    assert!(view.chunk(b"\x63no table").is_err());
}

/// A sink is dropped, the process ends: what was synced is not sent again.
#[test]
fn a_transfer_goes_on_behind_what_is_on_disk() {
    let (from, to) = (Directory::new(), Directory::new());
    let (store, target) = (from.open(), to.open());
    let (storage, _, model) = filled(&store);
    let view = Snapshots::view(&storage).expect("it can be read");
    let all = chunks(&*view);
    let half = all.len() / 2;

    let mut sink = target.shard(shard(0)).expect("it can be read").receive(view.id()).expect("it can be taken in");
    assert_eq!(sink.place(), b""[..]);
    for chunk in &all[..half] {
        sink.put(chunk.clone()).expect("it can be taken");
    }
    drop(sink);
    // What this process has written is there, and was synced when it is asked for again.
    let sink = target.shard(shard(0)).expect("it can be read").receive(view.id()).expect("it can be taken in");
    assert_eq!(sink.place(), all[half - 1].place);
    drop((sink, target));
    assert!(whole(check(&to)).shards.is_empty(), "it is not in use");

    let target = to.open();
    assert_eq!(stored(&target), []);
    let replica = target.shard(shard(0)).expect("it can be read");
    let mut sink = replica.receive(view.id()).expect("it can be taken in");
    assert_eq!(sink.place(), all[half - 1].place);
    for chunk in &all[half..] {
        sink.put(chunk.clone()).expect("it can be taken");
    }
    let staged = sink.finish().expect("it is whole");
    assert_eq!(staged.position, view.id().position);
    drop((replica, target));

    let target = to.open();
    let replica = target.shard(shard(0)).expect("it can be read");
    replica.install(&staged).expect("it can be installed");
    model.check(&replica.still());
    drop((replica, target));
    let target = to.open();
    model.check(&target.shard(shard(0)).expect("it can be read").still());
    drop(target);
    assert!(!whole(check(&to)).shards[0].is_receiving);
}

#[test]
fn another_snapshot_makes_what_was_staged_garbage() {
    let (from, to) = (Directory::new(), Directory::new());
    let (store, target) = (from.open(), to.open());
    let (storage, mut author, mut model) = filled(&store);
    let replica = target.shard(shard(0)).expect("it can be read");
    let view = Snapshots::view(&storage).expect("it can be read");
    let all = chunks(&*view);
    let mut sink = replica.receive(view.id()).expect("it can be taken in");
    sink.put(all[0].clone()).expect("it can be taken");

    let window = author.window(vec![Step::Everything]);
    model.apply(&window);
    storage.commit(&window).expect("it can be written");
    let later = Snapshots::view(&storage).expect("it can be read");
    let mut other = replica.receive(later.id()).expect("it can be taken in");
    assert_eq!(other.place(), b""[..]);
    let refused = "the stored state of the shard: the snapshot is not staged: another one has taken its place; it is asked for again";
    assert_eq!(text(sink.put(all[1].clone()).err()), refused);
    assert_eq!(text(sink.finish().err()), refused);
    for chunk in chunks(&*later) {
        other.put(chunk).expect("it can be taken");
    }
    let staged = other.finish().expect("it is whole");
    while target.collect(50).expect("it can be cleared away") > 0 {}
    replica.install(&staged).expect("it can be installed");
    model.check(&replica.still());
    drop((replica, target));
    assert_eq!(whole(check(&to)).shards.len(), 1);
}

/// Whatever is written counts, also of other shards, also when it is in files.
#[test]
fn a_view_is_stale_when_it_holds_back_more_than_it_may() {
    let directory = Directory::new();
    let store = directory.open();
    let source = |held_bytes_max| {
        let view = View::new(store.engine.still(), shard(0).get());
        Source::new(view, 1, held_bytes_max).expect("it can be read")
    };
    let (view, patient) = (source(1024 * 1024), source(u64::MAX));
    assert!(!view.is_stale());
    let (other, mut author) = (store.shard(shard(1)).expect("it can be read"), Author::new());
    let mut windows = 0;
    while !view.is_stale() {
        windows += 1;
        assert!(windows <= 3, "each of them is half as much as may be held");
        let steps = (0..60).map(|key| Step::Publish { topic: key % 6, key, bytes: 9_000, ttl_ms: None });
        other.commit(&author.window(steps.collect())).expect("it can be written");
        flush(&store);
    }
    assert!(windows > 1);
    assert!(!patient.is_stale() && !source(0).is_stale());
}

#[test]
fn what_is_not_the_next_chunk_or_damaged_is_refused() {
    let (from, to) = (Directory::new(), Directory::new());
    let (store, target) = (from.open(), to.open());
    let (storage, ..) = filled(&store);
    let replica = target.shard(shard(0)).expect("it can be read");
    let view = Snapshots::view(&storage).expect("it can be read");
    let all = chunks(&*view);
    let mut sink = replica.receive(view.id()).expect("it can be taken in");
    assert!(text(sink.put(all[1].clone()).err()).contains("it is not the next one"));
    let mut damaged = all[0].bytes.to_vec();
    damaged[1_000] ^= 1;
    let damaged = Chunk { bytes: damaged.into(), ..all[0].clone() };
    assert!(text(sink.put(damaged).err()).contains("it does not have its checksum"));
    let elsewhere = Chunk { place: all[1].place.clone(), ..all[0].clone() };
    assert!(text(sink.put(elsewhere).err()).contains("it does not end where it says"));
    sink.put(all[0].clone()).expect("it can be taken");
    sink.put(all[0].clone()).expect("it can come twice");
    sink.put(all[1].clone()).expect("it can be taken");
    assert!(text(sink.finish().err()).contains("its end has not come"));

    let id = SnapshotId { position: Position { index: 77, ..Position::default() }, view: 1 };
    let mut sink = replica.receive(&id).expect("it can be taken in");
    let (last, others) = all.split_last().expect("there are some");
    for chunk in others {
        sink.put(chunk.clone()).expect("it can be taken");
    }
    assert!(text(sink.put(last.clone()).err()).contains("it is of another position"));

    // Another shard's rows are not taken for ours.
    let mut sink = target.shard(shard(1)).expect("it can be read").receive(view.id()).expect("it can be taken in");
    assert!(text(sink.put(all[0].clone()).err()).contains("it does not have its checksum"));
}
