//! Snapshots as the consensus library carries them: a view on the side that gives, something staged on the side that
//! takes. Never bytes.

use std::sync::Arc;

use super::codec::Malformed;
use super::consensus::{Consensus, SnapshotMeta};
use super::state::{applied_at, members_at};
use crate::shard::{Position, SnapshotView, Snapshots, StagedSnapshot, StateFault};

/// What a snapshot is at the moment.
pub(super) enum SnapshotData {
    /// Of this node's state, to be sent chunk by chunk.
    View(Arc<dyn SnapshotView>),
    /// Of another node's, received in full.
    Staged(StagedSnapshot),
}

pub(super) type Snapshot = openraft::alias::SnapshotOf<Consensus, SnapshotData>;

/// What the library knows of a snapshot of that position.
pub(super) fn meta_of(position: &Position) -> Result<SnapshotMeta, Malformed> {
    Ok(SnapshotMeta { last_log_id: applied_at(position), last_membership: members_at(position)? })
}

/// Takes a view in on this node.
pub(super) fn copy(view: &dyn SnapshotView, into: &dyn Snapshots) -> Result<StagedSnapshot, StateFault> {
    let mut sink = into.receive(view.id())?;
    let mut place = sink.place();
    while let Some(chunk) = view.chunk(&place)? {
        place = chunk.place.clone();
        sink.put(chunk)?;
    }
    sink.finish()
}
