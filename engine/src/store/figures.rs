//! What a store holds, counted from the rows of its topics alone: it takes as long as these take to be read.

use std::collections::BTreeMap;
use std::path::Path;

use fanfare_cluster::{Position, ShardId, StateFault};

use super::engine::Engine;
use super::premises;
use super::settings::StoreSettings;
use super::state::{StoreSizes, pointed, shard_id};
use super::view::View;
use crate::log::Stored;
use crate::log::rows::{TopicRow, Usage};

/// Topics that are read at once.
const TOPICS_MAX: usize = 1_000;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreFigures {
    /// The shards of which something is stored.
    pub shards: Vec<ShardFigures>,
    /// What all of it takes.
    pub sizes: StoreSizes,
}

/// Of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFigures {
    /// Which.
    pub shard: ShardId,
    /// Where it stands.
    pub position: Position,
    /// What its topics hold.
    pub topics: TopicFigures,
    /// What the topics of each namespace take, by the policy that counts them.
    pub usage: BTreeMap<String, Usage>,
}

/// Of some topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicFigures {
    /// How many there are.
    pub topics: u64,
    /// Publications retained.
    pub publications: u64,
    /// Their bytes, as retention counts them.
    pub publications_bytes: u64,
    /// Live keys of `state` topics.
    pub keys: u64,
    /// Their bytes.
    pub keys_bytes: u64,
    /// Idempotency keys and producers that are remembered.
    pub known: u64,
}

impl TopicFigures {
    fn add(&mut self, row: &TopicRow) {
        self.topics += 1;
        self.publications += row.history_count;
        self.publications_bytes += row.history_bytes;
        self.keys += row.keys_count;
        self.keys_bytes += row.fold_bytes;
        self.known += row.known_count;
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            topics: self.topics + other.topics,
            publications: self.publications + other.publications,
            publications_bytes: self.publications_bytes + other.publications_bytes,
            keys: self.keys + other.keys,
            keys_bytes: self.keys_bytes + other.keys_bytes,
            known: self.known + other.known,
        }
    }
}

/// Counts what a store holds that no process has open, or the [shadow](super::Shadow) of one.
///
/// # Errors
/// When it cannot be opened or read.
pub fn figures(dir: &Path, settings: StoreSettings) -> Result<StoreFigures, StateFault> {
    let (lock, _) = premises::inspect(dir)?;
    let engine = Engine::open(&premises::rows(dir), settings.bounded(), 0, lock)?;
    let still = engine.still();
    let mut shards = Vec::new();
    for number in pointed(&still)? {
        let view = View::new(still.clone(), number);
        let row = view.row()?;
        let Some(shard) = shard_id(number).filter(|_| view.prefix().is_ok_and(|prefix| prefix.is_some())) else {
            continue;
        };
        let topics = topics(&view)?;
        shards.push(ShardFigures { shard, position: row.position, topics, usage: row.usage });
    }
    Ok(StoreFigures { shards, sizes: engine.sizes() })
}

fn topics(view: &View) -> Result<TopicFigures, StateFault> {
    let mut figures = TopicFigures::default();
    let mut after: Option<String> = None;
    loop {
        let topics = view.list("", after.as_deref(), TOPICS_MAX)?;
        topics.iter().for_each(|(_, row)| figures.add(row));
        match topics.last() {
            Some((name, _)) if topics.len() == TOPICS_MAX => after = Some(name.as_str().to_owned()),
            _ => return Ok(figures),
        }
    }
}
