//! What the store may take.

/// Bounds of the store. Memory beside the cache: what the tables keep before they write it to files, about 52 MiB and up to
/// three times as much while the disk is slow, and an index over the upper levels of each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSettings {
    /// Blocks and large values that were read: 32 MiB. Hot topics are in memory anyway.
    pub cache_bytes: u64,
    /// Journals: 128 MiB, what a start has to replay in about a second. Beyond it tables are written to files early.
    pub journal_bytes_max: u64,
    /// Files that are held open to read from: 256, some 16 GiB of tables.
    pub open_files_max: usize,
}

/// Of the engine, for flushes and compactions: one that compacts must not hold up flushes, else publications are refused. The
/// engine keeps one of them for flushes, which passes waiting compactions on to itself without a pause while the other
/// compacts: half a core, if nobody else wants it.
pub(super) const WORKERS: usize = 2;

/// The least that the engine takes.
const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;
const OPEN_FILES_MIN: usize = 16;

impl Default for StoreSettings {
    fn default() -> Self {
        Self { cache_bytes: 32 * 1024 * 1024, journal_bytes_max: 128 * 1024 * 1024, open_files_max: 256 }
    }
}

impl StoreSettings {
    /// Within what the engine takes: it panics on less.
    pub(super) fn bounded(self) -> Self {
        Self {
            cache_bytes: self.cache_bytes,
            journal_bytes_max: self.journal_bytes_max.max(JOURNAL_BYTES_MIN),
            open_files_max: self.open_files_max.max(OPEN_FILES_MIN),
        }
    }
}
