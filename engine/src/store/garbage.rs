//! Clearing away what is no longer needed, in steps: rows of topics that have ended, publications that retention has
//! forgotten, whole generations that a snapshot has replaced. What is to go is written down with the change that makes
//! it so, and crossed out with the last row that goes; between the two a crash costs nothing but time.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::codec::{self, Heap};
use super::engine::Engine;
use super::fault::StoreError;
use super::key::{self, GARBAGE_GENERATION, GARBAGE_ITEMS, GARBAGE_NUMBER, PREFIX_BYTES, Prefix};
use super::still::{Range, Still};
use super::table::Table;

/// Rows that one batch deletes: half a megabyte, so that windows are not held up.
const BATCH_ROWS: usize = 4_096;

/// Of topics by number.
const OF_NUMBER: &[Table] = &[Table::Items, Table::Folds, Table::Known];

/// Clears away about as many rows as it is allowed to; gives how many.
pub(super) fn collect(engine: &Arc<Engine>, rows_max: usize) -> Result<usize, StoreError> {
    let still = engine.still();
    let mut collected = 0;
    let mut heaps = still.rows(Table::Garbage, (Bound::Unbounded, Bound::Unbounded))?;
    while collected < rows_max
        && let Some((key, value)) = heaps.next().transpose()?
    {
        let Some(pile) = Pile::of(&key, &value)? else { continue };
        collected += pile.clear(&still, rows_max - collected)?;
    }
    Ok(collected)
}

/// One thing to be cleared away.
pub(super) struct Pile {
    key: Vec<u8>,
    prefix: Prefix,
    what: What,
    heap: Heap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Generation,
    Number(u64),
    /// Up to and including the offset that the heap says.
    Items {
        number: u64,
        after: u64,
    },
}

impl Pile {
    /// `None` for what is no garbage: the table's [progress](super::progress).
    pub(super) fn of(key: &[u8], value: &[u8]) -> Result<Option<Self>, StoreError> {
        if key == super::progress::KEY {
            return Ok(None);
        }
        let heap: Heap = codec::open(key, value)?;
        let table = Table::Garbage;
        let unknown = || StoreError::CorruptRow {
            table: table.name(),
            key: key::shown(table, key),
            what: "it names nothing that could be cleared away",
        };
        let (prefix, name) = Prefix::of(key).ok_or_else(unknown)?;
        let what = what(name).ok_or_else(unknown)?;
        Ok(Some(Self { key: key.to_vec(), prefix, what, heap }))
    }

    pub(super) fn prefix(&self) -> Prefix {
        self.prefix
    }

    pub(super) fn what(&self) -> What {
        self.what
    }

    pub(super) fn through(&self) -> u64 {
        self.heap.through
    }

    fn tables(&self) -> &'static [Table] {
        match self.what {
            What::Generation => &Table::ALL,
            What::Number(_) => OF_NUMBER,
            What::Items { .. } => &[Table::Items],
        }
    }

    fn range(&self) -> Range {
        match self.what {
            What::Generation => self.prefix.all(),
            What::Number(number) => key::within(self.prefix.number(number)),
            What::Items { number, after } => {
                let through = self.prefix.item(number, self.heap.through);
                (Bound::Excluded(self.prefix.item(number, after)), Bound::Included(through))
            }
        }
    }

    fn clear(mut self, still: &Still, rows_max: usize) -> Result<usize, StoreError> {
        let mut collected = 0;
        loop {
            let mut batch = still.engine().batch(BATCH_ROWS + 1);
            let rows_left = BATCH_ROWS.min(rows_max - collected);
            let mut rows = 0;
            let mut is_done = true;
            let mut last = None;
            let (first, mut behind) = match self.heap.place.split_first() {
                Some((tag, name)) => (*tag, Some(self.prefix.key(&[name]))),
                None => (0, None),
            };
            'tables: for table in self.tables().iter().copied().filter(|table| table.tag() >= first) {
                let (from, to) = self.range();
                let from = behind.take().filter(|_| table.tag() == first).map_or(from, Bound::Excluded);
                let mut keys = still.rows(table, (from, to))?;
                while let Some(key) = keys.next_key().transpose()? {
                    // Crossed out below, with the last of them.
                    if *key == *self.key && table == Table::Garbage {
                        continue;
                    }
                    if rows == rows_left {
                        is_done = false;
                        break 'tables;
                    }
                    rows += 1;
                    batch.remove(table, key.to_vec())?;
                    last = Some((table, key));
                }
            }
            if let Some((table, key)) = last {
                let name = key.get(PREFIX_BYTES..).unwrap_or_default();
                self.heap.place = Bytes::from([&[table.tag()], name].concat());
            }
            match is_done {
                true => batch.remove(Table::Garbage, self.key.clone())?,
                false => batch.put(self.key.clone(), &self.heap)?,
            }
            batch.commit()?;
            collected += rows;
            if is_done || collected >= rows_max {
                return Ok(collected);
            }
        }
    }
}

fn what(name: &[u8]) -> Option<What> {
    let (kind, rest) = name.split_first()?;
    match *kind {
        GARBAGE_GENERATION if rest.is_empty() => Some(What::Generation),
        GARBAGE_NUMBER => key::as_number(rest).map(What::Number),
        GARBAGE_ITEMS => {
            let (number, after) = key::split_number(rest)?;
            Some(What::Items { number, after: key::as_number(after)? })
        }
        _ => None,
    }
}
