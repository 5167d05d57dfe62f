//! A snapshot that is taken in.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{Chunk, SnapshotId, SnapshotSink, StagedSnapshot, StateFault};
use parking_lot::MutexGuard;

use super::chunk::{Place, Reader};
use crate::log::rows::ShardRow;
use crate::store::codec::{self, Heap, Pointer, Staging};
use crate::store::engine::{Batch, Engine};
use crate::store::fault::StoreError;
use crate::store::key::Prefix;
use crate::store::seal;
use crate::store::shard::Shard;
use crate::store::table::Table;

/// Taken in between two syncs: what a kill makes come again, some tenths of a second.
const SYNC_BYTES: usize = 8 * 1024 * 1024;

/// See the module.
pub(in crate::store) struct Sink {
    engine: Arc<Engine>,
    shard: Arc<Shard>,
    id: SnapshotId,
    generation: u32,
    /// Up to where rows are there.
    place: Place,
    /// Up to where they are on disk.
    durable: Bytes,
    unsynced_bytes: usize,
}

impl Sink {
    /// Goes on with what was staged of the same snapshot; anything else that was staged becomes garbage.
    pub(in crate::store) fn open(engine: Arc<Engine>, shard: Arc<Shard>, id: &SnapshotId) -> Result<Self, StoreError> {
        let mut pointer = shard.pointer();
        let staging = match pointer.staging.clone().filter(|staging| staging.id == *id) {
            Some(staging) => staging,
            None => {
                let generation = pointer.next_generation;
                let staging = Staging { id: id.clone(), generation, place: Bytes::new() };
                let next = Pointer {
                    next_generation: generation + 1,
                    staging: Some(staging.clone()),
                    ..Pointer::clone(&pointer)
                };
                let mut batch = engine.batch(2);
                if let Some(old) = &pointer.staging {
                    throw_away(&mut batch, Prefix::new(shard.number(), old.generation))?;
                }
                shard.point(batch, &mut pointer, next)?;
                staging
            }
        };
        drop(pointer);
        // What was staged by this process may not have been synced.
        engine.sync()?;
        let place = Place::decode(&staging.place).ok_or(StoreError::NotStaged("its place cannot be read"))?;
        Ok(Self {
            engine,
            shard,
            id: id.clone(),
            generation: staging.generation,
            place,
            durable: staging.place,
            unsynced_bytes: 0,
        })
    }

    /// The shard's pointer, as long as this snapshot is the one that is staged.
    fn pointer(&self) -> Result<MutexGuard<'_, Pointer>, StoreError> {
        let pointer = self.shard.pointer();
        match &pointer.staging {
            Some(staging) if staging.generation == self.generation && staging.id == self.id => Ok(pointer),
            _ => Err(StoreError::NotStaged("another one has taken its place")),
        }
    }

    fn take(&mut self, chunk: &Chunk) -> Result<(), StoreError> {
        let end = Place::decode(&chunk.place).ok_or(StoreError::BadChunk("it ends nowhere"))?;
        let mut reader = Reader::new(&chunk.bytes)?;
        if reader.after > self.place {
            return Err(StoreError::BadChunk("it is not the next one"));
        }
        if end <= self.place {
            return Ok(());
        }
        // A snapshot may be far larger than memory, and whoever sends it can wait.
        self.engine.settle()?;
        let prefix = Prefix::new(self.shard.number(), self.generation);
        let mut batch = self.engine.batch(1_024);
        let mut last = reader.after.clone();
        while let Some((table, name, value)) = reader.row()? {
            let key = prefix.key(&[name]);
            let place = Place::of(table, name);
            if place <= last {
                return Err(StoreError::BadChunk("its rows are not in order"));
            }
            last = place;
            seal::open(table, &key, value)?;
            if table == Table::Shards {
                self.check_row(&key, value)?;
            }
            batch.put_sealed(table, key, value.to_vec())?;
        }
        if last != end {
            return Err(StoreError::BadChunk("it does not end where it says"));
        }
        let mut pointer = self.pointer()?;
        let staging = Staging { id: self.id.clone(), generation: self.generation, place: chunk.place.clone() };
        let next = Pointer { staging: Some(staging), ..Pointer::clone(&pointer) };
        self.shard.point(batch, &mut pointer, next)?;
        drop(pointer);
        self.place = end;
        self.unsynced_bytes += chunk.bytes.len();
        if self.unsynced_bytes >= SYNC_BYTES {
            self.engine.sync()?;
            self.unsynced_bytes = 0;
            self.durable = chunk.place.clone();
        }
        Ok(())
    }

    /// The shard's own row stands where the snapshot says.
    fn check_row(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let row: ShardRow = codec::open(key, value)?;
        match *key == Prefix::new(self.shard.number(), self.generation).row() && row.position == self.id.position {
            true => Ok(()),
            false => Err(StoreError::BadChunk("it is of another position")),
        }
    }
}

impl SnapshotSink for Sink {
    fn place(&self) -> Bytes {
        self.durable.clone()
    }

    fn put(&mut self, chunk: Chunk) -> Result<(), StateFault> {
        Ok(self.take(&chunk)?)
    }

    fn finish(self: Box<Self>) -> Result<StagedSnapshot, StateFault> {
        drop(self.pointer()?);
        if self.place != end() {
            return Err(StoreError::NotStaged("its end has not come").into());
        }
        self.engine.sync()?;
        Ok(StagedSnapshot { position: self.id.position.clone(), generation: self.generation.into() })
    }
}

/// Points the shard to a snapshot that was received in full. Durable when it returns; harmless when it is repeated.
pub(in crate::store) fn install(
    engine: &Arc<Engine>,
    shard: &Shard,
    staged: &StagedSnapshot,
) -> Result<(), StoreError> {
    let mut pointer = shard.pointer();
    if u64::from(pointer.generation) == staged.generation && pointer.generation > 0 {
        return engine.sync();
    }
    let is_staged = |staging: &&Staging| {
        u64::from(staging.generation) == staged.generation && staging.id.position == staged.position
    };
    let Some(staging) = pointer.staging.as_ref().filter(is_staged) else {
        return Err(StoreError::NotStaged("another one has taken its place"));
    };
    if Place::decode(&staging.place) != Some(end()) {
        return Err(StoreError::NotStaged("its end has not come"));
    }
    let next = Pointer { generation: staging.generation, staging: None, ..Pointer::clone(&pointer) };
    let mut batch = engine.batch(2);
    if pointer.generation > 0 {
        throw_away(&mut batch, Prefix::new(shard.number(), pointer.generation))?;
    }
    shard.point(batch, &mut pointer, next)?;
    engine.sync()
}

fn throw_away(batch: &mut Batch, generation: Prefix) -> Result<(), StoreError> {
    batch.put(generation.garbage_generation(), &Heap::default())
}

/// Where a whole snapshot ends.
fn end() -> Place {
    Place::of(Table::Shards, &[])
}
