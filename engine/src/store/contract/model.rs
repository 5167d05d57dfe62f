//! What is stored after some windows, in maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fanfare_protocol::ResourceVersion;

use crate::log::rows::{BlockRow, Change, FoldRow, ItemRow, KeyRow, ShardRow, TopicRow, Window};
use crate::log::{ReadLimit, Stored};

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    shard: ShardRow,
    topics: BTreeMap<String, TopicRow>,
    items: BTreeMap<(u64, u64), ItemRow>,
    folds: BTreeMap<(u64, String), FoldRow>,
    keys: BTreeMap<(u64, Arc<str>), KeyRow>,
    blocks: BTreeMap<(u64, Arc<str>, u64), BlockRow>,
    due: BTreeSet<(u64, String)>,
}

/// Those that an author writes, and two that never are.
const NAMES: [&str; 8] = ["a", "ab", "chat:lobby", "fleet:1", "fleet:2", "_system", "never", ""];

const ALL: ReadLimit = ReadLimit { count: usize::MAX, bytes: u64::MAX };

impl Model {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn shard(&self) -> &ShardRow {
        &self.shard
    }

    pub(super) fn topic(&self, name: &str) -> Option<&TopicRow> {
        self.topics.get(name)
    }

    pub(super) fn items(&self, number: u64) -> impl DoubleEndedIterator<Item = &ItemRow> {
        self.items.range((number, 0)..=(number, u64::MAX)).map(|(_, row)| row)
    }

    pub(super) fn folds(&self, number: u64) -> impl Iterator<Item = &FoldRow> {
        self.folds.iter().filter(move |((of, _), _)| *of == number).map(|(_, row)| row)
    }

    pub(super) fn keys(&self, number: u64) -> impl Iterator<Item = &KeyRow> {
        self.keys.iter().filter(move |((of, _), _)| *of == number).map(|(_, row)| row)
    }

    pub(super) fn blocks(&self, number: u64) -> impl Iterator<Item = &BlockRow> {
        self.blocks.iter().filter(move |((of, ..), _)| *of == number).map(|(_, row)| row)
    }

    pub(crate) fn apply(&mut self, window: &Window) {
        self.shard = window.shard.clone();
        for change in window.changes.clone() {
            match change {
                Change::Topic(name, row) => drop(self.topics.insert(name.to_string(), row)),
                Change::TopicGone(name) => drop(self.topics.remove(name.as_str())),
                Change::Dead(number) => self.clear(number),
                Change::Item(number, row) => drop(self.items.insert((number, row.offset), row)),
                Change::ItemsGone(number, after, through) => {
                    self.items.retain(|(of, offset), _| *of != number || !(after + 1..=through).contains(offset));
                }
                Change::Fold(number, row) => {
                    let key = row.event.key.clone().unwrap_or_default();
                    self.folds.insert((number, key), row);
                }
                Change::FoldGone(number, key) => drop(self.folds.remove(&(number, key.into()))),
                Change::Key(number, row) => drop(self.keys.insert((number, Arc::clone(&row.name)), row)),
                Change::KeyGone(number, name) => drop(self.keys.remove(&(number, name))),
                Change::Block(number, row) => {
                    self.blocks.insert((number, Arc::clone(&row.producer), row.block), row);
                }
                Change::BlockGone(number, producer, block) => drop(self.blocks.remove(&(number, producer, block))),
                Change::Due(at_ms, name) => drop(self.due.insert((at_ms, name.to_string()))),
                Change::DueGone(at_ms, name) => drop(self.due.remove(&(at_ms, name.to_string()))),
            }
        }
    }

    fn clear(&mut self, number: u64) {
        self.items.retain(|(of, _), _| *of != number);
        self.folds.retain(|(of, _), _| *of != number);
        self.keys.retain(|(of, _), _| *of != number);
        self.blocks.retain(|(of, ..), _| *of != number);
    }

    /// What is read is what is here.
    pub(crate) fn check(&self, stored: &Arc<dyn Stored>) {
        assert_eq!(stored.shard().expect("it can be read"), self.shard);
        for name in NAMES {
            assert_eq!(stored.topic(name).expect("it can be read").as_ref(), self.topics.get(name), "{name}");
        }
        for row in self.topics.values() {
            self.check_items(&**stored, row);
            self.check_others(&**stored, row);
        }
        self.check_lists(&**stored);
        self.check_due(&**stored);
    }

    /// What is read is what is here, or it is said that it cannot be read.
    pub(crate) fn lies(&self, stored: &dyn Stored) -> Vec<String> {
        let mut lies = Vec::new();
        let mut told = |what: String, is_true: bool| lies.extend((!is_true).then_some(what));
        for name in NAMES {
            let read = stored.topic(name);
            told(format!("topic {name}"), read.is_err() || read.ok().flatten().as_ref() == self.topics.get(name));
        }
        for (name, row) in &self.topics {
            let TopicRow { number, epoch, head, floor, .. } = *row;
            let items = || cut(self.items(number), epoch, ALL);
            let read = stored.items_after(number, epoch, floor, head, ALL);
            told(format!("items of {name}"), !read.is_ok_and(|read| read != items()));
            let read = stored.items_before(number, epoch, head + 1, floor, ALL);
            told(format!("items of {name}, backwards"), !read.is_ok_and(|read| !read.iter().rev().eq(&items())));
            let read = stored.fold(number, epoch);
            told(format!("fold of {name}"), !read.is_ok_and(|read| !read.iter().eq(self.folds(number))));
            let read = stored.keys(number);
            told(format!("keys of {name}"), !read.is_ok_and(|read| read.len() != self.keys(number).count()));
            let read = stored.blocks(number);
            told(format!("blocks of {name}"), !read.is_ok_and(|read| read.len() != self.blocks(number).count()));
        }
        let read = stored.list("", None, usize::MAX);
        told("list".to_owned(), !read.is_ok_and(|read| !read.iter().map(|(_, row)| row).eq(self.topics.values())));
        let read = stored.due(u64::MAX, usize::MAX);
        told("due".to_owned(), !read.is_ok_and(|read| read.len() != self.due.len()));
        lies
    }

