//! Snapshots of the meta group: the tables are small, so one is a single chunk, which is the file itself.

use std::sync::Arc;

use bytes::Bytes;

use super::file::INCOMING;
use super::machine::Shared;
use super::stored::checksum_of;
use crate::shard::{Chunk, SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault};

/// The place behind the one chunk.
const END: Bytes = Bytes::from_static(b"end");

pub(super) struct MetaSnapshots(Arc<Shared>);

impl MetaSnapshots {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl Snapshots for MetaSnapshots {
    fn view(&self) -> Result<Arc<dyn SnapshotView>, StateFault> {
        let stored = self.0.store()?;
        let bytes = stored.encode();
        // Equal tables at one position have equal bytes on every replica, so no chance is needed to tell views apart.
        let id = SnapshotId { position: stored.position, view: checksum_of(&bytes) };
        Ok(Arc::new(View { id, bytes }))
    }

    fn receive(&self, snapshot: &SnapshotId) -> Result<Box<dyn SnapshotSink>, StateFault> {
        let Shared { folder, .. } = &*self.0;
        // What is not the whole of the same snapshot is replaced by the next chunk.
        let is_whole = folder.read(INCOMING)?.is_some_and(|bytes| checksum_of(&bytes) == snapshot.view);
        Ok(Box::new(Sink { shared: Arc::clone(&self.0), id: snapshot.clone(), is_whole }))
    }
}

struct View {
    id: SnapshotId,
    bytes: Bytes,
}

impl SnapshotView for View {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn chunk(&self, after: &[u8]) -> Result<Option<Chunk>, StateFault> {
        Ok(after.is_empty().then(|| Chunk { place: END, bytes: self.bytes.clone() }))
    }
}

struct Sink {
    shared: Arc<Shared>,
    id: SnapshotId,
    is_whole: bool,
}

impl SnapshotSink for Sink {
    fn place(&self) -> Bytes {
        if self.is_whole { END } else { Bytes::new() }
    }

    fn put(&mut self, chunk: Chunk) -> Result<(), StateFault> {
        let folder = &self.shared.folder;
        let stored = folder.decode(INCOMING, &chunk.bytes)?;
        if stored.position != self.id.position || checksum_of(&chunk.bytes) != self.id.view {
            return Err(folder.not_staged().into());
        }
        folder.write(INCOMING, &chunk.bytes)?;
        self.is_whole = true;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<StagedSnapshot, StateFault> {
        if !self.is_whole {
            return Err(self.shared.folder.not_staged().into());
        }
        Ok(StagedSnapshot { position: self.id.position, generation: self.id.view })
    }
}
