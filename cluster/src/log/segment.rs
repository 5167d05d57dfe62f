//! A segment: its name and its header.
//!
//! A file gets a segment's name only when its whole length is allocated and its header and opening are durable, so no
//! crash leaves a segment half made. The header, in the shape that every format keeps:
//!
//! | at | bytes | holds |
//! | --- | --- | --- |
//! | 0 | 8 | `fanfwal` and a zero |
//! | 8 | 4 | format |
//! | 12 | 4 | length of the file |
//! | 16 | 8 | number |
//! | 24 | 8 | salt of the log |
//! | 32 | 4 | where the records of the segment before end; 0 if that could not be told |
//! | 36 | 4 | where the opening ends |
//! | 40 | 20 | nothing yet |
//! | 60 | 4 | crc32 of the 60 bytes before |

use super::record::{u32_at, u64_at};

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
/// Where the first record begins.
pub(super) const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"fanfwal\0";

/// What stands at the begin of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) salt: u64,
    /// Bytes of the file.
    pub(super) length: u32,
    pub(super) previous_end: u32,
    pub(super) opening_end: u32,
}

/// Why there is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// These bytes are none.
    Damaged,
    /// It is of a format that this version does not know.
    Newer {
        /// Which.
        format: u32,
    },
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.opening_end.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The checksum is looked at before the format: a flipped bit must not ask for a newer version.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, NoHeader> {
        let bytes = bytes.get(..HEADER_BYTES).ok_or(NoHeader::Damaged)?;
        if &bytes[..8] != MAGIC || crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return Err(NoHeader::Damaged);
        }
        let format = u32_at(bytes, 8);
        if format > FORMAT {
            return Err(NoHeader::Newer { format });
        }
        Ok(Self {
            number: u64_at(bytes, 16),
            salt: u64_at(bytes, 24),
            length: u32_at(bytes, 12),
            previous_end: u32_at(bytes, 32),
            opening_end: u32_at(bytes, 36),
        })
    }
}

/// The file of a segment.
pub(super) fn name(number: u64) -> String {
    format!("{number:020}.wal")
}

/// A segment that is kept only so that its damage can be looked at, or its entries be saved by hand.
pub(super) fn kept_name(number: u64) -> String {
    format!("kept-{number:020}.wal")
}

/// A file of the length of a segment, to become one.
pub(super) fn spare_name(count: u64) -> String {
    format!("spare-{count}.wal")
}

/// What a file of the log's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    Segment(u64),
    Kept(u64),
    Spare(u64),
}

impl Named {
    /// `None`: not one of ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".wal")?;
        if let Some(count) = stem.strip_prefix("spare-") {
            return count.parse().ok().map(Self::Spare);
        }
        let (number, kept) = match stem.strip_prefix("kept-") {
            Some(number) => (number, true),
            None => (stem, false),
        };
        let number = Some(number).filter(|number| number.len() == 20)?.parse().ok()?;
        Some(if kept { Self::Kept(number) } else { Self::Segment(number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { number: 9, salt: 77, length: 65_536, previous_end: 512, opening_end: 128 }
    }

    #[test]
    fn a_header_is_read_back() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
        assert_eq!(Header::decode(&header().encode()[..63]), Err(NoHeader::Damaged));
    }

    #[test]
    fn every_flipped_bit_is_damage_and_not_a_newer_format() {
        for bit in 0..HEADER_BYTES * 8 {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), Err(NoHeader::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_format_is_told() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(NoHeader::Newer { format: 2 }));
    }

    #[test]
    fn names_say_what_a_file_is() {
        assert_eq!(Named::parse(&name(7)), Some(Named::Segment(7)));
        assert_eq!(Named::parse(&kept_name(7)), Some(Named::Kept(7)));
        assert_eq!(Named::parse(&spare_name(7)), Some(Named::Spare(7)));
        for other in ["lock", "7.wal", "spare-.wal", "00000000000000000007.bak", "kept-7.wal"] {
            assert_eq!(Named::parse(other), None, "{other}");
        }
    }
}
