//! What goes wrong with a log, said in one sentence each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::engine::GroupId;

/// Why the log cannot be written or read. Shared by everyone who waits for the same write.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogFault {
    /// A record that had been synced cannot be read back, though what follows it can.
    #[error("`{}` is corrupt at byte {offset}: {what}; restore the file from a backup or let the other replicas replace this one", path.display())]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
        /// Whose record it was, where that can be told.
        group: Option<GroupId>,
    },
    /// A segment is not there.
    #[error("segment `{}` is missing, though later ones are there; put it back or restore from a backup", path.display())]
    MissingSegment {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file of another version.
    #[error("`{}` is of format {found}, this version reads up to {known}; start it with a newer version", path.display())]
    Format {
        /// The segment.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What this version knows.
        known: u32,
    },
    /// The disk refused; nothing is acknowledged from here on.
    #[error("cannot {verb} `{}`: {source}; nothing more is acknowledged, check the disk and restart the node", path.display())]
    Io {
        /// `write`, `sync`, `read`, `open`, `create`, …
        verb: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A defect of the caller: entries that do not follow the last one. Nothing of the call was stored.
    #[error("group `{group}` was handed entry {found} where {expected} comes next; this is a defect, report it")]
    OutOfOrder {
        /// Whose entries.
        group: GroupId,
        /// The index that would have followed.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// An entry that no segment can hold. Nothing of the call was stored.
    #[error(
        "group `{group}` was handed an entry of {bytes} bytes, the log takes up to {bytes_max}; publish less at once"
    )]
    TooLarge {
        /// Whose entry.
        group: GroupId,
        /// Its length.
        bytes: usize,
        /// The longest that is taken.
        bytes_max: usize,
    },
    /// The file system cannot be written to.
    #[error("cannot write below `{}`: the file system is read-only; mount it writable or choose another data directory", dir.display())]
    ReadOnly {
        /// The folder of the log.
        dir: PathBuf,
    },
    /// Another process has the log open.
    #[error("`{}` is in use by another process; stop it or choose another data directory", dir.display())]
    InUse {
        /// The folder of the log.
        dir: PathBuf,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl LogFault {
    /// What the system said when something was tried on a file.
    pub(super) fn io(verb: &'static str, path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { dir: path.parent().unwrap_or(path).to_owned() },
            _ => Self::Io { verb, path: path.to_owned(), source: Arc::new(error) },
        }
    }
}
