//! What every storage keeps, and what is there after a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fanfare_cluster::{ShardCount, ShardId};
use proptest::prelude::*;

use super::{Directory, check, flush, shard, whole};
use crate::log::rows::{Change, ShardRow, TopicRow};
use crate::log::{ShardStorage, Stored};
use crate::store::contract::{self, Author, Model, Step};
use crate::store::state::{pointed, shard_id};
use crate::store::view::View;
use crate::store::{StateStore, StoreError, StoreSettings};

/// The shards of which something is stored, and where they stand.
pub(super) fn stored(store: &StateStore) -> Vec<(ShardId, ShardRow)> {
    let still = store.engine.still();
    let numbers = pointed(&still).expect("they can be read").into_iter();
    let view = |number| (shard_id(number).expect("every number is one"), View::new(still.clone(), number));
    let is_stored = |(_, view): &(ShardId, View)| view.prefix().expect("it can be read").is_some();
    let row = |(shard, view): (ShardId, View)| (shard, view.row().expect("it can be read"));
    numbers.map(view).filter(is_stored).map(row).collect()
}

/// Each case of the suite has a shard of its own.
#[test]
fn it_keeps_the_contract_of_a_shards_storage() {
    let directories = [Directory::new(), Directory::new()];
    let stores = directories.each_ref().map(Directory::open);
    let next = AtomicU32::new(0);
    let shards = ShardCount::new(ShardCount::MAX).expect("as many as there can be");
    contract::holds(|| {
        let shard = ShardId::new(next.fetch_add(1, Ordering::Relaxed), shards).expect("there are enough");
        stores.each_ref().map(|store| Arc::new(store.shard(shard).expect("it can be read")) as Arc<dyn ShardStorage>)
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two shards, in memory only, in tables or half and half, cleared away or not: it reads the same, and the check
    /// agrees.
    #[test]
    fn what_was_written_is_there_after_a_restart(steps in contract::steps(), flushed in 0..9_usize, rows_max in 0..99_usize) {
        let directory = Directory::new();
        let mut scripts = [(Author::new(), Model::new()), (Author::new(), Model::new())];
        let store = directory.open();
        for (n, steps) in steps.into_iter().enumerate() {
            for (number, (author, model)) in (0..).zip(&mut scripts) {
                let window = author.window(steps.clone());
                model.apply(&window);
                store.shard(shard(number)).expect("it can be read").commit(&window).expect("it can be written");
            }
            store.sync().expect("it can be synced");
            store.collect(rows_max).expect("it can be cleared away");
            if n == flushed {
                flush(&store);
            }
        }
        drop(store);
        let store = directory.open();
        let shards = stored(&store);
        prop_assert_eq!(shards.len(), 2);
        for ((id, row), (_, model)) in shards.into_iter().zip(&scripts) {
            prop_assert_eq!(&row, model.shard());
            model.check(&store.shard(id).expect("it can be read").still());
        }
        drop(store);
        let checked = whole(check(&directory));
        prop_assert_eq!(checked.shards.len(), 2);
    }
}

#[test]
fn the_check_counts_what_is_stored() {
    let directory = Directory::new();
    let store = directory.open();
    let mut author = Author::new();
    let window = author.window(vec![Step::Everything]);
    store.shard(shard(3)).expect("it can be read").commit(&window).expect("it can be written");
    drop(store);
    let checked = whole(check(&directory));
    let [shard] = &*checked.shards else { panic!("one shard is stored: {checked:?}") };
    let topics = window.changes.iter().filter_map(|change| match change {
        Change::Topic(_, row) => Some(row),
        _ => None,
    });
    let topics: Vec<_> = topics.collect();
    let sum = |of: fn(&TopicRow) -> u64| topics.iter().map(|row| of(row)).sum::<u64>();
    assert_eq!((shard.shard.get(), &shard.position), (3, &window.shard.position));
    assert_eq!(shard.topics, topics.len() as u64);
    assert_eq!((shard.items, shard.items_bytes), (sum(|row| row.history_count), sum(|row| row.history_bytes)));
    assert_eq!((shard.keys, shard.keys_bytes), (sum(|row| row.keys_count), sum(|row| row.fold_bytes)));
    assert_eq!(shard.known, sum(|row| row.known_count));
    assert!(!shard.is_receiving && checked.sizes.journal_bytes > 0);
}

#[test]
fn an_empty_store_has_no_shards() {
    let directory = Directory::new();
    let store = directory.open();
    assert_eq!(stored(&store), []);
    assert_eq!(store.collect(9).expect("there is nothing"), 0);
    store.sync().expect("there is nothing");
    store.health().expect("it is well");
    drop(store);
    assert_eq!(whole(check(&directory)).shards, []);
}

#[test]
fn two_processes_cannot_have_it_open() {
    let directory = Directory::new();
    let store = directory.open();
    let again = StateStore::open(directory.path(), StoreSettings::default());
    assert!(matches!(again.err(), Some(StoreError::Locked { .. })));
    assert!(matches!(check(&directory), Err(StoreError::Locked { .. })));
    drop(store);
    directory.open();
}

#[test]
fn a_later_format_is_told_so() {
    let directory = Directory::new();
    drop(directory.open());
    let format = directory.path().join("format");
    std::fs::write(&format, "fanfare state 2\n").expect("it can be written");
    let error = StateStore::open(directory.path(), StoreSettings::default()).err().expect("it is refused");
    let text =
        format!("`{}` is of format 2, this version reads up to 1; start it with a newer version", format.display());
    assert_eq!(error.to_string(), text);
}

/// A crash in the middle of the creation.
#[test]
fn a_store_that_was_never_finished_is_made_anew() {
    let directory = Directory::new();
    drop(directory.open());
    let rows = directory.path().join("rows");
    let new = directory.path().join("rows.new");
    std::fs::rename(&rows, &new).expect("it can be moved");
    std::fs::remove_file(new.join("version")).expect("it can be removed");
    directory.open();
    assert!(rows.exists() && !new.exists());
}

#[test]
fn a_key_that_is_too_long_is_refused_and_nothing_else_fails() {
    let directory = Directory::new();
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let mut author = Author::new();
    let window = author.window(vec![Step::Everything]);
    let mut long = window.clone();
    long.changes.push(Change::KeyGone(1, "k".repeat(70_000).into()));
    assert!(matches!(storage.commit(&long), Err(StoreError::KeyTooLong { .. })));
    assert_eq!(Stored::shard(&storage).expect("it can be read"), Default::default());
    storage.commit(&window).expect("it can be written");
}
