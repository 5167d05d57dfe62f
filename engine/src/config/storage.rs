//! The section `[storage]`: what the node keeps on its disk, how sure it is, and what that may take.

use serde::{Deserialize, Serialize};

/// What the node keeps on its disk, how sure it is, and what that may take. Lengths in bytes, times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// The directory of this node's data, relative to where it was started: the write-ahead log, the topics and the
    /// namespaces. It belongs to one running node; whoever starts a second one on it is refused.
    pub data_dir: String,
    /// When what was written reaches the disk. `always`: before it is acknowledged, so that nothing acknowledged is lost
    /// with the power; publications that wait together share one sync. `interval`: every `fsync_interval_ms`; a crash of
    /// the process loses nothing, a loss of power what came since the last sync. `never`: when the system likes, often
    /// after 30 s. Votes are synced whatever it says. See `docs/durability.md`.
    pub fsync: Fsync,
    /// Time between syncs with `fsync = "interval"`, and so the acknowledged publications that a loss of power can take:
    /// 1 second, as Redis with `everysec`. A disk that takes longer for a sync delays the next. At most a minute.
    pub fsync_interval_ms: u64,
    /// Free space of the disk below which publishes are refused with `DISK_LOW`; reads and deletes go on. 256 MiB, four
    /// segments of the log: what the node needs to store what it has taken, and to make room.
    pub free_bytes_min: u64,
    /// How long changes of topics gather in memory before they are stored in one piece: 1 second. Nothing depends on it
    /// for safety, the log has everything; longer windows write less where the same keys change often, and a crashed
    /// node has more to apply again before it is ready. At most a minute.
    pub window_ms: u64,
    /// What may have been applied and not yet been stored, all shards together: 64 MiB. A window that reaches it is
    /// stored at once. When the disk does not keep up publishes wait until it does, and get `OVERLOADED` when too many do. Not
    /// less than `limits.frame_bytes_max`.
    pub window_bytes_max: u64,
    /// Memory for topics that are in use, their histories and keys: 256 MiB. Beyond it those that were not used for
    /// longest are read from the disk again when someone needs them. What is not stored yet comes on top.
    pub memory_bytes_max: u64,
    /// Reads from the disk at the same time: 32, what an SSD serves at full speed; each takes a thread. Further ones
    /// wait their turn. At most 512.
    pub reads_max: usize,
}

/// See [`StorageConfig::fsync`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// Before it is acknowledged.
    #[default]
    Always,
    /// Every so often.
    Interval,
    /// When the system likes.
    Never,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            data_dir: "./fanfare-data".to_owned(),
            fsync: Fsync::Always,
            fsync_interval_ms: 1_000,
            free_bytes_min: 256 * 1024 * 1024,
            window_ms: 1_000,
            window_bytes_max: 64 * 1024 * 1024,
            memory_bytes_max: 256 * 1024 * 1024,
            reads_max: 32,
        }
    }
}