    fn check_items(&self, stored: &dyn Stored, row: &TopicRow) {
        let TopicRow { number, head, floor, .. } = *row;
        // Whatever epoch the topic has, it is that of its publications.
        let epoch = row.epoch + 1;
        let limits = [(usize::MAX, u64::MAX), (1, u64::MAX), (3, 600), (usize::MAX, 0), (7, 3_000)];
        let limits = limits.map(|(count, bytes)| ReadLimit { count, bytes });
        for from in [floor, floor + 1, (floor + head) / 2, head, head + 9] {
            for limit in limits {
                let through = head - head.min(2);
                let rows = stored.items_after(number, epoch, from, head, limit).expect("it can be read");
                assert_eq!(rows, cut(self.items(number).filter(|row| row.offset > from), epoch, limit));
                let rows = stored.items_after(number, epoch, from, through, limit).expect("it can be read");
                let all = self.items(number).filter(|row| row.offset > from && row.offset <= through);
                assert_eq!(rows, cut(all, epoch, limit));
                let rows = stored.items_before(number, epoch, from, floor, limit).expect("it can be read");
                assert_eq!(rows, cut(self.items(number).rev().filter(|row| row.offset < from), epoch, limit));
            }
        }
        assert_eq!(stored.items_before(number, epoch, 0, 0, ALL).expect("it can be read"), []);
        assert_eq!(stored.items_after(number, epoch, u64::MAX, u64::MAX, ALL).expect("it can be read"), []);
    }

    fn check_others(&self, stored: &dyn Stored, row: &TopicRow) {
        let TopicRow { number, epoch, .. } = *row;
        let folds: Vec<_> = self.folds(number).cloned().collect();
        assert_eq!(stored.fold(number, epoch).expect("it can be read"), folds);
        let mut keys = stored.keys(number).expect("it can be read");
        keys.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(keys, self.keys(number).cloned().collect::<Vec<_>>());
        let mut blocks = stored.blocks(number).expect("it can be read");
        let in_a_row: Vec<_> = blocks.chunk_by(|a, b| a.producer == b.producer).map(|run| &run[0].producer).collect();
        assert_eq!(in_a_row.len(), in_a_row.iter().collect::<BTreeSet<_>>().len(), "those of one are in a row");
        assert!(blocks.is_sorted_by(|a, b| a.producer != b.producer || a.block < b.block));
        blocks.sort_by(|a, b| (&a.producer, a.block).cmp(&(&b.producer, b.block)));
        assert_eq!(blocks, self.blocks(number).cloned().collect::<Vec<_>>());
    }

    fn check_lists(&self, stored: &dyn Stored) {
        for prefix in ["", "a", "fleet:", "_", "never"] {
            for after in [None, Some(""), Some("a"), Some("fleet:1"), Some("zzz")] {
                for limit in [0, 1, 2, usize::MAX] {
                    let listed = stored.list(prefix, after, limit).expect("it can be read");
                    let listed: Vec<_> = listed.into_iter().map(|(name, row)| (name.to_string(), row)).collect();
                    let all = self.topics.iter().filter(|(name, _)| name.starts_with(prefix));
                    let all = all.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
                    let all: Vec<_> = all.take(limit).map(|(name, row)| (name.clone(), row.clone())).collect();
                    assert_eq!(listed, all, "{prefix:?} {after:?} {limit}");
                }
            }
        }
    }

    fn check_due(&self, stored: &dyn Stored) {
        let now_ms = self.shard.now_ms;
        for through_ms in [0, now_ms, now_ms + 100, u64::MAX] {
            for limit in [0, 1, usize::MAX] {
                let due = stored.due(through_ms, limit).expect("it can be read");
                let due: Vec<_> = due.into_iter().map(|(at_ms, name)| (at_ms, name.to_string())).collect();
                let all = self.due.iter().filter(|(at_ms, _)| *at_ms <= through_ms).take(limit);
                assert_eq!(due, all.cloned().collect::<Vec<_>>());
            }
        }
    }
}

/// As much as the limit allows, at least one.
fn cut<'a>(rows: impl Iterator<Item = &'a ItemRow>, epoch: u64, limit: ReadLimit) -> Vec<ItemRow> {
    let mut left = limit.bytes;
    let mut cut = Vec::new();
    for row in rows {
        if !cut.is_empty() && (cut.len() >= limit.count || row.bytes > left) {
            break;
        }
        left = left.saturating_sub(row.bytes);
        let mut row = row.clone();
        Arc::make_mut(&mut row.event).resource_version = Some(ResourceVersion::new(epoch, row.offset));
        cut.push(row);
    }
    cut
}
