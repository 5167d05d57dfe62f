//! A node's topics and namespaces as one file: taken from a running node, restored into an empty directory.
//!
//! **What is in it.** The state of every shard, each as of one moment behind the request, in the chunks that replicas send
//! each other, whose rows keep the checksums that they were first written with; then the namespaces. Not the log: what
//! was acknowledged before the request was applied, and was stored before the first shard is read. Not the ephemeral
//! topics, which no disk has.
//!
//! **What becomes of it.** The topics go on with their offsets, histories, keys, deadlines and what makes a repeated
//! publish harmless, under new epochs: a client that has seen more than the backup holds must not take what is published
//! from now on for what it has seen. Idempotency remembers offsets, which are the same in the new epoch. The groups begin
//! anew with the node as their one member.
//!
//! [`frame`] the bytes, [`part`] what they say, [`order`] what has to follow what; [`writer`] takes a backup, [`reader`]
//! verifies one as it comes, from a socket or from a file; [`restore`] makes a directory of it. **No HTTP, and nothing
//! of how a row looks.**

mod fault;
mod frame;
mod order;
mod part;
mod reader;
mod restore;
mod writer;

#[cfg(test)]
mod tests;

pub use fault::{BadBackup, RestoreError};
pub use reader::{Contents, Reader};
pub use restore::{Restored, restore};
pub(crate) use writer::{GivenUp, Job, Unread, write};
