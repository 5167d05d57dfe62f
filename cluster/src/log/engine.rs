//! What a Raft group asks of its log.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::fault::LogFault;

/// A Raft group of this node: shard 0 to 65,535, or [`GroupId::META`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The group that agrees on nodes, placement and namespaces.
    pub const META: Self = Self(65_536);
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::META { f.write_str("meta") } else { self.0.fmt(f) }
    }
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the group's log.
    pub index: u64,
    /// Term, kind and payload, in the encoding of the Raft room.
    pub bytes: Bytes,
}

/// Up to where a group's log was purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The last index that is gone.
    pub index: u64,
    /// Its log id, in the encoding of the Raft room.
    pub id: Bytes,
}

/// What is known of a group without reading its entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupLog {
    /// The last vote that was saved.
    pub vote: Option<Bytes>,
    /// Up to where it was purged.
    pub purged: Option<Purged>,
    /// The last entry, if one is held above `purged`.
    pub last: Option<LogEntry>,
}

/// Called once with the outcome, in the order of the calls, on the log's own thread or within [`LogEngine::write`] (the
/// memory log: before the call returns): must not block, and must not call the log.
pub type Appended = Box<dyn FnOnce(Result<(), LogFault>) + Send>;

/// The logs of all groups of a node. Calls of one group come one after the other; those of different groups may come
/// at once. What a call changes can be read as soon as it has returned; that it is durable is told by its callback,
/// and durable means: by the rules of the configured sync mode.
pub trait LogEngine: Send + Sync {
    /// What is held of a group.
    ///
    /// # Errors
    /// [`LogFault::Corrupt`] when a record of this group, or one that may have been, could not be read back.
    fn group(&self, group: GroupId) -> Result<GroupLog, LogFault>;

    /// Appends entries: ascending by one from the group's last, or, when none is held, from where it was purged; a group
    /// that never held one begins at any index. Others are [`LogFault::OutOfOrder`]. No entries are a valid call, which
    /// is done when those before it are.
    fn append(&self, group: GroupId, entries: Vec<LogEntry>, done: Appended);

    /// Saves the group's vote. Synced in every mode: a vote that is forgotten elects two leaders.
    fn save_vote(&self, group: GroupId, vote: Bytes, done: Appended);

    /// Drops the entries after an index, all that are held with `None`; the next to be appended follows what is left.
    fn truncate_after(&self, group: GroupId, index: Option<u64>, done: Appended);

    /// Drops the entries up to and including an index; may lie beyond the last, as after a snapshot. A mark at or below
    /// the one before changes nothing.
    fn purge(&self, group: GroupId, purged: Purged, done: Appended);

    /// The entries of a range, those that are held, as far as `bytes_max` (at least one). From memory when they are
    /// recent, else from disk.
    ///
    /// # Errors
    /// When they cannot be read, or do not have the checksum that they were written with.
    fn read(&self, group: GroupId, indexes: Range<u64>, bytes_max: usize) -> Result<Vec<LogEntry>, LogFault>;

    /// Groups whose oldest entries keep the log from letting go of a segment, with the index up to which they would have
    /// to be purged for it; empty while the log is small enough.
    fn pinning(&self) -> Vec<(GroupId, u64)>;

    /// From here on somebody calls [`Self::write`] after what they call, so that the log need not wake a thread for it; or no
    /// longer. What is written before it returns, as by the memory log, needs nobody.
    fn attend(&self, _attended: bool) {}

    /// Writes what was called so far on the calling thread, which blocks for as long as the disk does; callbacks run on it.
    /// What has to happen later (a sync after an interval, another try when there is space) is left to the log's own thread.
    fn write(&self) {}

    /// Makes everything durable that was appended so far, whatever the sync mode, and ends: later calls get
    /// [`LogFault::Closed`]. Blocks.
    ///
    /// # Errors
    /// When the last sync failed.
    fn close(&self) -> Result<(), LogFault>;
}
