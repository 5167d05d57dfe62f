//! A snapshot that is given.

use std::ops::Bound;

use fanfare_cluster::{Chunk, Position, SnapshotId, SnapshotView, StateFault};

use super::chunk::{Place, Writer};
use crate::log::rows::ShardRow;
use crate::store::codec;
use crate::store::fault::StoreError;
use crate::store::key::{PREFIX_BYTES, Prefix};
use crate::store::seal;
use crate::store::table::Table;
use crate::store::view::View;

/// Of a chunk, until a row goes beyond: a quarter of a megabyte, some milliseconds on a link.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a view may hold back in memory: 512 MiB, as for a backup. It keeps all that is written since from being forgotten,
/// so a slow transfer from a busy node would else cost as much as is written meanwhile.
pub(in crate::store) const HELD_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// See the module.
pub(in crate::store) struct Source {
    id: SnapshotId,
    view: View,
    /// What had been written when the view was made, and what may be until it is stale.
    written_bytes: u64,
    held_bytes_max: u64,
}

impl Source {
    /// `number` tells it from other views of the same state.
    pub(in crate::store) fn new(view: View, number: u64, held_bytes_max: u64) -> Result<Self, StoreError> {
        let position = view.row()?.position;
        let written_bytes = view.still().engine().written_bytes();
        Ok(Self { id: SnapshotId { position, view: number }, view, written_bytes, held_bytes_max })
    }

    fn rows_after(&self, after: &Place) -> Result<Option<Chunk>, StoreError> {
        let Some(prefix) = self.view.prefix()? else { return Ok(nothing(self.view.number(), after)) };
        let mut chunk = Writer::new(after, CHUNK_BYTES + CHUNK_BYTES / 8);
        let (begin, end) = prefix.all();
        let (first, mut from) = match after.table() {
            Some((table, name)) => (table, Bound::Excluded(prefix.key(&[name]))),
            None => (Table::Topics, begin.clone()),
        };
        let mut next = Some(first);
        'tables: while let Some(table) = next {
            for row in self.view.still().rows(table, (from, end.clone()))? {
                let (key, value) = row?;
                // A damaged row must not be handed on: whoever takes it would refuse it, again and again.
                seal::open(table, &key, &value)?;
                chunk.push(table, key.get(PREFIX_BYTES..).unwrap_or_default(), &value);
                if chunk.len() >= CHUNK_BYTES {
                    break 'tables;
                }
            }
            from = begin.clone();
            next = table.next();
        }
        Ok(chunk.finish().map(|(place, bytes)| Chunk { place: place.encode(), bytes }))
    }
}

/// The snapshot of a shard of which nothing is stored: its row, as if it were.
fn nothing(shard: u16, after: &Place) -> Option<Chunk> {
    let key = Prefix::new(shard, 1).row();
    let mut chunk = Writer::new(after, 256);
    if *after == Place::default() {
        chunk.push(Table::Shards, &[], &codec::sealed(&key, &ShardRow::default()));
    }
    chunk.finish().map(|(place, bytes)| Chunk { place: place.encode(), bytes })
}

fn place(after: &[u8]) -> Result<Place, StoreError> {
    Place::decode(after).ok_or(StoreError::BadChunk("it is asked for behind no place"))
}

impl SnapshotView for Source {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn chunk(&self, after: &[u8]) -> Result<Option<Chunk>, StateFault> {
        Ok(self.rows_after(&place(after)?)?)
    }

    fn is_stale(&self) -> bool {
        let held_bytes = self.view.still().engine().written_bytes() - self.written_bytes;
        held_bytes > self.held_bytes_max
    }
}

/// Of a shard whose store is not there yet.
pub(in crate::store) struct Nothing {
    id: SnapshotId,
    shard: u16,
}

impl Nothing {
    /// `number` as for a [`Source`].
    pub(in crate::store) fn new(shard: u16, number: u64) -> Self {
        Self { id: SnapshotId { position: Position::default(), view: number }, shard }
    }
}

impl SnapshotView for Nothing {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn chunk(&self, after: &[u8]) -> Result<Option<Chunk>, StateFault> {
        Ok(nothing(self.shard, &place(after)?))
    }
}
