//! What a directory holds, and what of it takes the space.

use std::path::Path;

use fanfare_cluster::log::{self, CheckReport, GroupId};
use fanfare_cluster::meta;

use super::continuity::{Positions, replayed};
use super::fault::InspectionError;
use crate::store::{self, DataDir, Identity, Shadow, StoreFigures, StoreSettings};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Whose directory it is, and in which format.
    pub identity: Identity,
    /// The write-ahead log.
    pub log: LogFigures,
    /// The state of the shards.
    pub state: StoreFigures,
    /// Namespaces.
    pub namespaces: u64,
}

/// Of the write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFigures {
    /// The numbers of the oldest and the newest segment.
    pub segments: Option<(u64, u64)>,
    /// How many there are.
    pub segments_count: u64,
    /// Bytes of their files.
    pub segments_bytes: u64,
    /// Bytes of those that hold records.
    pub used_bytes: u64,
    /// Files that are kept to become segments.
    pub spares_count: u64,
    /// Entries that are held.
    pub entries: u64,
    /// Bytes of those.
    pub entries_bytes: u64,
    /// Entries that a start would apply again.
    pub replayed: u64,
}

/// Tells the figures of the directory of a node that is stopped.
///
/// # Errors
/// When it cannot be looked at, or is so damaged that nothing can be told of it: [`super::check`] says more.
pub fn stat(path: &Path) -> Result<Figures, InspectionError> {
    let dir = DataDir::inspect(path)?;
    let log = log::check(&dir.wal())?;
    let shadow = Shadow::of(&dir.state())?;
    let state = store::figures(shadow.dir(), StoreSettings::default());
    let state = state.map_err(|fault| InspectionError::State(shadow.unveiled(&fault.0.to_string())))?;
    let held = meta::inspect(path)?;
    let shards = state.shards.iter().map(|shard| (GroupId(shard.shard.get().into()), shard.position.clone()));
    let mut positions: Positions = shards.collect();
    let namespaces = held.map_or(0, |held| {
        positions.insert(GroupId::META, held.position);
        held.namespaces.rows().len() as u64
    });
    Ok(Figures { identity: dir.identity().clone(), log: LogFigures::of(&log, &positions), state, namespaces })
}

impl LogFigures {
    fn of(log: &CheckReport, positions: &Positions) -> Self {
        let ends = log.segments.first().zip(log.segments.last());
        Self {
            segments: ends.map(|(first, last)| (first.number, last.number)),
            segments_count: log.segments.len() as u64,
            segments_bytes: log.bytes(),
            used_bytes: log.segments.iter().map(|segment| segment.used_bytes).sum(),
            spares_count: log.spares_count as u64,
            entries: log.entries(),
            entries_bytes: log.groups.iter().map(|group| group.bytes).sum(),
            replayed: replayed(log, positions),
        }
    }
}
