//! The store of one shard.

use std::sync::Arc;

use fanfare_cluster::{SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault};
use fanfare_protocol::TopicName;
use parking_lot::{Mutex, MutexGuard};

use super::codec::Pointer;
use super::engine::{Batch, Engine};
use super::fault::StoreError;
use super::key::Prefix;
use super::snapshot::{self, HELD_BYTES_MAX, Sink, Source};
use super::view::View;
use super::window;
use crate::log::rows::{BlockRow, FoldRow, ItemRow, KeyRow, ShardRow, TopicRow, Window};
use crate::log::{ReadLimit, ShardStorage, Stored};

/// Where one shard is stored. Cheap to clone: all clones are the same.
#[derive(Clone)]
pub struct ShardStore {
    engine: Arc<Engine>,
    shard: Arc<Shard>,
}

/// What those who write to a shard share.
pub(super) struct Shard {
    number: u16,
    engine: Arc<Engine>,
    /// As stored, once it was read. Held while it is changed, and while a window is written, so that none is written
    /// into a generation that is being replaced.
    pointer: Mutex<Pointer>,
}

/// Of a shard of which nothing is stored.
const NOTHING: Pointer = Pointer { generation: 0, next_generation: 1, staging: None };

impl Shard {
    pub(super) fn open(engine: Arc<Engine>, number: u16) -> Result<Self, StoreError> {
        let pointer = engine.still().get(&Prefix::new(number, 0).row())?.unwrap_or(NOTHING);
        Ok(Self { number, engine, pointer: Mutex::new(pointer) })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    pub(super) fn pointer(&self) -> MutexGuard<'_, Pointer> {
        self.pointer.lock()
    }

    /// Writes a batch, and with it where the shard points from then on.
    pub(super) fn point(&self, mut batch: Batch, pointer: &mut Pointer, next: Pointer) -> Result<(), StoreError> {
        batch.put(Prefix::new(self.number, 0).row(), &next)?;
        batch.commit()?;
        *pointer = next;
        Ok(())
    }
}

impl ShardStore {
    pub(super) fn new(shard: Arc<Shard>) -> Self {
        Self { engine: Arc::clone(&shard.engine), shard }
    }

    /// The shard as of the last window.
    fn view(&self) -> View {
        View::new(self.engine.still(), self.shard.number)
    }

    /// Writes a window, whole or not at all. Durable once [`StateStore::sync`](super::StateStore::sync) was called after
    /// it. To write it again does no harm.
    ///
    /// # Errors
    /// When it cannot be written; nothing can from then on.
    pub fn commit(&self, window: &Window) -> Result<(), StoreError> {
        let mut pointer = self.shard.pointer();
        let mut batch = self.engine.batch(window.changes.len() + 2);
        if pointer.generation > 0 {
            let prefix = Prefix::new(self.shard.number, pointer.generation);
            window::fill(&mut batch, &self.engine.still(), prefix, window)?;
            return batch.commit();
        }
        let generation = pointer.next_generation;
        let next = Pointer { generation, next_generation: generation + 1, ..Pointer::clone(&pointer) };
        window::fill(&mut batch, &self.engine.still(), Prefix::new(self.shard.number, generation), window)?;
        self.shard.point(batch, &mut pointer, next)
    }

    /// Puts a snapshot that was received in full in the place of all that is stored. Durable when it returns.
    ///
    /// # Errors
    /// When it is not, or no longer, staged, or cannot be written.
    pub fn install(&self, staged: &StagedSnapshot) -> Result<(), StoreError> {
        snapshot::install(&self.engine, &self.shard, staged)
    }
}

impl Stored for ShardStore {
    fn shard(&self) -> Result<ShardRow, StateFault> {
        self.view().shard()
    }

    fn topic(&self, name: &str) -> Result<Option<TopicRow>, StateFault> {
        self.view().topic(name)
    }

    fn items_after(
        &self,
        number: u64,
        epoch: u64,
        after: u64,
        through: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        self.view().items_after(number, epoch, after, through, limit)
    }

    fn items_before(
        &self,
        number: u64,
        epoch: u64,
        before: u64,
        floor: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        self.view().items_before(number, epoch, before, floor, limit)
    }

    fn fold(&self, number: u64, epoch: u64) -> Result<Vec<FoldRow>, StateFault> {
        self.view().fold(number, epoch)
    }

    fn keys(&self, number: u64) -> Result<Vec<KeyRow>, StateFault> {
        self.view().keys(number)
    }

    fn blocks(&self, number: u64) -> Result<Vec<BlockRow>, StateFault> {
        self.view().blocks(number)
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(TopicName, TopicRow)>, StateFault> {
        self.view().list(prefix, after, limit)
    }

    fn due(&self, through_ms: u64, limit: usize) -> Result<Vec<(u64, TopicName)>, StateFault> {
        self.view().due(through_ms, limit)
    }

    fn still(&self) -> Arc<dyn Stored> {
        Arc::new(self.view())
    }
}

impl ShardStorage for ShardStore {
    fn commit(&self, window: &Window) -> Result<(), StateFault> {
        Ok(Self::commit(self, window)?)
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(self.clone())
    }

    fn install(&self, snapshot: &StagedSnapshot) -> Result<(), StateFault> {
        Ok(Self::install(self, snapshot)?)
    }

    fn reader(self: Arc<Self>) -> Arc<dyn Stored> {
        self
    }
}

impl Snapshots for ShardStore {
    fn view(&self) -> Result<Arc<dyn SnapshotView>, StateFault> {
        Ok(Arc::new(Source::new(Self::view(self), fastrand::u64(..), HELD_BYTES_MAX)?))
    }

    fn receive(&self, snapshot: &SnapshotId) -> Result<Box<dyn SnapshotSink>, StateFault> {
        Ok(Box::new(Sink::open(Arc::clone(&self.engine), Arc::clone(&self.shard), snapshot)?))
    }
}
