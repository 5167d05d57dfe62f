//! The tables and where they stand, as bytes: what the file holds and what a snapshot carries. A core.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::state::MetaState;
use super::table::{Row, Table};
use crate::shard::Position;

/// The format that this version writes and understands.
pub(super) const FORMAT: u32 = 1;

/// What the bytes begin with.
const MAGIC: [u8; 8] = *b"FANFMETA";

/// Magic, format and checksum.
const HEAD_BYTES: usize = MAGIC.len() + 4 + 4;

/// Tables at a position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stored {
    pub(super) position: Position,
    pub(super) state: MetaState,
}

/// Why bytes are not such tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Written by a newer version.
    Format(u32),
    /// Damaged, or something else altogether.
    Corrupt(&'static str),
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Body {
    #[prost(message, optional, tag = "1")]
    position: Option<Place>,
    /// Of the table of namespaces.
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(message, repeated, tag = "3")]
    namespaces: Vec<Line>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Place {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    leader: u64,
    #[prost(uint64, tag = "4")]
    shard_ms: u64,
    #[prost(bytes = "bytes", tag = "5")]
    membership: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Line {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    version: u64,
    #[prost(bytes = "bytes", tag = "3")]
    value: Bytes,
}

impl Stored {
    /// `magic | format u32 | crc32 u32 | body`, big-endian; the checksum is of format and body.
    pub(super) fn encode(&self) -> Bytes {
        let Position { index, term, leader, shard_ms, membership } = self.position.clone();
        let table = &self.state.namespaces;
        let line =
            |(name, row): (&str, &Row)| Line { name: name.to_owned(), version: row.version, value: row.value.clone() };
        let body = Body {
            position: Some(Place { index, term, leader, shard_ms, membership }),
            version: table.version,
            namespaces: table.rows().map(line).collect(),
        };
        let body = body.encode_to_vec();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&checksum(FORMAT, &body).to_be_bytes());
        bytes.extend_from_slice(&body);
        bytes.into()
    }

    /// Reads them back.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, Unreadable> {
        let Some(magic) = bytes.first_chunk::<8>() else { return Err(Unreadable::Corrupt("it is cut off")) };
        if *magic != MAGIC {
            return Err(Unreadable::Corrupt("it does not begin as such a file does"));
        }
        let number = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied();
        let (Some(format), Some(known)) = (number(MAGIC.len()), number(MAGIC.len() + 4)) else {
            return Err(Unreadable::Corrupt("it is cut off"));
        };
        let (format, known) = (u32::from_be_bytes(format), u32::from_be_bytes(known));
        let body = bytes.slice(HEAD_BYTES..);
        if checksum(format, &body) != known {
            return Err(Unreadable::Corrupt("its checksum does not match"));
        }
        if format != FORMAT {
            return Err(Unreadable::Format(format));
        }
        let body = Body::decode(body).map_err(|_| Unreadable::Corrupt("its body cannot be decoded"))?;
        let Place { index, term, leader, shard_ms, membership } = body.position.unwrap_or_default();
        let rows: BTreeMap<_, _> =
            body.namespaces.into_iter().map(|l| (l.name, Row { version: l.version, value: l.value })).collect();
        Ok(Self {
            position: Position { index, term, leader, shard_ms, membership },
            state: MetaState { namespaces: Arc::new(Table { version: body.version, rows }) },
        })
    }
}

/// Tells one set of bytes from another.
pub(super) fn checksum_of(bytes: &[u8]) -> u64 {
    u64::from(crc32fast::hash(bytes))
}

fn checksum(format: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&format.to_be_bytes());
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Stored {
        let membership = Bytes::from_static(b"m");
        let rows = [("a".to_owned(), Row { version: 3, value: Bytes::from_static(b"x") })].into();
        Stored {
            position: Position { index: 9, term: 2, leader: 1, shard_ms: 77, membership },
            state: MetaState { namespaces: Arc::new(Table { version: 3, rows }) },
        }
    }

    /// These bytes are in data directories: if this test fails, the format has changed and [`FORMAT`] must too.
    #[test]
    fn the_bytes_of_a_file_stay_what_they_are() {
        let expected = [
            &b"FANFMETA\0\0\0\x01"[..],
            &[0xfc, 0x63, 0x0d, 0x60],
            &[10, 11, 8, 9, 16, 2, 24, 1, 32, 77, 42, 1, b'm', 16, 3, 26, 8, 10, 1, b'a', 16, 3, 26, 1, b'x'],
        ]
        .concat();
        assert_eq!(stored().encode(), expected.as_slice());
        assert_eq!(Stored::decode(&expected.into()), Ok(stored()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = stored().encode();
        for at in 0..bytes.len() {
            assert!(matches!(Stored::decode(&bytes.slice(..at)), Err(Unreadable::Corrupt(_))), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << bit;
                assert!(Stored::decode(&damaged.into()).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut bytes = stored().encode().to_vec();
        bytes[11] = 2;
        let sum = checksum(2, &bytes[HEAD_BYTES..]).to_be_bytes();
        bytes[12..16].copy_from_slice(&sum);
        assert_eq!(Stored::decode(&bytes.into()), Err(Unreadable::Format(2)));
    }
}
