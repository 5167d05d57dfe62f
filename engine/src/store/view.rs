//! What is read of one shard, all of it at one moment.

use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use fanfare_cluster::StateFault;
use fanfare_protocol::TopicName;

use super::codec::{self, DueMark, Pointer};
use super::fault::StoreError;
use super::key::{self, Prefix};
use super::still::{Range, Still};
use super::table::Table;
use crate::log::rows::{BlockRow, FoldRow, ItemRow, KeyRow, ShardRow, TopicRow};
use crate::log::{ReadLimit, Stored};

/// See the module.
pub(super) struct View {
    still: Still,
    shard: u16,
    /// What is in use at that moment, once someone has looked.
    prefix: OnceLock<Option<Prefix>>,
}

impl View {
    pub(super) fn new(still: Still, shard: u16) -> Self {
        Self { still, shard, prefix: OnceLock::new() }
    }

    pub(super) fn still(&self) -> &Still {
        &self.still
    }

    pub(super) fn number(&self) -> u16 {
        self.shard
    }

    /// `None` where nothing is stored of the shard.
    pub(super) fn prefix(&self) -> Result<Option<Prefix>, StoreError> {
        if let Some(prefix) = self.prefix.get() {
            return Ok(*prefix);
        }
        let pointer: Option<Pointer> = self.still.get(&Prefix::new(self.shard, 0).row())?;
        let in_use = pointer.filter(|pointer| pointer.generation > 0);
        let prefix = in_use.map(|pointer| Prefix::new(self.shard, pointer.generation));
        Ok(*self.prefix.get_or_init(|| prefix))
    }

    pub(super) fn row(&self) -> Result<ShardRow, StoreError> {
        let Some(prefix) = self.prefix()? else { return Ok(ShardRow::default()) };
        Ok(self.still.get(&prefix.row())?.unwrap_or_default())
    }

