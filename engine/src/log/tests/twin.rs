//! A store in memory: every window's rows in ordered maps. The twin of the one on disk, for tests of the state machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use fanfare_cluster::{SnapshotId, SnapshotSink, SnapshotView, Snapshots, StagedSnapshot, StateFault};
use fanfare_protocol::{Event, ResourceVersion, TopicName};
use parking_lot::Mutex;

use crate::log::read::ReadLimit;
use crate::log::rows::{BlockRow, Change, FoldRow, ItemRow, KeyRow, ShardRow, TopicRow, Window};
use crate::log::stored::{ShardStorage, Stored};

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tables {
    shard: ShardRow,
    topics: BTreeMap<TopicName, TopicRow>,
    items: BTreeMap<(u64, u64), ItemRow>,
    folds: BTreeMap<(u64, String), FoldRow>,
    keys: BTreeMap<(u64, String), KeyRow>,
    blocks: BTreeMap<(u64, String, u64), BlockRow>,
    dues: BTreeMap<(u64, TopicName), ()>,
}

#[derive(Debug, Default)]
pub(super) struct Twin(Mutex<Arc<Tables>>);

impl Tables {
    fn apply(&mut self, window: &Window) {
        for change in &window.changes {
            self.change(change.clone());
        }
        self.shard = window.shard.clone();
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Topic(name, row) => drop(self.topics.insert(name, row)),
            Change::TopicGone(name) => drop(self.topics.remove(&name).expect("a topic that is stored")),
            Change::Dead(number) => {
                self.items.retain(|(of, _), _| *of != number);
                self.folds.retain(|(of, _), _| *of != number);
                self.keys.retain(|(of, _), _| *of != number);
                self.blocks.retain(|(of, ..), _| *of != number);
            }
            Change::Item(number, row) => drop(self.items.insert((number, row.offset), row)),
            Change::ItemsGone(number, after, through) => {
                self.items.retain(|(of, offset), _| *of != number || *offset <= after || *offset > through);
            }
            Change::Fold(number, row) => {
                let key = row.event.key.clone().expect("an item of a fold has a key");
                self.folds.insert((number, key), row);
            }
            Change::FoldGone(number, key) => {
                drop(self.folds.remove(&(number, key.into())).expect("a key that is stored"));
            }
            Change::Key(number, row) => drop(self.keys.insert((number, row.name.to_string()), row)),
            Change::KeyGone(number, name) => {
                drop(self.keys.remove(&(number, name.to_string())).expect("an idempotency key that is stored"));
            }
            Change::Block(number, row) => {
                drop(self.blocks.insert((number, row.producer.to_string(), row.block), row));
            }
            Change::BlockGone(number, producer, block) => {
                drop(self.blocks.remove(&(number, producer.to_string(), block)).expect("a block that is stored"));
            }
            Change::Due(at_ms, name) => drop(self.dues.insert((at_ms, name), ())),
            Change::DueGone(at_ms, name) => self.dues.remove(&(at_ms, name)).expect("a deadline that is stored"),
        }
    }

    /// Nothing is left of topics that are no more, and every topic's row agrees with what lies under its number.
    pub(super) fn check(&self) {
        let numbers: BTreeMap<u64, &TopicRow> = self.topics.values().map(|row| (row.number, row)).collect();
        assert_eq!(numbers.len(), self.topics.len(), "a number belongs to one topic");
        for (number, row) in &numbers {
            let items = || self.items.range((*number, 0)..=(*number, u64::MAX)).map(|(_, item)| item);
            let stays = |item: &&ItemRow| item.leaves_ms.is_none_or(|at_ms| at_ms > row.settled_ms);
            assert_eq!(items().filter(stays).count() as u64, row.history_count);
            assert_eq!(items().map(|item| item.bytes).sum::<u64>(), row.history_bytes);
            assert!(items().all(|item| item.offset > row.floor && item.offset <= row.head));
            assert_eq!(self.folds.keys().filter(|(of, _)| of == number).count() as u64, row.keys_count);
        }
        assert!(self.items.keys().all(|(number, _)| numbers.contains_key(number)), "items of no topic");
        assert!(self.folds.keys().all(|(number, _)| numbers.contains_key(number)), "keys of no topic");
        assert!(self.keys.keys().all(|(number, _)| numbers.contains_key(number)), "idempotency keys of no topic");
        assert!(self.blocks.keys().all(|(number, ..)| numbers.contains_key(number)), "producers of no topic");
        let dues: BTreeMap<_, _> =
            self.topics.iter().filter_map(|(name, row)| Some(((row.due_ms?, name.clone()), ()))).collect();
        assert_eq!(self.dues, dues);
    }
}

