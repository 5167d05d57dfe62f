//! Shards of opaque entries, handed over as commands and heard back in one order.
//!
//! The engine proposes commands ([`Shards::propose`]); those that wait for the same shard become one
//! [`Entry`]; the entry is committed and then applied by that shard's [`StateMachine`] on every replica;
//! each command gets its answer. That is all: **this crate knows no topic, no HTTP and no actor**, and no
//! clock reaches a state machine except as [`EntryTime`] inside the entry, so that replicas agree.
//!
//! Rooms: [`shard`] the words (which shard, what an entry is, what a proposal resolves to) and the batcher;
//! [`clock`] time as an argument; [`memory`] a cluster of one that keeps nothing on disk.

pub mod clock;
pub mod memory;
pub mod shard;

pub use clock::{Clock, ManualClock, SystemClock};
pub use memory::MemoryCluster;
pub use shard::{
    BadShardCount, BatcherLimits, Entry, EntryTime, Promise, Proposal, ReadBarrier, ShardCount, ShardId, Shards,
    StateMachine, Ticket, Unavailable,
};