    /// Each row of a range, until one is not taken.
    fn each(
        &self,
        table: Table,
        range: impl FnOnce(Prefix) -> Range,
        mut take: impl FnMut(&[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(prefix) = self.prefix()? else { return Ok(()) };
        for row in self.still.rows(table, range(prefix))? {
            let (key, value) = row?;
            if !take(&key, &value)? {
                break;
            }
        }
        Ok(())
    }

    fn items_after(
        &self,
        (number, epoch): (u64, u64),
        (after, through): (u64, u64),
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StoreError> {
        let Some(prefix) = self.prefix()? else { return Ok(Vec::new()) };
        let (_, end) = key::within(prefix.number(number));
        let mut page = ItemPage::new(limit);
        // Rows are under their last publication: the first of those behind an offset is in the first row behind it.
        for row in self.still.rows(Table::Items, (Bound::Excluded(prefix.item(number, after)), end))? {
            let (key, value) = row?;
            let items = codec::open_items(&key, &value, epoch)?;
            let is_last = items.last().is_some_and(|last| last.offset >= through);
            let within = items.into_iter().filter(|item| item.offset > after && item.offset <= through);
            if !page.take(within) || is_last {
                break;
            }
        }
        Ok(page.items)
    }

    fn items_before(
        &self,
        (number, epoch): (u64, u64),
        (floor, through): (u64, u64),
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StoreError> {
        let Some(prefix) = self.prefix()? else { return Ok(Vec::new()) };
        let (_, end) = key::within(prefix.number(number));
        let mut page = ItemPage::new(limit);
        // The row that the last of them is in may go on behind it.
        let across = self.still.rows(Table::Items, (Bound::Included(prefix.item(number, through)), end))?.next();
        let before = (Bound::Excluded(prefix.item(number, floor)), Bound::Excluded(prefix.item(number, through)));
        for row in across.into_iter().chain(self.still.rows(Table::Items, before)?.rev()) {
            let (key, value) = row?;
            let items = codec::open_items(&key, &value, epoch)?;
            let within = items.into_iter().rev().filter(|item| item.offset > floor && item.offset <= through);
            if !page.take(within) {
                break;
            }
        }
        Ok(page.items)
    }
}

/// As many publications as a limit allows, at least one.
struct ItemPage {
    items: Vec<ItemRow>,
    limit: ReadLimit,
}

impl ItemPage {
    fn new(limit: ReadLimit) -> Self {
        Self { items: Vec::new(), limit }
    }

    /// Whether there is room for more.
    fn take(&mut self, items: impl Iterator<Item = ItemRow>) -> bool {
        for item in items {
            if !self.items.is_empty() && item.bytes > self.limit.bytes {
                return false;
            }
            self.limit.bytes = self.limit.bytes.saturating_sub(item.bytes);
            self.items.push(item);
            if self.items.len() >= self.limit.count {
                return false;
            }
        }
        true
    }
}

impl Stored for View {
    fn shard(&self) -> Result<ShardRow, StateFault> {
        Ok(self.row()?)
    }

    fn topic(&self, name: &str) -> Result<Option<TopicRow>, StateFault> {
        let Some(prefix) = self.prefix()? else { return Ok(None) };
        Ok(self.still.get(&prefix.topic(name))?)
    }

    fn items_after(
        &self,
        number: u64,
        epoch: u64,
        after: u64,
        through: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        Ok(Self::items_after(self, (number, epoch), (after, through), limit)?)
    }

    fn items_before(
        &self,
        number: u64,
        epoch: u64,
        before: u64,
        floor: u64,
        limit: ReadLimit,
    ) -> Result<Vec<ItemRow>, StateFault> {
        match before.checked_sub(1) {
            Some(through) => Ok(Self::items_before(self, (number, epoch), (floor, through), limit)?),
            None => Ok(Vec::new()),
        }
    }

    fn fold(&self, number: u64, epoch: u64) -> Result<Vec<FoldRow>, StateFault> {
        let mut live = Vec::new();
        self.each(
            Table::Folds,
            |prefix| key::within(prefix.number(number)),
            |key, value| {
                live.push(codec::open_fold(key, value, epoch)?);
                Ok(true)
            },
        )?;
        Ok(live)
    }

    fn keys(&self, number: u64) -> Result<Vec<KeyRow>, StateFault> {
        let mut keys = Vec::new();
        self.each(
            Table::Known,
            |prefix| key::within(prefix.known_keys(number)),
            |key, value| {
                keys.push(codec::open(key, value)?);
                Ok(true)
            },
        )?;
        Ok(keys)
    }

    fn blocks(&self, number: u64) -> Result<Vec<BlockRow>, StateFault> {
        let mut blocks = Vec::new();
        self.each(
            Table::Known,
            |prefix| key::within(prefix.blocks(number)),
            |key, value| {
                blocks.push(codec::open(key, value)?);
                Ok(true)
            },
        )?;
        Ok(blocks)
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(TopicName, TopicRow)>, StateFault> {
        let mut topics = Vec::new();
        let range = |shard: Prefix| {
            let (begin, end) = key::within(shard.topic(prefix));
            match after {
                Some(after) if after >= prefix => (Bound::Excluded(shard.topic(after)), end),
                Some(_) | None => (begin, end),
            }
        };
        if limit == 0 {
            return Ok(topics);
        }
        self.each(Table::Topics, range, |key, value| {
            topics.push((name(Table::Topics, key, 0)?, codec::open(key, value)?));
            Ok(topics.len() < limit)
        })?;
        Ok(topics)
    }

    fn due(&self, through_ms: u64, limit: usize) -> Result<Vec<(u64, TopicName)>, StateFault> {
        let mut due = Vec::new();
        if limit == 0 {
            return Ok(due);
        }
        let range = |shard: Prefix| (Bound::Included(shard.row()), shard.due_through(through_ms));
        self.each(Table::Due, range, |key, value| {
            let DueMark = codec::open(key, value)?;
            let at_ms = Prefix::of(key).and_then(|(_, rest)| key::split_number(rest)).map_or(0, |(at_ms, _)| at_ms);
            due.push((at_ms, name(Table::Due, key, 8)?));
            Ok(due.len() < limit)
        })?;
        Ok(due)
    }

    fn still(&self) -> Arc<dyn Stored> {
        Arc::new(Self { still: self.still.clone(), shard: self.shard, prefix: self.prefix.clone() })
    }
}

/// The topic's name at the end of a key, so many bytes behind shard and generation.
pub(super) fn name(table: Table, key: &[u8], skip: usize) -> Result<TopicName, StoreError> {
    let name = key.get(key::PREFIX_BYTES + skip..).and_then(|name| std::str::from_utf8(name).ok());
    name.and_then(|name| TopicName::parse(name).ok()).ok_or_else(|| StoreError::CorruptRow {
        table: table.name(),
        key: key::shown(table, key),
        what: "it is not under the name of a topic",
    })
}
