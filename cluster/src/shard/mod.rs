//! A shard: a fixed slice of topic names, seen from outside as an ordered sequence of entries.
//!
//! [`id`] which shard a routing key belongs to; [`entry`] what is agreed on; [`machine`] who applies it, stores it and
//! hands it on; [`ticket`] who owes an answer, [`promise`] and [`answers`] where it is waited for; [`batcher`] how waiting
//! commands become one entry; [`time`] shard time.
//! What a command means is known by the state machine alone.

mod answers;
mod batcher;
mod entry;
mod id;
mod machine;
mod promise;
mod ticket;
mod time;
mod unavailable;

pub use answers::{Answered, Answers};
pub use batcher::BatcherLimits;
pub(crate) use batcher::{Batch, Batcher, Pushed};
pub use entry::{Entry, EntryTime};
pub use id::{BadShardCount, ShardCount, ShardId};
pub use machine::{
    Chunk, Position, SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault, StateMachine,
};
pub use promise::{Promise, Proposal, ReadBarrier};
pub use ticket::Ticket;
pub(crate) use ticket::answer_all;
pub(crate) use time::ShardTime;
pub use unavailable::Unavailable;

use bytes::Bytes;

/// All shards of a cluster, as the engine sees them: one handle, shared by all its threads.
pub trait Shards: Send + Sync {
    /// How many there are; fixed when the cluster is created.
    fn shard_count(&self) -> ShardCount;

    /// Hands a command to its shard. Never blocks. The ticket is answered with what the state machine says once the
    /// command is committed and applied, so whatever is read afterwards includes it.
    /// Proposals that one thread makes to one shard are applied in the order in which they were made.
    ///
    /// [`Unavailable::Overloaded`] means that it was not taken; any other failure after a wait means *maybe*.
    fn propose_for(&self, shard: ShardId, command: Bytes, ticket: Ticket<Bytes>);

    /// The same, for one who waits for this answer alone.
    fn propose(&self, shard: ShardId, command: Bytes) -> Proposal {
        let (ticket, proposal) = Promise::pending();
        self.propose_for(shard, command, ticket);
        proposal
    }

    /// Resolves, to the index of the last entry applied, once this node's state of the shard includes everything
    /// that was acknowledged before the call: reads after it are linearizable.
    fn read_barrier(&self, shard: ShardId) -> ReadBarrier;

    /// The shard time, in milliseconds, that an entry made now would carry. A shell that proposes what has become
    /// due compares with it; a state machine never does.
    fn shard_ms(&self, shard: ShardId) -> u64;

    /// The shard of a routing key.
    fn shard_of(&self, routing_key: &str) -> ShardId {
        ShardId::of(routing_key, self.shard_count())
    }
}
