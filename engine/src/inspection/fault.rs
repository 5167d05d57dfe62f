//! Why a directory cannot be looked at, and what is found in one.

use std::path::PathBuf;

use fanfare_cluster::StateFault;
use fanfare_cluster::log::LogFault;
use fanfare_cluster::meta::MetaFault;

use crate::store::{DataDirError, Fault, StoreError};

/// Why it cannot be looked at. Damage is none of these: it is what is looked for.
#[derive(Debug, thiserror::Error)]
pub enum InspectionError {
    /// A node runs on it.
    #[error("`{}` is used by a running node; stop it first, or take a copy of it as it runs with `fanfare backup`", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It is no node's.
    #[error(transparent)]
    DataDir(DataDirError),
    /// The write-ahead log.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The same.
    #[error("{0}")]
    State(String),
    /// The namespaces.
    #[error(transparent)]
    Meta(#[from] MetaFault),
}

impl From<DataDirError> for InspectionError {
    fn from(error: DataDirError) -> Self {
        match error {
            DataDirError::InUse { path } => Self::InUse { path },
            other => Self::DataDir(other),
        }
    }
}

impl From<StateFault> for InspectionError {
    fn from(fault: StateFault) -> Self {
        Self::State(fault.0.to_string())
    }
}

/// A damaged place of the log.
pub(super) fn of_log(fault: &LogFault) -> Fault {
    match fault {
        LogFault::Corrupt { path, offset, what, group } => {
            let of = group.map(|group| format!(" (of group {group})")).unwrap_or_default();
            Fault { place: format!("{}, byte {offset}", path.display()), what: format!("{what}{of}") }
        }
        LogFault::MissingSegment { path } => Fault {
            place: path.display().to_string(),
            what: "the segment is missing, though later ones are there".into(),
        },
        other => Fault { place: "wal".to_owned(), what: other.to_string() },
    }
}

/// A damaged file of the namespaces.
pub(super) fn of_meta(fault: &MetaFault) -> Fault {
    match fault {
        MetaFault::Corrupt { path, what } => Fault { place: path.display().to_string(), what: (*what).to_owned() },
        other => Fault { place: "meta".to_owned(), what: other.to_string() },
    }
}
