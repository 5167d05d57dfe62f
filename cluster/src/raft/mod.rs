//! Shards that are replicated: each a Raft group whose log is in the node's write-ahead log and whose state is in a state
//! machine of the engine's. A node by itself is a group of one and runs exactly this.
//!
//! One thread, `fanfare-shards`, with a current-thread runtime runs all groups: their cores, their state machines and
//! what hands commands to them. Proposers only lock their group's queue and wake the thread when the first command
//! arrives; the state machine answers a whole entry at once. A group of one has no timers: idling costs nothing. Alone,
//! the thread also writes the log ([`LogEngine::write`](crate::log::LogEngine::write)), whenever it has nothing else to do.
//!
//! Rooms: [`shards`] the handle and [`thread`](self::thread) what it starts; [`group`] one group, [`pipeline`] what waits
//! for it and is in flight, [`flight`] an entry until its answers, [`barrier`] reads, [`checkpoint`] letting go of the log;
//! [`log_store`], [`state`] and [`network`] what the consensus library works with, [`consensus`] its types; [`codec`] what
//! is on disk, [`wire`] what nodes say to each other, [`translate`] between the library's words and ours, [`serve`] the
//! answers; [`views`] and [`transfer`] giving a snapshot, [`intake`] taking one.
//!
//! Who starts it: the node. Who stops it: [`RaftShards::shutdown`]. What is lost in a defect: a state machine that panics,
//! a log or a store that fails stops its group and says so; those who wait are told, other groups go on. **No type of
//! the consensus library leaves this room**, and none of its formats is on disk or between nodes.

mod backlog;
mod barrier;
mod checkpoint;
mod codec;
mod commands;
mod consensus;
mod flight;
mod group;
mod inbox;
mod intake;
mod log_store;
mod network;
mod peers;
mod pipeline;
mod restored;
mod serve;
mod settings;
mod shards;
mod snapshot;
mod state;
mod thread;
mod transfer;
mod translate;
mod views;
mod wire;

pub use backlog::Backlog;
pub use peers::{PeerCall, Peers, Unreachable};
pub use restored::{restored_position, write_restored};
pub use settings::RaftSettings;
pub use shards::{Health, MakeStateMachine, MetaGroup, RaftParts, RaftShards};
pub use wire::{BadMessage, PeerReply, PeerRequest};

#[cfg(test)]
mod tests;
