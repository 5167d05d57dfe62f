//! Shards side by side, each behind its own lock: held while an entry is applied and while a reader takes its
//! references, never while anything is encoded, sent or read from a disk, but for the single row of a cold topic.

use fanfare_cluster::{ShardId, StateFault};
use parking_lot::{Mutex, MutexGuard};

use super::shard::ShardState;

/// One shard, or that it cannot be used any more.
pub(super) enum Held {
    /// It serves.
    Open(Box<ShardState>),
    /// An entry was left half applied, or the store could not be read: it is shown to no one, so that readers are told
    /// of a fault and not a lie.
    Faulted,
}

/// The shards of one durability.
pub(super) struct Lane {
    shards: Box<[Mutex<Held>]>,
}

/// Its store failed, or a defect tore its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shard has stopped serving; the log says why")]
pub(super) struct Faulted;

impl From<Faulted> for StateFault {
    fn from(faulted: Faulted) -> Self {
        Self(Box::new(faulted))
    }
}

impl Lane {
    pub(super) fn new(shards: impl IntoIterator<Item = Held>) -> Self {
        Self { shards: shards.into_iter().map(Mutex::new).collect() }
    }

    pub(super) fn lock(&self, shard: ShardId) -> MutexGuard<'_, Held> {
        self.shards[shard.index()].lock()
    }

    /// What a shard says, if it serves.
    pub(super) fn with<T>(&self, shard: ShardId, ask: impl FnOnce(&mut ShardState) -> T) -> Result<T, Faulted> {
        match &mut *self.lock(shard) {
            Held::Open(state) => Ok(ask(state)),
            Held::Faulted => Err(Faulted),
        }
    }
}
