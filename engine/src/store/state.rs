//! The store of all shards of a node.

use std::collections::HashMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use fanfare_cluster::{ShardCount, ShardId};
use parking_lot::Mutex;

use super::engine::Engine;
use super::fault::StoreError;
use super::garbage;
use super::key::Prefix;
use super::premises;
use super::settings::{StoreSettings, WORKERS};
use super::shard::{Shard, ShardStore};
use super::still::Still;
use super::table::Table;

/// See the module. The directory is free again once this and every shard, view and snapshot of it are dropped.
pub struct StateStore {
    pub(super) engine: Arc<Engine>,
    /// Those that were asked for.
    shards: Mutex<HashMap<u16, Arc<Shard>>>,
}

/// What a store takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreSizes {
    /// Bytes on disk of each table.
    pub tables: Vec<(&'static str, u64)>,
    /// Bytes on disk of what is not in tables yet.
    pub journal_bytes: u64,
    /// Bytes in memory of what is not in tables yet, and of what views that are held keep there.
    pub memtable_bytes: u64,
}

impl StateStore {
    /// Opens the store in a directory, creating it where there is none.
    ///
    /// # Errors
    /// When another process has it open, when it is of a later format, when it is damaged: then it is left as it is.
    pub fn open(dir: &Path, settings: StoreSettings) -> Result<Self, StoreError> {
        let settings = settings.bounded();
        let lock = premises::prepare(dir, settings)?;
        let engine = Engine::open(&premises::rows(dir), settings, WORKERS, lock)?;
        Ok(Self { engine, shards: Mutex::default() })
    }

    /// One shard. Nothing is written for it before its first window.
    ///
    /// # Errors
    /// When what is stored of it cannot be read.
    pub fn shard(&self, shard: ShardId) -> Result<ShardStore, StoreError> {
        let mut shards = self.shards.lock();
        if let Some(shard) = shards.get(&shard.get()) {
            return Ok(ShardStore::new(Arc::clone(shard)));
        }
        let opened = Arc::new(Shard::open(Arc::clone(&self.engine), shard.get())?);
        shards.insert(shard.get(), Arc::clone(&opened));
        Ok(ShardStore::new(opened))
    }

    /// Makes durable everything that was committed before the call, of all shards.
    ///
    /// # Errors
    /// When it fails: what was committed since the last one may be gone after a restart, and nothing can be written any
    /// more.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }

    /// Clears away up to so many rows that are no longer needed; gives how many. Fewer means that there are no more.
    ///
    /// # Errors
    /// When rows cannot be read or deleted.
    pub fn collect(&self, rows_max: usize) -> Result<usize, StoreError> {
        garbage::collect(&self.engine, rows_max)
    }

    /// Whether writes still go through: fails when a write, or a flush or a compaction in the background, has failed.
    ///
    /// # Errors
    /// When they do not.
    pub fn health(&self) -> Result<(), StoreError> {
        self.engine.health()
    }

    /// What it takes.
    #[must_use]
    pub fn sizes(&self) -> StoreSizes {
        self.engine.sizes()
    }
}

/// The shards that have a pointer.
pub(super) fn pointed(still: &Still) -> Result<Vec<u16>, StoreError> {
    let mut shards = Vec::new();
    let mut rows = still.rows(Table::Shards, (Bound::Unbounded, Bound::Unbounded))?;
    while let Some(key) = rows.next_key().transpose()? {
        if let Some((prefix, [])) = Prefix::of(&key)
            && prefix.generation() == 0
        {
            shards.push(prefix.shard());
        }
    }
    Ok(shards)
}

/// Every number of 16 bits is that of a shard.
pub(super) fn shard_id(number: u16) -> Option<ShardId> {
    ShardId::new(number.into(), ShardCount::new(ShardCount::MAX).ok()?)
}
