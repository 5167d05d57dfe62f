//! Everything that is stored, verified: every byte of every file against the sum in its manifest, every row against its
//! own, all rows against each other. For a store that no process has open. Like any start it cuts off the unfinished end
//! that a crash left in the journal; nothing else is changed.

mod faults;
mod files;
mod generations;
mod lane;
mod shard;
mod topic;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanfare_cluster::{Position, ShardId};

use super::engine::Engine;
use super::fault::StoreError;
use super::premises;
use super::settings::StoreSettings;
use super::state::{StoreSizes, pointed};
use faults::Faults;
use generations::Generations;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The shards of which something is stored.
    pub shards: Vec<CheckedShard>,
    /// What all of it takes.
    pub sizes: StoreSizes,
    /// The journal whose unfinished end was cut off, and where.
    pub cut: Option<(PathBuf, u64)>,
    /// The first [`FAULTS_MAX`] faults.
    pub faults: Vec<Fault>,
    /// How many there are in all.
    pub faults_count: u64,
}

/// Faults that are told one by one: a page or two. Where there are more, the first ones tell as much.
pub const FAULTS_MAX: usize = 100;

/// What is stored of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedShard {
    /// Which.
    pub shard: ShardId,
    /// Where it stands.
    pub position: Position,
    /// How many there are.
    pub topics: u64,
    /// Publications retained.
    pub items: u64,
    /// Their bytes, as retention counts them.
    pub items_bytes: u64,
    /// Live keys of `state` topics.
    pub keys: u64,
    /// Their bytes.
    pub keys_bytes: u64,
    /// Idempotency keys and producers that are remembered.
    pub known: u64,
    /// Things that wait to be cleared away.
    pub garbage: u64,
    /// A snapshot is being received.
    pub is_receiving: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a file, a row, a topic.
    pub place: String,
    /// What.
    pub what: String,
}

/// Verifies a store. Takes about as long as reading its files twice.
///
/// # Errors
/// When another process has it open, when it is of a later format, or so damaged that it cannot be opened.
pub fn check(dir: &Path, settings: StoreSettings) -> Result<Checked, StoreError> {
    let settings = settings.bounded();
    let (lock, cut) = premises::inspect(dir)?;
    let engine = Engine::open(&premises::rows(dir), settings, 0, lock)?;
    let mut faults = Faults::default();
    files::check(&engine, &mut faults);
    let shards = check_rows(&engine, &mut faults)?;
    Ok(Checked {
        shards,
        sizes: engine.sizes(),
        cut: cut.map(|cut| (cut.path, cut.offset)),
        faults_count: faults.count(),
        faults: faults.into_list(),
    })
}

fn check_rows(engine: &Arc<Engine>, faults: &mut Faults) -> Result<Vec<CheckedShard>, StoreError> {
    let still = engine.still();
    let mut shards = Vec::new();
    let generations = Generations::in_use(&still, faults)?;
    generations.check(&still, faults);
    for number in pointed(&still)? {
        shards.extend(shard::check(&still, number, &generations, faults));
    }
    Ok(shards)
}
