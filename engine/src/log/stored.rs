//! What a shard reads back of what it stored. The state machine asks while it applies, and readers ask on threads
//! that may wait for a disk.

use std::sync::Arc;

use fanfare_cluster::{Snapshots, StagedSnapshot, StateFault};
use fanfare_protocol::TopicName;

use super::read::ReadLimit;
use super::rows::{BlockRow, FoldRow, ItemRow, KeyRow, ShardRow, TopicRow, Window};

/// Rows that contradict each other: a defect, or a file that was tampered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Inconsistent {
    /// Fewer publications than the topic's row says.
    #[error("publications of topic number {topic} are missing; run `fanfare storage check` and restore from a backup")]
    History {
        /// Its number.
        topic: u64,
    },
    /// Fewer publications with a `ttl` than the topic's row says.
    #[error(
        "publications with a `ttl` of topic number {topic} are missing; run `fanfare storage check` and restore from a backup"
    )]
    Leaving {
        /// Its number.
        topic: u64,
    },
    /// The policies cannot be decoded.
    #[error("the policies of the shard cannot be read; run `fanfare storage check` and restore from a backup")]
    Policies,
}

impl From<Inconsistent> for StateFault {
    fn from(inconsistent: Inconsistent) -> Self {
        Self(Box::new(inconsistent))
    }
}

/// The stored state of one shard, as of its last window. Every method may block on a disk, and fails when a row cannot
/// be read or does not have the checksum that it was written with.
pub trait Stored: Send + Sync {
    /// The shard itself; the default when nothing was stored yet.
    ///
    /// # Errors
    /// See the trait; so of all others.
    fn shard(&self) -> Result<ShardRow, StateFault>;

    /// A topic.
    fn topic(&self, name: &str) -> Result<Option<TopicRow>, StateFault>;

    /// Publications of a topic with offsets in `after + 1 ..= through`, ascending, as many as the limit allows (at least
    /// one, if there is one). `epoch` is what their versions say.
    fn items_after(
        &self,
        number: u64,
        epoch: u64,
        after: u64,
        through: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault>;

    /// The same, descending from `before - 1` down to `floor + 1`.
    fn items_before(
        &self,
        number: u64,
        epoch: u64,
        before: u64,
        floor: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault>;

    /// Live keys of a topic, in the order of the keys.
    fn fold(&self, number: u64, epoch: u64) -> Result<Vec<FoldRow>, StateFault>;

    /// Idempotency keys of a topic, in any order.
    fn keys(&self, number: u64) -> Result<Vec<KeyRow>, StateFault>;

    /// Results of its producers, those of one in a row and ascending.
    fn blocks(&self, number: u64) -> Result<Vec<BlockRow>, StateFault>;

    /// Topics whose names begin with `prefix` and come after `after`, in the order of their bytes.
    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(TopicName, TopicRow)>, StateFault>;

    /// Topics that are due up to a shard time, the longest due first, each with its time.
    fn due(&self, through_ms: u64, limit: usize) -> Result<Vec<(u64, TopicName)>, StateFault>;

    /// The same state, standing still while it is held, whatever is written meanwhile. Cheap.
    fn still(&self) -> Arc<dyn Stored>;
}

/// Where one shard is stored: what is read of it, and what is written.
pub trait ShardStorage: Stored {
    /// Writes a window, whole or not at all. Not durable before the store as a whole was synced.
    ///
    /// # Errors
    /// When it cannot be written.
    fn commit(&self, window: &Window) -> Result<(), StateFault>;

    /// Its snapshots.
    fn snapshots(&self) -> Arc<dyn Snapshots>;

    /// Puts a snapshot that was received in full into the place of all that is stored. Durable when it returns.
    ///
    /// # Errors
    /// When it cannot be written.
    fn install(&self, snapshot: &StagedSnapshot) -> Result<(), StateFault>;

    /// The same storage, to read from.
    fn reader(self: Arc<Self>) -> Arc<dyn Stored>;
}
