//! The state machine of a shard as the cluster drives it: applies an entry under the shard's lock, then tells those who
//! distribute what it changed.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::{
    Entry, EphemeralMachine, Position, ShardId, Snapshots, StagedSnapshot, StateFault, StateMachine,
};

use super::answer::Answer;
use super::committed::Committed;
use super::lane::{Faulted, Held, Lane};
use super::shared::{CommittedSink, SharedLog};
use super::stored::ShardStorage;

/// Of a shard whose entries are replicated and stored.
pub(super) struct ReplicatedShard {
    pub(super) log: Arc<SharedLog>,
    pub(super) shard: ShardId,
    pub(super) storage: Arc<dyn ShardStorage>,
    pub(super) sink: CommittedSink,
}

impl StateMachine for ReplicatedShard {
    fn position(&self) -> Position {
        let position = self.log.replicated().with(self.shard, |state| state.position().clone());
        position.unwrap_or_default()
    }

    fn apply(&mut self, entry: &Entry, position: Position) -> Result<Vec<Bytes>, StateFault> {
        apply(self.log.replicated(), self.shard, entry, position, &self.sink)
    }

    fn pass(&mut self, position: Position) {
        // A faulted shard stops at its next entry.
        let _ = self.log.replicated().with(self.shard, |state| state.pass(position));
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        self.storage.snapshots()
    }

    fn install(&mut self, snapshot: StagedSnapshot) -> Result<(), StateFault> {
        let _writing = self.log.hold_windows(self.shard);
        let mut held = self.log.replicated().lock(self.shard);
        *held = Held::Faulted;
        self.storage.install(&snapshot)?;
        *held = Held::Open(Box::new(self.log.open_shard(&self.storage)?));
        Ok(())
    }
}

/// Of a shard that one node sequences in memory.
pub(super) struct EphemeralShard {
    pub(super) log: Arc<SharedLog>,
    pub(super) shard: ShardId,
    pub(super) sink: CommittedSink,
}

impl EphemeralMachine for EphemeralShard {
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes> {
        let position = Position { index: entry.index, ..Position::default() };
        // No answers to some commands is a defect, and stops the shard.
        apply(self.log.ephemeral(), self.shard, entry, position, &self.sink).unwrap_or_default()
    }
}

fn apply(
    lane: &Lane,
    shard: ShardId,
    entry: &Entry,
    position: Position,
    sink: &CommittedSink,
) -> Result<Vec<Bytes>, StateFault> {
    let mut committed: Vec<Committed> = Vec::new();
    let answers = {
        let mut held = lane.lock(shard);
        // Whatever ends this scope early, a fault or a panic, leaves a state that no replica agrees on.
        let Held::Open(mut state) = std::mem::replace(&mut *held, Held::Faulted) else { return Err(Faulted.into()) };
        let answers = state.apply(entry, position, &mut committed)?;
        *held = Held::Open(state);
        answers
    };
    sink(committed);
    Ok(answers.iter().map(Answer::encode).collect())
}
