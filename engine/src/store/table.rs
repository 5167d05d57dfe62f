//! The tables of the store, and how each of them is tuned.

use fjall::compaction::Leveled;
use fjall::config::{FilterPolicy, PartitioningPolicy};
use fjall::{CompressionType, KeyspaceCreateOptions, KvSeparationOptions};
use std::sync::Arc;

/// Values from this size on are kept apart from their keys, so that compaction does not copy them again and
/// again.
const SEPARATED_BYTES_MIN: u32 = 512;

const MIB: u64 = 1024 * 1024;

/// What rows are kept in. Snapshots carry them in this order, the shard's own row last: without it one is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Table {
    /// Topics by name.
    Topics = 1,
    /// Publications by topic number and offset: that of the last of those that share a row.
    Items = 2,
    /// Live keys by topic number.
    Folds = 3,
    /// Idempotency keys and results of producers, by topic number.
    Known = 4,
    /// Topics by the time at which they become due.
    Due = 5,
    /// What is to be cleared away.
    Garbage = 6,
    /// Shards: where each generation stands, and which one is in use.
    Shards = 7,
}

impl Table {
    pub(super) const ALL: [Self; 7] =
        [Self::Topics, Self::Items, Self::Folds, Self::Known, Self::Due, Self::Garbage, Self::Shards];

    /// Its number in chunks and checksums: never changes.
    pub(super) fn tag(self) -> u8 {
        self as u8
    }

    pub(super) fn of_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.tag() == tag)
    }

    pub(super) fn index(self) -> usize {
        self as usize - 1
    }

    /// The one that follows in a snapshot.
    pub(super) fn next(self) -> Option<Self> {
        Self::of_tag(self.tag() + 1)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Items => "items",
            Self::Folds => "folds",
            Self::Known => "known",
            Self::Due => "due",
            Self::Garbage => "garbage",
            Self::Shards => "shards",
        }
    }

    /// What this table keeps in memory before it is written to a file: three times as much when the disk is slow.
    /// A second of 100,000 small publications is some 20 MiB of items; the others grow more slowly.
    fn memtable_bytes_max(self) -> u64 {
        match self {
            Self::Items => 16 * MIB,
            Self::Topics | Self::Folds | Self::Known => 8 * MIB,
            Self::Due | Self::Garbage | Self::Shards => 4 * MIB,
        }
    }

    /// How its files are merged: the other ways of the engine are for data that is never changed.
    pub(super) fn compaction() -> Arc<Leveled> {
        Arc::new(Leveled::default())
    }

    pub(super) fn options(self) -> KeyspaceCreateOptions {
        let options = KeyspaceCreateOptions::default()
            .manual_journal_persist(true)
            .max_memtable_size(self.memtable_bytes_max())
            .compaction_strategy(Self::compaction())
            // A whole index takes 1.5 MiB of a file of 64, and who reads the first row of one would wait for all of it.
            .index_block_partitioning_policy(PartitioningPolicy::all(true))
            .filter_block_partitioning_policy(PartitioningPolicy::all(true));
        match self {
            // The only ones that are looked up by their whole key. A filter for what is read in ranges is wasted memory.
            Self::Topics | Self::Shards => options,
            Self::Known | Self::Due | Self::Garbage => options.filter_policy(FilterPolicy::disabled()),
            Self::Items | Self::Folds => {
                options.filter_policy(FilterPolicy::disabled()).with_kv_separation(Some(separation()))
            }
        }
    }
}

/// Not compressed: the length of a compressed value is under no checksum of the engine, and a flipped bit in it would
/// have the reader allocate up to 4 GiB.
fn separation() -> KvSeparationOptions {
    KvSeparationOptions::default().separation_threshold(SEPARATED_BYTES_MIN).compression(CompressionType::None)
}
