//! How far the store has come: a row that every batch writes anew in each table that it touches.
//!
//! It tells what the engine does not: whether a part of the journal that cannot be read had been synced, and so is
//! damaged and not merely the unfinished end that a crash leaves; whether a batch is missing; whether all tables have what
//! they should have. And it keeps a live row among the latest of each table. The engine lets go of a journal once the
//! files of every table reach as far as the journal does, and a table whose rows were all deleted would have no file that
//! does.

use std::array;

use super::codec::{Row, Value};
use super::table::Table;

/// Under this key in every table. No shard has a generation of such a number.
pub(super) const KEY: &[u8; 8] = b"progress";

/// Batches are counted from 1, over the life of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// The batch that this is part of.
    pub(super) batch: u64,
    /// Up to which batch everything was synced before this one was written.
    pub(super) synced: u64,
    /// The last batch that touched each table, by [`Table::index`].
    pub(super) touched: [u64; Table::ALL.len()],
}

const NUMBERS: usize = 2 + Table::ALL.len();

impl Value for Progress {
    const TABLE: Table = Table::Shards;

    fn bytes(&self) -> usize {
        NUMBERS * 8
    }

    fn write(&self, out: &mut Vec<u8>) {
        for number in [self.batch, self.synced].into_iter().chain(self.touched) {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

impl Row for Progress {
    fn read(_name: &[u8], body: &[u8]) -> Option<Self> {
        let (numbers, rest) = body.as_chunks::<8>();
        let numbers: &[[u8; 8]; NUMBERS] = numbers.try_into().ok()?;
        let [batch, synced, touched @ ..] = numbers.map(u64::from_le_bytes);
        let touched = array::from_fn(|table| touched[table]);
        rest.is_empty().then_some(Self { batch, synced, touched })
    }
}
