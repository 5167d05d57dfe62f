//! Takes a snapshot in, chunk by chunk, beside the state in use. One at a time: a group has one leader, and what a former
//! one sent is of no use to the next.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::shard::{Chunk, SnapshotId, SnapshotSink, Snapshots, StagedSnapshot, StateFault};

/// The snapshot that a group receives. Pieces are taken one after the other; the disk is not waited for on the thread
/// of the groups.
#[derive(Default)]
pub(super) struct Intake {
    receiving: Mutex<Option<Receiving>>,
}

struct Receiving {
    id: SnapshotId,
    sink: Box<dyn SnapshotSink>,
    /// Behind which place the next chunk belongs.
    place: Bytes,
}

impl Intake {
    /// Behind which place to go on with a snapshot. What was taken of another is dropped.
    pub(super) async fn offer(&self, id: SnapshotId, into: Arc<dyn Snapshots>) -> Result<Bytes, StateFault> {
        let mut receiving = self.receiving.lock().await;
        if let Some(same) = receiving.as_ref().filter(|receiving| receiving.id == id) {
            return Ok(same.place.clone());
        }
        // The former sink goes first: the store has one place for both.
        *receiving = None;
        let opened = spawn_blocking(move || into.receive(&id).map(|sink| (id, sink))).await;
        let (id, sink) = opened.unwrap_or_else(|ended| Err(StateFault(Box::new(ended))))?;
        let place = sink.place();
        *receiving = Some(Receiving { id, sink, place: place.clone() });
        Ok(place)
    }

    /// Takes a chunk that belongs behind `after`. Returns where it stands now: the end of the chunk, or the place where
    /// another one is expected. `None`: it does not receive that snapshot, or not any more.
    pub(super) async fn take(&self, id: &SnapshotId, after: &[u8], chunk: Chunk) -> Result<Option<Bytes>, StateFault> {
        let mut receiving = self.receiving.lock().await;
        let Some(mut at) = receiving.take_if(|receiving| receiving.id == *id) else {
            return Ok(None);
        };
        if at.place != after {
            let place = at.place.clone();
            *receiving = Some(at);
            return Ok(Some(place));
        }
        let place = chunk.place.clone();
        let put = spawn_blocking(move || at.sink.put(chunk).map(|()| at)).await;
        let at = put.unwrap_or_else(|ended| Err(StateFault(Box::new(ended))))?;
        *receiving = Some(Receiving { place: place.clone(), ..at });
        Ok(Some(place))
    }

    /// The last chunk was taken. `None`: it does not receive that snapshot, or not any more.
    pub(super) async fn finish(&self, id: &SnapshotId) -> Result<Option<StagedSnapshot>, StateFault> {
        let mut receiving = self.receiving.lock().await;
        let Some(at) = receiving.take_if(|receiving| receiving.id == *id) else {
            return Ok(None);
        };
        let finished = spawn_blocking(move || at.sink.finish()).await;
        finished.unwrap_or_else(|ended| Err(StateFault(Box::new(ended)))).map(Some)
    }
}
