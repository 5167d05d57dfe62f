//! How a file log behaves: when it syncs, and the bounds of everything that it holds.

/// When what was written is made durable. Votes are at once, in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// Acknowledged means durable: one sync for each drain.
    Always,
    /// Acknowledged means written; synced so many milliseconds later. Power loss takes what came since.
    Interval {
        /// From the first write that is not durable to the sync.
        interval_ms: u64,
    },
    /// Acknowledged means written; synced when a segment is full, before one is let go, with a vote, and on close.
    Never,
}

/// Settings of a [`FileLog`](super::FileLog).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLogSettings {
    /// When to sync.
    pub sync: SyncMode,
    /// Bytes of a segment: 64 MiB, so that the three syncs of a change of segments are rare, and what is let go at once
    /// is a small part of any disk. At least 4 KiB. A larger record gets a larger segment for itself, and the first
    /// segment of a log has 4 MiB at most, so that a node starts at once.
    pub segment_bytes: u32,
    /// Bytes of one write: 4 MiB, some 10 ms of a slow disk; more would let the first of a drain wait for the last.
    pub drain_bytes_max: usize,
    /// Bytes that wait to be written, above which [`FileLog::is_behind`](super::FileLog::is_behind): 64 MiB, a second of a
    /// slow disk. The log itself takes everything that it is handed: a refused append ends a group, and a blocked
    /// caller blocks them all. So the bound is kept at the door, which takes no publications meanwhile, and by the groups,
    /// each of which has a bounded number of entries in flight.
    pub waiting_bytes_max: usize,
    /// Bytes of recent entries that are kept in memory to be read, over all groups: 64 MiB, several seconds for
    /// followers that are a little late. Older ones are read from the segments.
    pub recent_bytes_max: usize,
    /// Spent segments that are kept to be written again rather than removed: 4, as many as a checkpoint lets go of at once
    /// under full load. Writing over a file's own blocks spares the file system its journal, and a new file costs as much
    /// again as what is written to it, for it is filled first.
    pub spare_segments_max: usize,
    /// Segments above which [`LogEngine::pinning`](super::LogEngine::pinning) tells who holds the oldest: 4.
    pub pinning_segments_max: usize,
}

impl Default for FileLogSettings {
    fn default() -> Self {
        Self {
            sync: SyncMode::Always,
            segment_bytes: 64 * 1024 * 1024,
            drain_bytes_max: 4 * 1024 * 1024,
            waiting_bytes_max: 64 * 1024 * 1024,
            recent_bytes_max: 64 * 1024 * 1024,
            spare_segments_max: 4,
            pinning_segments_max: 4,
        }
    }
}

/// The smallest segment: a page.
const SEGMENT_BYTES_MIN: u32 = 4096;
/// The largest: places in it have 32 bits, and 1 GiB leaves room for the largest record behind the largest opening.
const SEGMENT_BYTES_MAX: u32 = 1024 * 1024 * 1024;
/// The first segment of a log is written as a whole before the node starts: 4 MiB take some 30 ms.
pub(super) const FIRST_SEGMENT_BYTES_MAX: u32 = 4 * 1024 * 1024;
/// The longest entry, vote or log id: 256 MiB, far above what an entry of a shard may have.
pub(super) const PAYLOAD_BYTES_MAX: usize = 256 * 1024 * 1024;

impl FileLogSettings {
    /// The length of ordinary segments: within what can be, and whole pages.
    pub(super) fn segment_length(&self) -> u32 {
        self.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX).next_multiple_of(SEGMENT_BYTES_MIN)
    }
}
