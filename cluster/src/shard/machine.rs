//! Who makes sense of entries, and how what they made of them is stored, handed on and taken over.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;

use super::Entry;

/// Where a replica's state stands in its shard's log. Whoever stores the state stores this in the same atomic write:
/// apart, a crash between the two would apply an entry twice or never.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Of the last entry applied; 0 for none.
    pub index: u64,
    /// The term in which that entry was proposed.
    pub term: u64,
    /// The node that led that term.
    pub leader: u64,
    /// Shard time of the last entry that had one, in milliseconds.
    pub shard_ms: u64,
    /// The group's members as of this index, in the cluster's own encoding; a state machine only keeps it. Empty until
    /// the group's first entry.
    pub membership: Bytes,
}

/// The state cannot be read or written: the shard stops and says so, others go on.
#[derive(Debug, thiserror::Error)]
#[error("the stored state of the shard: {0}")]
pub struct StateFault(#[source] pub Box<dyn Error + Send + Sync>);

/// What a shard's entries do. Each replica has one; all see the same entries in the same order.
///
/// It may store what it became whenever it likes, and need not wait for it: entries above the stored position are
/// applied again after a restart. Its owner tells the group how far the stored state has come
/// (`RaftShards::stored`), which then lets go of the log below.
pub trait StateMachine: Send {
    /// Where the state stands: at first what is stored, then the last entry applied.
    fn position(&self) -> Position;

    /// Applies a committed entry: one answer per command, in their order. Must depend on nothing but earlier
    /// entries and this one. A panic, or another number of answers, is a defect and stops the shard.
    ///
    /// # Errors
    /// When the state that it needs cannot be read.
    fn apply(&mut self, entry: &Entry, position: Position) -> Result<Vec<Bytes>, StateFault>;

    /// An entry of the group itself was committed: nothing changes but the position.
    fn pass(&mut self, position: Position);

    /// The shard's snapshots, for threads other than the one that applies.
    fn snapshots(&self) -> Arc<dyn Snapshots>;

    /// Replaces the whole state by a snapshot that was received in full. Atomic: after a crash it is the old state or
    /// the new one.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn install(&mut self, snapshot: StagedSnapshot) -> Result<(), StateFault>;
}

/// Gives and takes snapshots of one shard while its entries go on being applied.
pub trait Snapshots: Send + Sync {
    /// A view of the state at the last stored position. Costs no copy; holds back what it sees until it is dropped.
    ///
    /// # Errors
    /// When the store fails.
    fn view(&self) -> Result<Arc<dyn SnapshotView>, StateFault>;

    /// Where to put the chunks of a snapshot. What was staged of the same snapshot before, by this process or an
    /// earlier one, is kept, of any other dropped.
    ///
    /// # Errors
    /// When the store fails.
    fn receive(&self, snapshot: &SnapshotId) -> Result<Box<dyn SnapshotSink>, StateFault>;
}

/// Tells one snapshot from another, also of the same position: two replicas that agree on their state may still lay
/// it out differently, so chunks of two views are never mixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotId {
    /// Where it stands.
    pub position: Position,
    /// Drawn by whoever made the view.
    pub view: u64,
}

/// A state that stands still.
pub trait SnapshotView: Send + Sync {
    /// Which.
    fn id(&self) -> &SnapshotId;

    /// The chunk behind a place, some 256 KiB; `None` at the end. The empty place is the beginning.
    ///
    /// # Errors
    /// When the store fails.
    fn chunk(&self, after: &[u8]) -> Result<Option<Chunk>, StateFault>;

    /// Whether it holds back more by now than it may: whoever sends it lets go of it and begins with a new one.
    fn is_stale(&self) -> bool {
        false
    }
}

/// A piece of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it ends: what to ask for the next one with, also after a break.
    pub place: Bytes,
    /// What only the state machine understands.
    pub bytes: Bytes,
}

/// Takes a snapshot in, beside the state that is still in use.
pub trait SnapshotSink: Send {
    /// Behind which place to go on; empty at the beginning. Everything before it is on disk.
    fn place(&self) -> Bytes;

    /// Takes the next chunk.
    ///
    /// # Errors
    /// When it cannot be stored, or is not what a chunk looks like.
    fn put(&mut self, chunk: Chunk) -> Result<(), StateFault>;

    /// The last chunk was put: everything is made durable.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn finish(self: Box<Self>) -> Result<StagedSnapshot, StateFault>;
}

/// A snapshot that was received in full and waits to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedSnapshot {
    /// Where it stands.
    pub position: Position,
    /// The store's own number for it.
    pub generation: u64,
}
