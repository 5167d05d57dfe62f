//! What a crash leaves in the journal is told from damage.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::{Directory, check, shard};
use crate::log::Stored;
use crate::store::contract::{Author, Model, Step};
use crate::store::{StateStore, StoreError, StoreSettings};

/// A store of six windows of which the first `synced` were synced, one by one; the models after each; where each ends in
/// the journal.
fn written(directory: &Directory, synced: usize) -> (Vec<Model>, Vec<usize>) {
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let (mut author, mut model) = (Author::new(), Model::new());
    let (mut models, mut ends) = (vec![model.clone()], vec![journal(directory).1.len()]);
    for n in 0..6 {
        let window = author.window(vec![Step::Everything]);
        model.apply(&window);
        storage.commit(&window).expect("it can be written");
        store.health().expect("it reaches the file");
        if n < synced {
            store.sync().expect("it can be synced");
        }
        models.push(model.clone());
        let (_, bytes) = journal(directory);
        ends.push(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    }
    drop((storage, store));
    (models, ends)
}

fn journal(directory: &Directory) -> (PathBuf, Vec<u8>) {
    let entries = fs::read_dir(directory.path().join("rows")).expect("it can be read");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let path = paths.filter(|path| path.extension().is_some_and(|e| e == "jnl")).max().expect("there is one");
    let bytes = fs::read(&path).expect("it can be read");
    (path, bytes)
}

/// The window that the store stands at.
fn reopened(directory: &Directory, models: &[Model]) -> Result<usize, StoreError> {
    let store = StateStore::open(directory.path(), StoreSettings::default())?;
    let still = store.shard(shard(0)).expect("it can be read").still();
    let row = still.shard().expect("it can be read");
    let at = models.iter().position(|model| *model.shard() == row).expect("it stands at the end of a window");
    models[at].check(&still);
    Ok(at)
}

#[test]
fn a_journal_that_ends_anywhere_gives_the_windows_before() {
    let directory = Directory::new();
    let (models, ends) = written(&directory, 0);
    let (path, bytes) = journal(&directory);
    for window in (0..6).rev() {
        let (begin, end) = (ends[window], ends[window + 1]);
        for cut in [begin, begin + 1, begin + 13, begin + 20, (begin + end) / 2, end - 13, end - 1] {
            fs::write(&path, &bytes[..cut]).expect("it can be written");
            assert_eq!(reopened(&directory, &models).expect("it is no damage"), window, "cut at {cut}");
            // The file has its length, its pages have not arrived.
            let mut zeros = bytes[..cut].to_vec();
            zeros.resize(bytes.len(), 0);
            fs::write(&path, zeros).expect("it can be written");
            assert_eq!(reopened(&directory, &models).expect("it is no damage"), window, "zeros from {cut}");
        }
    }
}

/// Pages reach a disk in any order.
#[test]
fn a_hole_in_what_was_not_synced_is_cut_off_with_all_behind_it() {
    let directory = Directory::new();
    let (models, ends) = written(&directory, 2);
    let (path, bytes) = journal(&directory);
    for window in 2..5 {
        let middle = (ends[window] + ends[window + 1]) / 2;
        for hole in [ends[window]..ends[window] + 512, middle..middle + 512, ends[window + 1] - 64..ends[window + 1]] {
            let mut holed = bytes.clone();
            holed[hole.clone()].fill(0);
            fs::write(&path, &holed).expect("it can be written");
            let cut = check(&directory).expect("it is no damage").cut;
            assert_eq!(cut, Some((path.clone(), ends[window] as u64)), "{hole:?}");
            assert_eq!(reopened(&directory, &models).expect("it is no damage"), window, "{hole:?}");
        }
    }
}

#[test]
fn a_hole_in_what_was_synced_is_told_with_its_place_and_left_alone() {
    let directory = Directory::new();
    let (models, ends) = written(&directory, 4);
    let (path, bytes) = journal(&directory);
    for window in 0..4 {
        for place in [
            ends[window],
            ends[window] + 3,
            ends[window] + 15,
            (ends[window] + ends[window + 1]) / 2,
            ends[window + 1] - 2,
        ] {
            let mut flipped = bytes.clone();
            flipped[place] ^= 4;
            fs::write(&path, &flipped).expect("it can be written");
            let error = reopened(&directory, &models).expect_err("it is damage");
            assert!(
                matches!(error, StoreError::CorruptFile { offset, .. } if offset == ends[window] as u64),
                "{error}"
            );
            assert_eq!(fs::read(&path).expect("it can be read"), flipped);
        }
    }
    fs::write(&path, bytes).expect("it can be written");
    assert_eq!(reopened(&directory, &models).expect("it is whole"), 6);
}

/// After a restart too: what was replayed was synced.
#[test]
fn damage_in_front_of_what_was_written_after_a_restart_is_told() {
    let directory = Directory::new();
    let (_, ends) = written(&directory, 0);
    let store = directory.open();
    store
        .shard(shard(1))
        .expect("it can be read")
        .commit(&Author::new().window(vec![Step::Everything]))
        .expect("it can be written");
    drop(store);
    let (path, mut bytes) = journal(&directory);
    bytes[ends[5] + 40] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    let opened = StateStore::open(directory.path(), StoreSettings::default());
    assert!(matches!(opened.err(), Some(StoreError::CorruptFile { .. })));
}

/// The disk was full in the middle of a batch, and then not any more: the journal was followed by an empty one.
#[test]
fn an_unfinished_batch_with_an_empty_journal_behind_it_is_no_damage() {
    let directory = Directory::new();
    let (models, ends) = written(&directory, 6);
    let (path, bytes) = journal(&directory);
    let next = path.with_file_name("1.jnl");
    fs::write(&path, &bytes[..ends[6] - 40]).expect("it can be written");
    fs::write(&next, vec![0; 4_096]).expect("it can be written");
    assert_eq!(reopened(&directory, &models).expect("it is no damage"), 5);

    fs::write(&path, &bytes[..ends[6] - 40]).expect("it can be written");
    fs::write(&next, &bytes[ends[5]..ends[6]]).expect("it can be written");
    assert!(matches!(reopened(&directory, &models), Err(StoreError::CorruptFile { .. })), "a batch follows");
}

/// Holes are not read, so what is behind one must be found all the same.
#[test]
fn what_stands_behind_a_hole_in_the_journal_is_cut_off() {
    let directory = Directory::new();
    let (models, ends) = written(&directory, 6);
    let (path, _) = journal(&directory);
    let file = File::options().write(true).open(&path).expect("it is there");
    file.set_len(ends[6] as u64).expect("it can be cut");
    file.write_all_at(b"torn", 32 << 20).expect("it can be written");
    assert_eq!(reopened(&directory, &models).expect("it is no damage"), 6);
    assert_eq!(fs::metadata(&path).expect("it is there").len(), ends[6] as u64);
    assert_eq!(reopened(&directory, &models).expect("nothing is left of it"), 6);
}

#[test]
fn batches_that_are_missing_between_two_others_are_told() {
    let directory = Directory::new();
    let (models, ends) = written(&directory, 6);
    let (path, bytes) = journal(&directory);
    let without = [&bytes[..ends[3]], &bytes[ends[4]..]].concat();
    fs::write(&path, without).expect("it can be written");
    assert!(matches!(reopened(&directory, &models), Err(StoreError::CorruptFile { .. })));
    fs::write(&path, &bytes[..ends[3]]).expect("it can be written");
    fs::write(path.with_file_name("1.jnl"), &bytes[ends[4]..]).expect("it can be written");
    assert!(matches!(reopened(&directory, &models), Err(StoreError::CorruptFile { .. })), "in another journal");
}

#[test]
fn a_missing_journal_is_told() {
    let directory = Directory::new();
    written(&directory, 6);
    let (path, _) = journal(&directory);
    let away = directory.path().join("away");
    fs::rename(&path, &away).expect("it can be moved");
    let missing = || {
        matches!(
            StateStore::open(directory.path(), StoreSettings::default()).err(),
            Some(StoreError::MissingFile { .. })
        )
    };
    assert!(missing());
    fs::rename(&away, path.with_file_name("7.jnl")).expect("it can be moved");
    fs::write(path.with_file_name("5.jnl"), b"").expect("it can be written");
    assert!(missing(), "one in the middle");
}
