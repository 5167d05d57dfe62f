//! A flipped bit anywhere is never served.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Directory, check, flush, shard, whole};
use crate::log::Stored;
use crate::store::contract::{Author, Model, Step};
use crate::store::table::Table;
use crate::store::{StateStore, StoreError, StoreSettings};

/// Flips in all; each takes some ten milliseconds.
const FLIPS: usize = 120;

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn read_all(dir: &Path, files: &mut Files) {
    for entry in fs::read_dir(dir).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            read_all(&path, files);
        } else {
            files.insert(path.clone(), fs::read(path).expect("it can be read"));
        }
    }
}

fn write_all(dir: &Path, files: &Files) {
    let mut found = Files::new();
    read_all(dir, &mut found);
    for path in found.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(path).expect("it can be removed");
    }
    for (path, bytes) in files.iter().filter(|(path, bytes)| found.get(*path) != Some(bytes)) {
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("it can be made");
        fs::write(path, bytes).expect("it can be written");
    }
}

/// Tables of several levels with large values, and a journal of what is in none yet; a model for each window.
fn filled(directory: &Directory) -> Vec<Model> {
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let (mut author, mut model) = (Author::new(), Model::new());
    let mut models = Vec::new();
    for n in 0..9 {
        let large = Step::Publish { topic: n, key: n, bytes: 3_000, ttl_ms: None };
        let steps = if n < 6 { vec![Step::Everything, large] } else { vec![Step::Everything] };
        let window = author.window(steps);
        model.apply(&window);
        models.push(model.clone());
        storage.commit(&window).expect("it can be written");
        store.sync().expect("it can be synced");
        if n < 6 {
            flush(&store);
        }
    }
    drop((storage, store));
    // Cuts the journal down to what is in it.
    drop(directory.open());
    models
}

/// What is told of the state that the directory holds now: `None` when it is refused.
fn lies(directory: &Directory, models: &[Model]) -> Result<Vec<String>, StoreError> {
    let store = StateStore::open(directory.path(), StoreSettings::default())?;
    let still = store.shard(shard(0))?.still();
    let Ok(row) = still.shard() else { return Ok(Vec::new()) };
    match models.iter().find(|model| *model.shard() == row) {
        Some(model) => Ok(model.lies(&*still)),
        None => Ok(vec![format!("it stands at {row:?}")]),
    }
}

#[test]
fn a_flipped_bit_is_reported_or_harmless() {
    let directory = Directory::new();
    let models = filled(&directory);
    whole(check(&directory));
    let mut files = Files::new();
    read_all(directory.path(), &mut files);
    let mut chance = fastrand::Rng::with_seed(7);
    let flippable: Vec<_> = files.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let last = models.last().expect("there are some");
    let mut outcomes = BTreeMap::<_, u64>::new();
    for n in 0..FLIPS {
        let (path, bytes) = flippable[n % flippable.len()];
        let place = chance.usize(..bytes.len());
        let flip = format!("byte {place} of {}", path.display());
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << chance.u8(..8);
        fs::write(path, flipped).expect("it can be written");
        let checked = check(&directory);
        write_all(directory.path(), &files);

        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << chance.u8(..8);
        fs::write(path, flipped).expect("it can be written");
        let read = lies(&directory, &models);
        if let Ok(lies) = &read {
            assert_eq!(lies, &Vec::<String>::new(), "{flip}");
        }
        let outcome = match checked {
            Err(_) => "it is refused",
            Ok(checked) if checked.faults_count > 0 => "faults are found",
            Ok(checked) => {
                // The unfinished end of a journal: what was not in tables yet is in the log.
                let is_older = checked.cut.is_some();
                assert!(is_older || read.is_ok(), "{flip}");
                assert!(is_older || checked.shards[0].position == last.shard().position, "{flip}");
                if is_older { "the end of the journal is cut off" } else { "it is harmless" }
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        write_all(directory.path(), &files);
    }
    assert!(outcomes["it is refused"] > 10 && outcomes["faults are found"] > 10, "{outcomes:?}");
    whole(check(&directory));
}

#[test]
fn a_missing_file_is_told_and_nothing_is_deleted() {
    let directory = Directory::new();
    let models = filled(&directory);
    let mut files = Files::new();
    read_all(directory.path(), &mut files);
    for path in files.keys().filter(|path| !path.ends_with("lock")) {
        fs::remove_file(path).expect("it can be removed");
        let opened = lies(&directory, &models);
        assert!(opened.is_err(), "{} is not missed", path.display());
        let mut left = Files::new();
        read_all(directory.path(), &mut left);
        let missing: Vec<_> = files.keys().filter(|path| !left.contains_key(*path)).collect();
        assert_eq!(missing, [path]);
        write_all(directory.path(), &files);
    }
    assert_eq!(lies(&directory, &models).expect("it is whole"), Vec::<String>::new());
}

/// Makes the next attempt to write a table to a file fail, in the background, and begins it.
pub(super) fn break_in_background(store: &StateStore) {
    let keyspace = store.engine.keyspace(Table::Topics);
    let tables = keyspace.path().join("tables");
    fs::remove_dir_all(&tables).expect("it can be removed");
    fs::write(&tables, b"").expect("it can be written");
    keyspace.rotate_memtable().expect("it is only queued");
}

/// A flush fails in the background: nothing is written any more, and whoever asks is told.
#[test]
fn a_failed_flush_stops_the_store() {
    let directory = Directory::new();
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let mut author = Author::new();
    let mut model = Model::new();
    let window = author.window(vec![Step::Everything]);
    model.apply(&window);
    storage.commit(&window).expect("it can be written");
    store.sync().expect("it can be synced");
    break_in_background(&store);
    while store.health().is_ok() {
        std::thread::yield_now();
    }
    assert!(matches!(store.health(), Err(StoreError::Stopped)));
    assert!(matches!(storage.commit(&window), Err(StoreError::Stopped)));
    assert!(matches!(store.sync(), Err(StoreError::Stopped)));
    model.check(&storage.still());
}
