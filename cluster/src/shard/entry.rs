//! What replicas agree on.

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
    /// Its place in the shard's log: ascending from 1. Entries that only concern the group itself take places too, so
    /// a state machine sees gaps.
    pub index: u64,
    /// When.
    pub time: EntryTime,
    /// At least one, in the order in which they were proposed.
    pub commands: Vec<Bytes>,
}
