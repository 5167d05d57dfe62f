//! The store of a new node while it is being made, which takes some 200 syncs of the disk: its shards begin over nothing,
//! because nothing is stored of them, and are in the store once it is there.
//!
//! A crash in the middle leaves a directory without rows, which the next start makes first; what was applied meanwhile is
//! in the write-ahead log, of which nothing is let go before it is stored.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use fanfare_cluster::{
    ShardCount, ShardId, SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault,
};
use fanfare_protocol::TopicName;

use super::settings::StoreSettings;
use super::shard::ShardStore;
use super::snapshot::Nothing;
use super::state::StateStore;
use crate::log::rows::{BlockRow, FoldRow, ItemRow, KeyRow, ShardRow, TopicRow, Window};
use crate::log::{ReadLimit, ShardStorage, Stored};

/// See the module.
pub struct NascentStore {
    dir: PathBuf,
    settings: StoreSettings,
    shards: Vec<NascentShard>,
}

/// One shard of it. All clones are the same.
#[derive(Clone)]
pub struct NascentShard {
    shard: ShardId,
    store: Arc<OnceLock<ShardStore>>,
}

/// To who would write to it.
const NOT_THERE: &str = "the store is still being made";

impl NascentStore {
    /// One that is to be made in a directory that has none.
    #[must_use]
    pub fn new(dir: PathBuf, settings: StoreSettings, shards: ShardCount) -> Self {
        let shards = shards.ids().map(NascentShard::new).collect();
        Self { dir, settings, shards }
    }

    /// Its shards, by number.
    pub fn shards(&self) -> impl Iterator<Item = NascentShard> {
        self.shards.iter().cloned()
    }

    /// Makes it. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be made; then its shards stay as they are.
    pub fn make(self) -> Result<Arc<StateStore>, StateFault> {
        let store = StateStore::open(&self.dir, self.settings)?;
        for NascentShard { shard, store: there } in self.shards {
            // Made once: it takes itself.
            let _ = there.set(store.shard(shard)?);
        }
        Ok(Arc::new(store))
    }
}

impl NascentShard {
    fn new(shard: ShardId) -> Self {
        Self { shard, store: Arc::default() }
    }

    /// What is stored, or what is when there is nothing.
    fn read<T: Default>(&self, read: impl FnOnce(&ShardStore) -> Result<T, StateFault>) -> Result<T, StateFault> {
        self.store.get().map_or_else(|| Ok(T::default()), read)
    }

    fn there(&self) -> Result<&ShardStore, StateFault> {
        self.store.get().ok_or_else(|| StateFault(NOT_THERE.into()))
    }
}

impl Stored for NascentShard {
    fn shard(&self) -> Result<ShardRow, StateFault> {
        self.read(Stored::shard)
    }

    fn topic(&self, name: &str) -> Result<Option<TopicRow>, StateFault> {
        self.read(|shard| shard.topic(name))
    }

    fn items_after(
        &self,
        number: u64,
        epoch: u64,
        after: u64,
        through: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        self.read(|shard| shard.items_after(number, epoch, after, through, limit))
    }

    fn items_before(
        &self,
        number: u64,
        epoch: u64,
        before: u64,
        floor: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        self.read(|shard| shard.items_before(number, epoch, before, floor, limit))
    }

    fn fold(&self, number: u64, epoch: u64) -> Result<Vec<FoldRow>, StateFault> {
        self.read(|shard| shard.fold(number, epoch))
    }

    fn keys(&self, number: u64) -> Result<Vec<KeyRow>, StateFault> {
        self.read(|shard| shard.keys(number))
    }

    fn blocks(&self, number: u64) -> Result<Vec<BlockRow>, StateFault> {
        self.read(|shard| shard.blocks(number))
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(TopicName, TopicRow)>, StateFault> {
        self.read(|shard| shard.list(prefix, after, limit))
    }

    fn due(&self, through_ms: u64, limit: usize) -> Result<Vec<(u64, TopicName)>, StateFault> {
        self.read(|shard| shard.due(through_ms, limit))
    }

    fn still(&self) -> Arc<dyn Stored> {
        // Another one, which nothing will ever be stored in.
        self.store.get().map_or_else(|| Arc::new(Self::new(self.shard)) as _, Stored::still)
    }
}

impl ShardStorage for NascentShard {
    fn commit(&self, window: &Window) -> Result<(), StateFault> {
        ShardStorage::commit(self.there()?, window)
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(self.clone())
    }

    fn install(&self, snapshot: &StagedSnapshot) -> Result<(), StateFault> {
        ShardStorage::install(self.there()?, snapshot)
    }

    fn reader(self: Arc<Self>) -> Arc<dyn Stored> {
        self
    }
}

impl Snapshots for NascentShard {
    fn view(&self) -> Result<Arc<dyn SnapshotView>, StateFault> {
        match self.store.get() {
            Some(shard) => Snapshots::view(shard),
            None => Ok(Arc::new(Nothing::new(self.shard.get(), fastrand::u64(..)))),
        }
    }

    fn receive(&self, snapshot: &SnapshotId) -> Result<Box<dyn SnapshotSink>, StateFault> {
        self.there()?.receive(snapshot)
    }
}
