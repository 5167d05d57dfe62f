//! Whether what the replicas left on their disks is whole, the same, and everything that was acknowledged.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use fanfare_engine::inspection;
use fanfare_engine::log::{Durability, Policies, ReadLimit, ShardStorage, SharedLog, Stored};
use fanfare_engine::store::{DataDir, ShardStore, StateStore, StoreSettings};
use fanfare_protocol::Publication;

use crate::bounds::MIB;
use crate::content::{self, PER_TOPIC, Plan};
use crate::replica::{count, data_dir, shard};

/// What is read of a topic at once.
const PAGE: ReadLimit = ReadLimit { count: 256, bytes: 4 * MIB };

/// What a replica has to have: the filling, and so many publications of each topic of the trickle.
pub struct Expected {
    pub plan: Plan,
    pub trickled: Vec<u64>,
}

impl Expected {
    pub fn publications(&self) -> u64 {
        self.plan.publications() + self.trickled.iter().sum::<u64>()
    }

    /// `storage check` finds nothing in the directory of a node, and as many publications as there must be.
    pub fn checked(&self, dir: &Path, node: u64) -> Result<()> {
        let checked = inspection::check(&data_dir(dir, node))?;
        let (faults, publications) = (&checked.faults, checked.publications);
        ensure!(checked.faults_count == 0, "`storage check` of replica {node} found {faults:?}");
        let expected = self.publications();
        ensure!(publications == expected, "replica {node} has {publications} publications instead of {expected}");
        Ok(())
    }

    /// Every publication is there, in its place and as it was published.
    pub fn whole(&self, dir: &Path, node: u64) -> Result<()> {
        let (_data_dir, storage) = open(dir, node)?;
        for topic in 0..self.plan.topics {
            holds(&storage, &content::filled(topic), PER_TOPIC, content::filling)?;
        }
        for (topic, count) in (0..).zip(&self.trickled) {
            holds(&storage, &content::trickled(topic), *count, content::trickle)?;
        }
        Ok(())
    }
}

/// A sum over the whole state of a replica.
pub fn digest(dir: &Path, node: u64) -> Result<u128> {
    let (_data_dir, storage) = open(dir, node)?;
    let storage: Arc<dyn ShardStorage> = Arc::new(storage);
    let log = SharedLog::open(Arc::new(Policies::default()), &[Some(storage)], count());
    Ok(log.digest(Durability::Replicated, shard())?)
}

fn open(dir: &Path, node: u64) -> Result<(DataDir, ShardStore)> {
    let data_dir = DataDir::inspect(&data_dir(dir, node))?;
    let store = StateStore::open(&data_dir.state(), StoreSettings::default())?;
    let storage = store.shard(shard())?;
    Ok((data_dir, storage))
}

fn holds(storage: &ShardStore, topic: &str, count: u64, expected: fn(&str, u64) -> Publication) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let row = storage.topic(topic)?.with_context(|| format!("topic `{topic}` is not there"))?;
    ensure!(row.head == count, "topic `{topic}` stands at {} instead of {count}", row.head);
    let mut offset = 0;
    while offset < count {
        let items = storage.items_after(row.number, row.epoch, offset, count, PAGE)?;
        ensure!(!items.is_empty(), "topic `{topic}` has nothing behind {offset}");
        for item in items {
            offset += 1;
            let is_it = item.offset == offset && item.event.data == expected(topic, offset).data;
            ensure!(is_it, "what topic `{topic}` has at {offset} is not what was published");
        }
    }
    Ok(())
}
