//! Shards of opaque entries, handed over as commands and heard back in one order.
//!
//! The engine proposes commands ([`Shards::propose`]); those that wait for the same shard become one
//! [`Entry`]; the entry is committed and then applied by that shard's [`StateMachine`] on every replica;
//! each command gets its answer. That is all: **this crate knows no topic, no HTTP and no actor**, and no
//! clock reaches a state machine except as [`EntryTime`] inside the entry, so that replicas agree.
//!
//! Rooms: [`shard`] the words (which shard, what an entry is, what a proposal resolves to) and the batcher;
//! [`clock`] time as an argument; [`ephemeral`] shards that are sequenced in memory and stored nowhere; [`log`] the write-ahead
//! log of a node.

pub mod clock;
pub mod ephemeral;
pub mod log;
pub mod meta;
#[cfg(feature = "micro")]
pub mod micro;
pub mod raft;
pub mod shard;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ephemeral::{EphemeralMachine, EphemeralShards};
pub use raft::{Backlog, Health, MetaGroup, RaftParts, RaftSettings, RaftShards};
pub use shard::{
    Answered, Answers, BadShardCount, BatcherLimits, Chunk, Entry, EntryTime, Position, Promise, Proposal, ReadBarrier,
    ShardCount, ShardId, Shards, SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault,
    StateMachine, Ticket, Unavailable,
};
