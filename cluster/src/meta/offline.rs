//! The tables without a group: looked at while no node runs, and put in place before the first one does.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::file::{Folder, MetaFault, STATE};
use super::state::MetaState;
use super::stored::{FORMAT, Stored, Unreadable};
use super::table::{Row, Table};
use crate::shard::Position;

/// What is stored of the meta group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Where the tables stand.
    pub position: Position,
    /// The namespaces.
    pub namespaces: Arc<Table>,
}

/// Reads what is stored in `meta/` of a data directory and changes nothing; `None` when nothing is.
///
/// # Errors
/// When it cannot be read or is not what was written.
pub fn inspect(data_dir: &Path) -> Result<Option<Inspected>, MetaFault> {
    let path = data_dir.join("meta").join(STATE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(MetaFault::Io { verb: "read", path, source }),
    };
    let stored = Stored::decode(&bytes.into()).map_err(|why| match why {
        Unreadable::Format(found) => MetaFault::Format { path, found, known: FORMAT },
        Unreadable::Corrupt(what) => MetaFault::Corrupt { path, what },
    })?;
    Ok(Some(Inspected { position: stored.position, namespaces: stored.state.namespaces }))
}

/// Stores tables in `meta/` of a directory that has none yet. Durable when it returns.
///
/// # Errors
/// When they cannot be written.
pub fn restore(
    data_dir: &Path,
    version: u64,
    rows: BTreeMap<String, Row>,
    position: Position,
) -> Result<(), MetaFault> {
    let state = MetaState { namespaces: Arc::new(Table { version, rows }) };
    Folder::open(data_dir)?.write(STATE, &Stored { position, state }.encode())
}
