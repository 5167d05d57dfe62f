//! What goes wrong with the stored state, said in one sentence each.

use std::io;
use std::path::{Path, PathBuf};

use fanfare_cluster::StateFault;
use fjall::{Error as EngineError, LsmError};

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the file system refused.
    #[error("cannot {verb} `{}`: {source}; check the disk and restart the node", path.display())]
    Io {
        /// `open`, `read`, `create`, `write`, `sync`, …
        verb: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A row does not have the checksum that it was written with, or cannot be decoded.
    #[error(
        "the row `{key}` of the table `{table}` is corrupt: {what}; restore the data directory from a backup or let the \
         other replicas replace this one"
    )]
    CorruptRow {
        /// Of which table.
        table: &'static str,
        /// Its key, readable.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A table cannot be read at some place.
    #[error(
        "the table `{table}` cannot be read {near}: {what}; restore the data directory from a backup or let the other \
         replicas replace this one"
    )]
    CorruptTable {
        /// Which.
        table: &'static str,
        /// Where, as far as it is known.
        near: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file of the store is not what was written.
    #[error(
        "`{}` is corrupt at byte {offset}: {what}; restore the data directory from a backup or let the other replicas \
         replace this one",
        path.display()
    )]
    CorruptFile {
        /// Which.
        path: PathBuf,
        /// Where what is wrong begins.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file of the store is not there.
    #[error(
        "`{}` is missing; put it back, restore the data directory from a backup or let the other replicas replace this one",
        path.display()
    )]
    MissingFile {
        /// Where it should be.
        path: PathBuf,
    },
    /// Written by a later version.
    #[error("`{place}` is of format {found}, this version reads up to {known}; start it with a newer version")]
    Format {
        /// A file or a row.
        place: String,
        /// What it says.
        found: u32,
        /// What this version knows.
        known: u32,
    },
    /// Another process has it open.
    #[error("the state in `{}` is in use by another process; stop that one first", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A write, a flush or a compaction failed before; what was written since may not be there after a restart.
    #[error(
        "the state is not written any more, because a write to it failed before; check the disk and restart the node"
    )]
    Stopped,
    /// A defect of the storage engine, caught.
    #[error("the storage engine failed while it {doing}: {text}; this is a defect, report it")]
    Panicked {
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        text: String,
    },
    /// A row that the store cannot take.
    #[error(
        "a row of the table `{table}` has a key of {bytes} bytes, more than {bytes_max}; this is a defect, report it"
    )]
    KeyTooLong {
        /// Of which table.
        table: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// What came as a piece of a snapshot is none, or not the next one.
    #[error("a chunk of a snapshot cannot be taken: {0}; the snapshot is asked for again")]
    BadChunk(&'static str),
    /// A snapshot that is not, or no longer, staged.
    #[error("the snapshot is not staged: {0}; it is asked for again")]
    NotStaged(&'static str),
}

impl From<StoreError> for StateFault {
    fn from(error: StoreError) -> Self {
        Self(Box::new(error))
    }
}

impl StoreError {
    pub(super) fn io(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { verb, path, source }
    }

    /// What the storage engine said while it read a table.
    pub(super) fn reading(table: &'static str, near: impl FnOnce() -> String, error: EngineError, dir: &Path) -> Self {
        match corruption(&error) {
            Some(what) => Self::CorruptTable { table, near: near(), what },
            None => Self::engine("read", error, dir),
        }
    }

    /// What the storage engine said while it did something to the directory.
    pub(super) fn engine(verb: &'static str, error: EngineError, dir: &Path) -> Self {
        let path = dir.to_path_buf();
        match error {
            EngineError::Io(source) | EngineError::Storage(LsmError::Io(source)) => Self::Io { verb, path, source },
            EngineError::Locked => Self::Locked { path },
            EngineError::Poisoned => Self::Stopped,
            EngineError::InvalidVersion(_) => {
                Self::CorruptFile { path, offset: 0, what: "it is no state of this engine" }
            }
            other => {
                let what = corruption(&other).unwrap_or_else(|| other.to_string());
                Self::CorruptTable { table: "all", near: format!("in `{}`", path.display()), what }
            }
        }
    }
}

fn corruption(error: &EngineError) -> Option<String> {
    let what = match error {
        EngineError::Storage(LsmError::ChecksumMismatch { .. }) => "a block does not have its checksum".to_owned(),
        EngineError::Storage(LsmError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "a file is shorter than it should be".to_owned()
        }
        EngineError::Storage(LsmError::Io(_)) => return None,
        EngineError::Storage(LsmError::Unrecoverable) => "files are missing, or not what they should be".to_owned(),
        EngineError::Storage(other) => format!("a block cannot be decoded ({other:?})"),
        EngineError::Decompress(_) | EngineError::InvalidTrailer | EngineError::InvalidTag(_) => {
            "a block cannot be decoded".to_owned()
        }
        EngineError::JournalRecovery(error) => format!("the journal cannot be replayed ({error:?})"),
        EngineError::Unrecoverable => "it cannot be recovered".to_owned(),
        _ => return None,
    };
    Some(what)
}
