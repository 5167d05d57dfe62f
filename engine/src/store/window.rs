//! A window as a batch of rows.
//!
//! Rows say how things are, never by how much they changed, so a window that is written twice, or written again as part
//! of others after a crash, leaves the same.

use std::collections::HashMap;
use std::ops::Bound;

use super::codec::{DueMark, Heap};
use super::engine::Batch;
use super::fault::StoreError;
use super::key::Prefix;
use super::still::Still;
use super::table::Table;
use crate::log::rows::{Change, Window};

/// Forgotten publications that are deleted with the window itself: these, and two for each change, so that what retention
/// takes in step with publishers never piles up. What is beyond is cleared away later: a window in which a thousand topics
/// age out must not be a batch of millions.
const ITEMS_GONE_MAX: usize = 256;
const ITEMS_GONE_PER_CHANGE: usize = 2;

/// Adds what has changed.
pub(super) fn fill(batch: &mut Batch, still: &Still, prefix: Prefix, window: &Window) -> Result<(), StoreError> {
    let mut forgotten = Forgotten {
        still,
        prefix,
        floors: None,
        window,
        rows_left: (ITEMS_GONE_MAX + window.changes.len().saturating_mul(ITEMS_GONE_PER_CHANGE)) as u64,
    };
    for change in &window.changes {
        match change {
            Change::Topic(name, row) => batch.put(prefix.topic(name.as_str()), row)?,
            Change::TopicGone(name) => batch.remove(Table::Topics, prefix.topic(name.as_str()))?,
            Change::Dead(number) => batch.put(prefix.garbage_number(*number), &Heap::default())?,
            Change::Item(number, row) => batch.put(prefix.item(*number, row.offset), row)?,
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
    batch.put(prefix.row(), &window.shard)
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
    /// Those of a topic, with offsets after the one and up to and including the other.
    fn delete(&mut self, batch: &mut Batch, number: u64, after: u64, through: u64) -> Result<(), StoreError> {
        let prefix = self.prefix;
        if let Some(left) = self.rows_left.checked_sub(through.saturating_sub(after)) {
            self.rows_left = left;
            for offset in after.saturating_add(1)..=through {
                // Whether there is one or not: to look would cost as much.
                batch.remove(Table::Items, prefix.item(number, offset))?;
            }
            return Ok(());
        }
        if through <= self.floor(number) {
            // Nothing reads below the floor, so it is as good as gone.
            return batch.put(prefix.garbage_items(number, after), &Heap { through, ..Heap::default() });
        }
        let range = (Bound::Excluded(prefix.item(number, after)), Bound::Included(prefix.item(number, through)));
        let mut rows = self.still.rows(Table::Items, range)?;
        while let Some(key) = rows.next_key().transpose()? {
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