impl Twin {
    pub(super) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.0.lock())
    }

    fn with<T>(&self, read: impl FnOnce(&Tables) -> T) -> Result<T, StateFault> {
        Ok(read(&self.tables()))
    }
}

/// As many as the limit allows, at least one.
fn cut(rows: impl Iterator<Item = ItemRow>, epoch: u64, limit: ReadLimit) -> Vec<ItemRow> {
    let mut left = limit.bytes;
    let mut cut = Vec::new();
    for mut row in rows.take(limit.count.max(1)) {
        if !cut.is_empty() && row.bytes > left {
            break;
        }
        left = left.saturating_sub(row.bytes);
        row.event = versioned(&row.event, epoch, row.offset);
        cut.push(row);
    }
    cut
}

fn versioned(event: &Event, epoch: u64, offset: u64) -> Arc<Event> {
    Arc::new(Event { resource_version: Some(ResourceVersion::new(epoch, offset)), ..event.clone() })
}

impl Stored for Twin {
    fn shard(&self) -> Result<ShardRow, StateFault> {
        self.with(|tables| tables.shard.clone())
    }

    fn topic(&self, name: &str) -> Result<Option<TopicRow>, StateFault> {
        self.with(|tables| tables.topics.get(name).cloned())
    }

    fn items_after(
        &self,
        number: u64,
        epoch: u64,
        after: u64,
        through: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        self.with(|tables| {
            let rows = tables.items.range((number, after + 1)..=(number, through.max(after + 1)));
            let within = rows.filter(|((_, offset), _)| *offset <= through);
            cut(within.map(|(_, row)| row.clone()), epoch, limit)
        })
    }

    fn items_before(
        &self,
        number: u64,
        epoch: u64,
        before: u64,
        floor: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        self.with(|tables| {
            let rows = tables.items.range((number, floor + 1)..(number, before.max(floor + 1)));
            cut(rows.rev().map(|(_, row)| row.clone()), epoch, limit)
        })
    }

    fn fold(&self, number: u64, epoch: u64) -> Result<Vec<FoldRow>, StateFault> {
        let read = |row: &FoldRow| FoldRow { event: versioned(&row.event, epoch, row.offset), ..row.clone() };
        let of = |key: &(u64, String)| key.0 == number;
        self.with(|tables| tables.folds.iter().filter(|(key, _)| of(key)).map(|(_, row)| read(row)).collect())
    }

    fn keys(&self, number: u64) -> Result<Vec<KeyRow>, StateFault> {
        self.with(|tables| tables.keys.iter().filter(|(key, _)| key.0 == number).map(|(_, row)| row.clone()).collect())
    }

    fn blocks(&self, number: u64) -> Result<Vec<BlockRow>, StateFault> {
        self.with(|tables| {
            tables.blocks.iter().filter(|(key, _)| key.0 == number).map(|(_, row)| row.clone()).collect()
        })
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(TopicName, TopicRow)>, StateFault> {
        let wanted = |name: &str| name.starts_with(prefix) && after.is_none_or(|after| name > after);
        self.with(|tables| {
            let rows = tables.topics.iter().filter(|(name, _)| wanted(name.as_str()));
            rows.take(limit).map(|(name, row)| (name.clone(), row.clone())).collect()
        })
    }

    fn due(&self, through_ms: u64, limit: usize) -> Result<Vec<(u64, TopicName)>, StateFault> {
        self.with(|tables| {
            tables.dues.keys().take_while(|(at_ms, _)| *at_ms <= through_ms).take(limit).cloned().collect()
        })
    }

    fn still(&self) -> Arc<dyn Stored> {
        Arc::new(Self(Mutex::new(self.tables())))
    }
}

impl ShardStorage for Twin {
    fn commit(&self, window: &Window) -> Result<(), StateFault> {
        Arc::make_mut(&mut self.0.lock()).apply(window);
        Ok(())
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(NoSnapshots)
    }

    fn install(&self, snapshot: &StagedSnapshot) -> Result<(), StateFault> {
        unreachable!("{snapshot:?} was made by no view")
    }

    fn reader(self: Arc<Self>) -> Arc<dyn Stored> {
        self
    }
}

/// Snapshots are the store's business, and tested there.
struct NoSnapshots;

impl Snapshots for NoSnapshots {
    fn view(&self) -> Result<Arc<dyn SnapshotView>, StateFault> {
        unreachable!("no test of the state machine asks for one")
    }

    fn receive(&self, _: &SnapshotId) -> Result<Box<dyn SnapshotSink>, StateFault> {
        unreachable!("no test of the state machine asks for one")
    }
}
