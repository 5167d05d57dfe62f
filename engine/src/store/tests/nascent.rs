//! A store that is made while its shards are in use.

use std::fs;
use std::sync::Arc;

use fanfare_cluster::Unavailable;
use fanfare_protocol::ResourceVersion;

use super::Directory;
use super::write_behind::{Bench, NEVER, shards};
use crate::log::{ShardStorage, Stored};
use crate::store::{NascentShard, NascentStore, StoreSettings, WindowSettings};

/// Shards that are in use, and their store, which is not there.
fn nascent(directory: &Directory, settings: WindowSettings) -> (Bench, NascentStore) {
    let store = NascentStore::new(directory.path().join("state"), StoreSettings::default(), shards());
    let storages: Vec<Option<Arc<dyn ShardStorage>>> = store.shards().map(|shard| Some(Arc::new(shard) as _)).collect();
    (Bench::of(&storages, settings), store)
}

/// What was stored, by whoever opens it next.
fn reopened(directory: &Directory) -> Bench {
    let (bench, store) = nascent(directory, NEVER);
    drop(bench);
    let shards: Vec<NascentShard> = store.shards().collect();
    let made = store.make().expect("it can be opened");
    let storages: Vec<_> = shards.into_iter().map(|shard| Some(Arc::new(shard) as _)).collect();
    let bench = Bench::of(&storages, NEVER);
    drop(made);
    bench
}

#[test]
fn what_is_applied_before_the_store_is_there_is_stored_in_it() {
    let directory = Directory::new();
    let (mut bench, store) = nascent(&directory, WindowSettings { window_ms: 1, ..NEVER });
    bench.publish(10);
    assert_eq!(bench.head(), ResourceVersion::new(7, 1), "and can be read before");
    assert!(bench.write_behind.store().is_none());
    bench.write_behind.found(store, shards(), bench.told()).expect("a thread");
    bench.await_stored(1);
    bench.publish(10);
    bench.await_stored(2);
    assert!(bench.write_behind.store().is_some());
    bench.write_behind.shutdown();
    drop(bench);
    assert_eq!(reopened(&directory).head(), ResourceVersion::new(7, 2));
}

#[test]
fn what_ends_while_the_store_is_being_made_stores_what_was_applied() {
    let directory = Directory::new();
    let (mut bench, store) = nascent(&directory, NEVER);
    bench.publish(10);
    bench.write_behind.found(store, shards(), bench.told()).expect("a thread");
    bench.write_behind.shutdown();
    drop(bench);
    assert_eq!(reopened(&directory).head(), ResourceVersion::new(7, 1));
}

#[test]
fn a_store_that_cannot_be_made_has_failed() {
    let directory = Directory::new();
    fs::write(directory.path().join("state"), b"in the way").expect("it can be written");
    let (mut bench, store) = nascent(&directory, NEVER);
    bench.publish(10);
    let flushed = bench.write_behind.flush();
    bench.write_behind.found(store, shards(), bench.told()).expect("a thread");
    bench.write_behind.shutdown();
    assert_eq!(flushed.try_now().expect("it was answered"), Err(Unavailable::StorageFault));
    assert!(bench.write_behind.has_failed() && bench.backlog.is_raised());
    assert_eq!(bench.head(), ResourceVersion::new(7, 1), "what is in memory is still served");
}

#[test]
fn what_a_crash_left_of_a_store_in_the_making_is_made_again() {
    let directory = Directory::new();
    let half = directory.path().join("state").join("rows.new").join("keyspaces");
    fs::create_dir_all(&half).expect("it can be made");
    fs::write(half.join("0"), b"half").expect("it can be written");
    assert_eq!(reopened(&directory).head(), ResourceVersion::default());
}

#[test]
fn what_stands_still_stays_empty_when_the_store_appears() {
    let directory = Directory::new();
    let (mut bench, store) = nascent(&directory, WindowSettings { window_ms: 1, ..NEVER });
    let before: Vec<Arc<dyn Stored>> = store.shards().map(|shard| shard.still()).collect();
    let now: Vec<NascentShard> = store.shards().collect();
    bench.publish(10);
    bench.write_behind.found(store, shards(), bench.told()).expect("a thread");
    bench.await_stored(1);
    bench.write_behind.shutdown();
    assert!(before.iter().all(|shard| shard.topic("chat:a").expect("it can be read").is_none()));
    assert!(now.iter().any(|shard| shard.topic("chat:a").expect("it can be read").is_some()));
}

#[test]
fn its_snapshot_is_that_of_a_shard_of_which_nothing_is_stored() {
    let directory = Directory::new();
    let store = NascentStore::new(directory.path().join("state"), StoreSettings::default(), shards());
    let all = |shard: &NascentShard| {
        let view = shard.snapshots().view().expect("it can be taken");
        let first = view.chunk(&[]).expect("it can be read").expect("the shard's row");
        assert_eq!(view.chunk(&first.place).expect("it can be read"), None);
        (view.id().position.clone(), first)
    };
    let nascent: Vec<NascentShard> = store.shards().collect();
    let before: Vec<_> = nascent.iter().map(all).collect();
    let made = store.make().expect("it can be made");
    assert_eq!(before, nascent.iter().map(all).collect::<Vec<_>>());
    drop(made);
}
