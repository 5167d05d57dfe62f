//! How rows look on disk: protobuf inside the [seal](super::seal), with a version for each kind of row. A version is
//! raised when a reader of the old one would take a row for something that it is not; fields are added without.

mod event;
mod items;
mod known;
mod shard;
mod topic;

#[cfg(test)]
mod tests;

pub(super) use event::open_fold;
pub(super) use items::{Run, open_items};
pub(super) use shard::{Heap, Pointer, Staging};
pub(super) use topic::DueMark;

use super::fault::StoreError;
use super::key::{self, PREFIX_BYTES};
use super::seal;
use super::table::Table;

/// What can be put under a key.
pub(super) trait Value {
    const TABLE: Table;
    const VERSION: u8 = 1;

    /// About how many bytes will be written.
    fn bytes(&self) -> usize;

    fn write(&self, out: &mut Vec<u8>);
}

/// A value that says all that its row says, with the part of its key behind shard and generation.
pub(super) trait Row: Value + Sized {
    /// `None` when it cannot be decoded.
    fn read(name: &[u8], body: &[u8]) -> Option<Self>;
}

/// What is put under this key.
pub(super) fn sealed<V: Value>(key: &[u8], row: &V) -> Vec<u8> {
    let mut value = seal::begin(V::VERSION, row.bytes());
    row.write(&mut value);
    seal::end(V::TABLE, key, value)
}

/// What was put under this key.
pub(super) fn open<R: Row>(key: &[u8], value: &[u8]) -> Result<R, StoreError> {
    decoded::<R, R>(key, value, |_, name, body| R::read(name, body))
}

/// The same, where decoding needs to know more: the version too, beside the name and the body.
fn decoded<V: Value, T>(
    key: &[u8],
    value: &[u8],
    read: impl FnOnce(u8, &[u8], &[u8]) -> Option<T>,
) -> Result<T, StoreError> {
    let (version, body) = seal::open(V::TABLE, key, value)?;
    if version > V::VERSION {
        let place = format!("{} ({})", V::TABLE.name(), key::shown(V::TABLE, key));
        return Err(StoreError::Format { place, found: version.into(), known: V::VERSION.into() });
    }
    let name = key.get(PREFIX_BYTES..).unwrap_or_default();
    read(version, name, body).ok_or_else(|| StoreError::CorruptRow {
        table: V::TABLE.name(),
        key: key::shown(V::TABLE, key),
        what: "it cannot be decoded",
    })
}
