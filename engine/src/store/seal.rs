//! What every value has around it: in front the version of its kind, at the end a checksum.
//!
//! The checksum is over the value and over what its key says, except the generation: so a damaged row is known from any
//! that was written, and one that turns up in another place too, while a snapshot hands rows on as they are, from the
//! disk of one replica to that of another under the sum that they were first written with.

use xxhash_rust::xxh3::Xxh3;

use super::fault::StoreError;
use super::key::{self, PREFIX_BYTES};
use super::table::Table;

const SUM_BYTES: usize = 4;

/// Begins a value: what comes next is the row's own encoding.
pub(super) fn begin(version: u8, bytes: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(1 + bytes + SUM_BYTES);
    value.push(version);
    value
}

/// Ends a value.
pub(super) fn end(table: Table, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let sum = sum(table, key, &value);
    value.extend_from_slice(&sum.to_le_bytes());
    value
}

/// The row's own encoding, and its version.
pub(super) fn open<'a>(table: Table, key: &[u8], value: &'a [u8]) -> Result<(u8, &'a [u8]), StoreError> {
    let corrupt = |what| StoreError::CorruptRow { table: table.name(), key: key::shown(table, key), what };
    let (body, stored) = value.split_last_chunk().ok_or_else(|| corrupt("it is too short"))?;
    if sum(table, key, body) != u32::from_le_bytes(*stored) {
        return Err(corrupt("it does not have its checksum"));
    }
    let (version, body) = body.split_first().ok_or_else(|| corrupt("it is too short"))?;
    Ok((*version, body))
}

/// 32 bits, as long as a CRC: a damaged row passes once in four billion.
fn sum(table: Table, key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = Xxh3::new();
    hasher.update(&[table.tag()]);
    if let Some((shard, name)) = key.split_at_checked(2) {
        let name = name.get(PREFIX_BYTES - 2..).unwrap_or_default();
        hasher.update(shard);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
    }
    hasher.update(value);
    hasher.digest() as u32
}

#[cfg(test)]
mod tests {
    use super::super::key::Prefix;
    use super::*;

    fn sealed(key: &[u8]) -> Vec<u8> {
        let mut value = begin(1, 3);
        value.extend_from_slice(b"row");
        end(Table::Items, key, value)
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let key = Prefix::new(3, 1).item(7, 9);
        let value = sealed(&key);
        assert_eq!(open(Table::Items, &key, &value).expect("it is whole"), (1, &b"row"[..]));
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Table::Items, &key, &flipped).is_err());
        }
        for bytes in 0..value.len() {
            assert!(open(Table::Items, &key, &value[..bytes]).is_err());
        }
    }

    #[test]
    fn a_row_in_another_place_is_found_but_generations_are_alike() {
        let value = sealed(&Prefix::new(3, 1).item(7, 9));
        assert!(open(Table::Items, &Prefix::new(3, 1).item(7, 10), &value).is_err());
        assert!(open(Table::Items, &Prefix::new(4, 1).item(7, 9), &value).is_err());
        assert!(open(Table::Folds, &Prefix::new(3, 1).item(7, 9), &value).is_err());
        assert!(open(Table::Items, &Prefix::new(3, 2).item(7, 9), &value).is_ok());
    }
}
