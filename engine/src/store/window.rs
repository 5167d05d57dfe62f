//! A window as a batch of rows.
//!
//! Rows say how things are, never by how much they changed, so a window that is written twice, or written again as part
//! of others after a crash, leaves the same.

use std::collections::HashMap;
use std::ops::Bound;

use super::codec::{DueMark, Heap, Run};
use super::engine::Batch;
use super::fault::StoreError;
use super::key::Prefix;
use super::still::Still;
use super::table::Table;
use crate::log::rows::{Change, ItemRow, Window};

/// Forgotten publications that are deleted with the window itself: these, and two for each change, so that what retention
/// takes in step with publishers never piles up. What is beyond is cleared away later: a window in which a thousand topics
/// age out must not be a batch of millions.
const ITEMS_GONE_MAX: usize = 256;
const ITEMS_GONE_PER_CHANGE: usize = 2;

/// Publications that share a row, and the bytes that these count for: enough that a row costs nothing to speak of, and not
/// so many that who reads one of them notices. One that is larger has a row of its own.
const RUN_ITEMS_MAX: usize = 64;
const RUN_BYTES_MAX: u64 = 32 * 1024;

/// From so many forgotten publications on it is looked up which rows there are; the rows of fewer are deleted whether
/// there are any or not, which costs less.
const LOOKED_UP_MIN: u64 = 16;

/// Adds what has changed.
pub(super) fn fill(batch: &mut Batch, still: &Still, prefix: Prefix, window: &Window) -> Result<(), StoreError> {
    let mut forgotten = Forgotten {
        still,
        prefix,
        floors: None,
        window,
        rows_left: (ITEMS_GONE_MAX + window.changes.len().saturating_mul(ITEMS_GONE_PER_CHANGE)) as u64,
    };
    let mut items = Items { prefix, number: 0, run: Vec::new(), bytes: 0 };
    for change in &window.changes {
        match change {
            Change::Topic(name, row) => batch.put(prefix.topic(name.as_str()), row)?,
            Change::TopicGone(name) => batch.remove(Table::Topics, prefix.topic(name.as_str()))?,
            Change::Dead(number) => batch.put(prefix.garbage_number(*number), &Heap::default())?,
            Change::Item(number, row) => items.add(batch, *number, row)?,
            Change::ItemsGone(number, after, through) => forgotten.delete(batch, *number, *after, *through)?,
            Change::Fold(number, row) => {
                let key = row.event.key.as_deref().unwrap_or_default();
                batch.put(prefix.fold(*number, key), row)?;
            }
            Change::FoldGone(number, key) => batch.remove(Table::Folds, prefix.fold(*number, key))?,
            Change::Key(number, row) => batch.put(prefix.known_key(*number, &row.name), row)?,
            Change::KeyGone(number, name) => batch.remove(Table::Known, prefix.known_key(*number, name))?,
            Change::Block(number, row) => batch.put(prefix.block(*number, &row.producer, row.block), row)?,
            Change::BlockGone(number, producer, block) => {
                batch.remove(Table::Known, prefix.block(*number, producer, *block))?;
            }
            Change::Due(at_ms, name) => batch.put(prefix.due(*at_ms, name.as_str()), &DueMark)?,
            Change::DueGone(at_ms, name) => batch.remove(Table::Due, prefix.due(*at_ms, name.as_str()))?,
        }
    }
    items.end_run(batch)?;
    batch.put(prefix.row(), &window.shard)
}

/// Publications that come one after the other are put into rows together. Those with a `ttl` are not: they leave one by
/// one.
struct Items<'a> {
    prefix: Prefix,
    number: u64,
    run: Vec<&'a ItemRow>,
    bytes: u64,
}

impl<'a> Items<'a> {
    fn add(&mut self, batch: &mut Batch, number: u64, row: &'a ItemRow) -> Result<(), StoreError> {
        let joins = number == self.number
            && row.leaves_ms.is_none()
            && self.run.len() < RUN_ITEMS_MAX
            && self.bytes.saturating_add(row.bytes) <= RUN_BYTES_MAX
            && self.run.last().is_some_and(|last| last.leaves_ms.is_none() && last.offset < row.offset);
        if !joins {
            self.end_run(batch)?;
            self.number = number;
        }
        self.bytes += row.bytes;
        self.run.push(row);
        Ok(())
    }

    fn end_run(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        if !self.run.is_empty() {
            let run = Run(&self.run);
            batch.put(self.prefix.item(self.number, run.offset()), &run)?;
        }
        self.run.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Publications that are forgotten.
struct Forgotten<'a> {
    still: &'a Still,
    prefix: Prefix,
    window: &'a Window,
    /// Of topics by number, as the window leaves them, once someone has asked.
    floors: Option<HashMap<u64, u64>>,
    /// That may be deleted now.
    rows_left: u64,
}

impl Forgotten<'_> {
    /// The rows of those of a topic with offsets after the one and up to and including the other. A row whose last one is
    /// forgotten is forgotten whole; of one whose last is not, the first are passed over by who reads them.
    fn delete(&mut self, batch: &mut Batch, number: u64, after: u64, through: u64) -> Result<(), StoreError> {
        let prefix = self.prefix;
        let count = through.saturating_sub(after);
        if let Some(left) = self.rows_left.checked_sub(count).filter(|_| count < LOOKED_UP_MIN) {
            self.rows_left = left;
            for offset in after.saturating_add(1)..=through {
                batch.remove(Table::Items, prefix.item(number, offset))?;
            }
            return Ok(());
        }
        let range = (Bound::Excluded(prefix.item(number, after)), Bound::Included(prefix.item(number, through)));
        let is_below_floor = through <= self.floor(number);
        let mut rows = self.still.rows(Table::Items, range)?;
        while let Some(key) = rows.next_key().transpose()? {
            match self.rows_left.checked_sub(1) {
                Some(left) => self.rows_left = left,
                // Nothing reads below the floor, so it is as good as gone.
                None if is_below_floor => {
                    return batch.put(prefix.garbage_items(number, after), &Heap { through, ..Heap::default() });
                }
                None => {}
            }
            batch.remove(Table::Items, key.to_vec())?;
        }
        Ok(())
    }

    fn floor(&mut self, number: u64) -> u64 {
        let floors = self.floors.get_or_insert_with(|| {
            let floors = self.window.changes.iter().filter_map(|change| match change {
                Change::Topic(_, row) => Some((row.number, row.floor)),
                _ => None,
            });
            floors.collect()
        });
        floors.get(&number).copied().unwrap_or_default()
    }
}
