//! The store on real files.

mod behind;
mod clearing;
mod damage;
mod moments;
mod nascent;
mod power;
mod snapshots;
mod storage;
mod write_behind;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fanfare_cluster::{ShardCount, ShardId};

use super::table::Table;
use super::{Checked, StateStore, StoreError, StoreSettings};

/// A directory that is gone with the test.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("fanfare-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn open(&self) -> StateStore {
        StateStore::open(self.path(), StoreSettings::default()).expect("it can be opened")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn shard(number: u32) -> ShardId {
    ShardId::new(number, ShardCount::DEFAULT).expect("there is such a shard")
}

/// Writes what was not in files of tables yet to such.
pub(super) fn flush(store: &StateStore) {
    for table in Table::ALL {
        store.engine.keyspace(table).rotate_memtable_and_wait().expect("it can be written");
    }
}

pub(super) fn check(directory: &Directory) -> Result<Checked, StoreError> {
    super::check(directory.path(), StoreSettings::default())
}

/// A store that was checked is as it should be.
pub(super) fn whole(checked: Result<Checked, StoreError>) -> Checked {
    let checked = checked.expect("it can be opened");
    assert_eq!(checked.faults, []);
    checked
}
