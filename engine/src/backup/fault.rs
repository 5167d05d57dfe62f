//! Why a file is no backup, or cannot be restored.

use std::io;
use std::path::PathBuf;

use fanfare_cluster::StateFault;
use fanfare_cluster::log::LogFault;
use fanfare_cluster::meta::MetaFault;

use super::frame::FORMAT;
use crate::store::{DataDirError, Fault, StoreError};

/// What is wrong with the bytes of a backup. Places are bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBackup {
    /// It does not begin like one.
    #[error("it is no backup of a node")]
    Foreign,
    /// Written by a later version.
    #[error("it is of format {found}, this version reads up to {FORMAT}; use a newer version")]
    Newer {
        /// What it says.
        found: u32,
    },
    /// Its bytes are not what was written.
    #[error("it is damaged at byte {offset}: {what}; use another copy")]
    Damaged {
        /// Where the part begins that cannot be used.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Its end is missing.
    #[error("it ends at byte {offset}, before its end; use another copy, or take it again")]
    Truncated {
        /// How long it is.
        offset: u64,
    },
    /// The node could not take it to its end.
    #[error("the node gave it up at byte {offset}: {why}")]
    GivenUp {
        /// How far it came.
        offset: u64,
        /// In the words of the node.
        why: String,
    },
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no backup, or not a whole one.
    #[error("`{}` cannot be restored: {source}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BadBackup,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The state cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A shard of the backup was not taken.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The namespaces cannot be written.
    #[error(transparent)]
    Meta(#[from] MetaFault),
    /// What was restored contradicts itself: the node that was backed up was damaged already.
    #[error("the backup is whole, but what it holds is not ({}: {}, {count} faults in all); use an older one", first.place, first.what)]
    Faulty {
        /// The first that was found.
        first: Fault,
        /// How many there are.
        count: u64,
    },
}
