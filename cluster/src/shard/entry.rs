//! What replicas agree on, and who makes sense of it.

use bytes::Bytes;

/// The time of an entry, fixed by the leader that made it, so that every replica applies it at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryTime {
    /// Shard time in milliseconds: the last applied time plus what passed on the leader's monotonic clock since.
    /// Never goes back. Everything that expires is compared with it.
    pub shard_ms: u64,
    /// The leader's date, milliseconds since 1970: shown to people, never compared.
    pub wall_ms: i64,
}

/// Commands that were committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counts the entries of the shard from 1, without a gap.
    pub index: u64,
    /// When.
    pub time: EntryTime,
    /// At least one, in the order in which they were proposed.
    pub commands: Vec<Bytes>,
}

/// What a shard's entries do. Each replica has one; all see the same entries in the same order.
pub trait StateMachine: Send {
    /// Applies a committed entry: one answer per command, in their order. Must depend on nothing but earlier
    /// entries and this one. A panic, or another number of answers, is a defect and stops the shard.
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes>;
}
