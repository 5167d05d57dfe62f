//! All tables at one moment.

use std::ops::Bound;
use std::sync::Arc;

use fjall::{Guard, Iter, Readable, Slice, Snapshot};

use super::codec::{self, Row};
use super::engine::Engine;
use super::fault::StoreError;
use super::key;
use super::shield::shielded;
use super::table::Table;

/// Cheap to clone. Holds back what it sees until it is dropped: files, and every memtable that was in use since.
#[derive(Clone)]
pub(super) struct Still {
    engine: Arc<Engine>,
    snapshot: Arc<Snapshot>,
}

/// From where to where.
pub(super) type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Rows of one table in a range of keys, from either end. Behind an error comes nothing more.
pub(super) struct Cursor {
    engine: Arc<Engine>,
    table: Table,
    from: Bound<Vec<u8>>,
    rows: Option<Iter>,
}

impl Still {
    pub(super) fn new(engine: Arc<Engine>, snapshot: Arc<Snapshot>) -> Self {
        Self { engine, snapshot }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The value under a key, still sealed.
    pub(super) fn value(&self, table: Table, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        shielded("read a row", || {
            let value = self.snapshot.get(self.engine.keyspace(table), key);
            let near = || format!("at {}", key::shown(table, key));
            value.map_err(|error| StoreError::reading(table.name(), near, error, self.engine.dir()))
        })
    }

    /// The row under a key.
    pub(super) fn get<R: Row>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        self.value(R::TABLE, key)?.map(|value| codec::open(key, &value)).transpose()
    }

    pub(super) fn rows(&self, table: Table, range: Range) -> Result<Cursor, StoreError> {
        let is_empty = match (&range.0, &range.1) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
            _ => false,
        };
        let from = range.0.clone();
        let rows = match is_empty {
            true => None,
            false => Some(shielded("sought a row", || Ok(self.snapshot.range(self.engine.keyspace(table), range)))?),
        };
        Ok(Cursor { engine: Arc::clone(&self.engine), table, from, rows })
    }
}

impl Cursor {
    /// The next key, without its value.
    pub(super) fn next_key(&mut self) -> Option<Result<Slice, StoreError>> {
        self.step(Iter::next, Guard::key)
    }

    fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Iter) -> Option<Guard>,
        take: impl FnOnce(Guard) -> fjall::Result<T>,
    ) -> Option<Result<T, StoreError>> {
        let rows = self.rows.as_mut()?;
        let near = || match &self.from {
            Bound::Included(from) | Bound::Excluded(from) => {
                format!("somewhere behind {}", key::shown(self.table, from))
            }
            Bound::Unbounded => "somewhere".to_owned(),
        };
        let taken = shielded("read a row", || {
            let taken = step(rows).map(take).transpose();
            taken.map_err(|error| StoreError::reading(self.table.name(), near, error, self.engine.dir()))
        });
        if !matches!(taken, Ok(Some(_))) {
            self.rows = None;
        }
        taken.transpose()
    }
}

impl Iterator for Cursor {
    type Item = Result<(Slice, Slice), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iter::next, Guard::into_inner)
    }
}

impl DoubleEndedIterator for Cursor {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(Iter::next_back, Guard::into_inner)
    }
}
