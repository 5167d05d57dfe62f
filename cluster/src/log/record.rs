//! A record: what one call put into a segment, with what it takes to tell it from anything else that may stand there.
//!
//! 48 bytes of head, then the payload, then zeros up to a multiple of 8. All numbers are little-endian:
//!
//! | at | bytes | holds |
//! | --- | --- | --- |
//! | 0 | 4 | crc32 of the log's salt, the segment's number, this record's place in it, and the head from byte 4 |
//! | 4 | 4 | crc32 of the payload |
//! | 8 | 4 | length of the payload |
//! | 12 | 4 | group |
//! | 16 | 4 | kind |
//! | 20 | 4 | synced-through: place in the segment; those before it were synced in full |
//! | 24 | 8 | life: how often the log had been opened |
//! | 32 | 8 | turn: how many records of this group came before |
//! | 40 | 8 | index: of an entry, the first dropped of a truncation, the last dropped of a purge |
//!
//! Segment and place are in the checksum, so that bytes of an earlier life of a recycled segment never pass, and the
//! salt, so that no payload can be made to look like a record. The life tells what an interrupted write left, and an open
//! cut off, from what was written over it afterwards: it never goes down within a segment. The head has a checksum of its own: a damaged payload
//! then costs the group that it names and no other, and records can be looked for without reading payloads.

use crc32fast::Hasher;

use super::engine::GroupId;

/// Records begin at multiples of this.
pub(super) const ALIGN_BYTES: usize = 8;
/// Length of a head.
pub(super) const HEAD_BYTES: usize = 48;

/// A place in the log. Ordered as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u64,
    /// From the begin of the segment.
    pub(super) offset: u32,
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An entry; the payload is its bytes.
    Entry = 1,
    /// A vote; the payload is its bytes.
    Vote = 2,
    /// Entries from `index` on are dropped.
    Truncate = 3,
    /// Entries up to `index` are dropped; the payload is the log id of the last.
    Purge = 4,
    /// At the begin of a segment: what it takes to go on with a group, see [`super::summary`].
    Opening = 5,
    /// At the begin of a segment: nothing can be said about a group, because of the damage in the payload.
    Doubt = 6,
    /// Nothing but its synced-through: written before a pause, so that damage to what came before can be told from a
    /// write that power interrupted.
    Mark = 7,
}

impl Kind {
    fn from_number(number: u32) -> Option<Self> {
        let kinds = [Self::Entry, Self::Vote, Self::Truncate, Self::Purge, Self::Opening, Self::Doubt, Self::Mark];
        kinds.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// A record without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) group: GroupId,
    pub(super) turn: u64,
    pub(super) index: u64,
    pub(super) stamp: Stamp,
    pub(super) length: u32,
    payload_crc: u32,
}

/// What all records of one moment say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Everything before this place of the segment was durable, and so were the segments before.
    pub(super) synced: u32,
    /// How often the log had been opened.
    pub(super) life: u64,
}

/// Begins the checksum of every head of one segment.
#[derive(Debug, Clone)]
pub(super) struct Seed(Hasher);

impl Seed {
    pub(super) fn new(salt: u64, segment: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(&salt.to_le_bytes());
        hasher.update(&segment.to_le_bytes());
        Self(hasher)
    }

    fn checksum(&self, offset: u32, head: &[u8]) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(&offset.to_le_bytes());
        hasher.update(head);
        hasher.finalize()
    }
}

/// Bytes that a record takes in a segment.
pub(super) fn record_bytes(payload: usize) -> usize {
    (HEAD_BYTES + payload).next_multiple_of(ALIGN_BYTES)
}

impl Head {
    pub(super) fn new(kind: Kind, group: GroupId, turn: u64, index: u64, stamp: Stamp, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        Self { kind, group, turn, index, stamp, length, payload_crc: crc32fast::hash(payload) }
    }

    /// Bytes that the record takes in a segment.
    pub(super) fn record_bytes(&self) -> usize {
        record_bytes(self.length as usize)
    }

    /// Appends the record to a buffer whose begin stands at a multiple of 8.
    pub(super) fn encode(&self, seed: &Seed, offset: u32, payload: &[u8], buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend([0; 4]);
        buffer.extend(self.payload_crc.to_le_bytes());
        buffer.extend(self.length.to_le_bytes());
        buffer.extend(self.group.0.to_le_bytes());
        buffer.extend((self.kind as u32).to_le_bytes());
        buffer.extend(self.stamp.synced.to_le_bytes());
        buffer.extend(self.stamp.life.to_le_bytes());
        buffer.extend(self.turn.to_le_bytes());
        buffer.extend(self.index.to_le_bytes());
        let checksum = seed.checksum(offset, &buffer[start + 4..]);
        buffer[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
        buffer.extend(payload);
        buffer.resize(buffer.len().next_multiple_of(ALIGN_BYTES), 0);
    }

    /// The head that begins with these bytes, if one does.
    pub(super) fn decode(seed: &Seed, offset: u32, bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HEAD_BYTES)?;
        // The checksum comes last: when a segment is searched, most places fail on the kind.
        let kind = Kind::from_number(u32_at(head, 16))?;
        let stamp = Stamp { synced: u32_at(head, 20), life: u64_at(head, 24) };
        if stamp.synced > offset || seed.checksum(offset, &head[4..]) != u32_at(head, 0) {
            return None;
        }
        Some(Self {
            kind,
            group: GroupId(u32_at(head, 12)),
            turn: u64_at(head, 32),
            index: u64_at(head, 40),
            stamp,
            length: u32_at(head, 8),
            payload_crc: u32_at(head, 4),
        })
    }

    /// The payload, which follows the head in `record`, if it is the one that was written.
    pub(super) fn payload<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        let payload = record.get(HEAD_BYTES..)?.get(..self.length as usize)?;
        (crc32fast::hash(payload) == self.payload_crc).then_some(payload)
    }
}

/// Four bytes as a number; the caller knows that they are there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// Eight bytes as a number; the caller knows that they are there.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(payload: &[u8]) -> (Head, Seed, Vec<u8>) {
        let seed = Seed::new(7, 3);
        let stamp = Stamp { synced: 64, life: 2 };
        let head = Head::new(Kind::Entry, GroupId(5), 11, 42, stamp, payload);
        let mut buffer = Vec::new();
        head.encode(&seed, 128, payload, &mut buffer);
        (head, seed, buffer)
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for length in [0, 1, 7, 8, 9, 1000] {
            let payload = vec![0xcd; length];
            let (head, seed, buffer) = written(&payload);
            assert_eq!(buffer.len(), head.record_bytes());
            assert_eq!(buffer.len() % ALIGN_BYTES, 0);
            assert_eq!(Head::decode(&seed, 128, &buffer), Some(head));
            assert_eq!(head.payload(&buffer), Some(&payload[..]));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (head, seed, buffer) = written(b"payload!");
        for bit in 0..buffer.len() * 8 {
            let mut flipped = buffer.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = Head::decode(&seed, 128, &flipped);
            if bit / 8 < HEAD_BYTES {
                assert_eq!(found, None, "bit {bit}");
            } else {
                assert_eq!(found, Some(head));
                assert_eq!(head.payload(&flipped), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_record_passes_in_its_own_place_only() {
        let (_, seed, buffer) = written(b"payload");
        assert_eq!(Head::decode(&seed, 136, &buffer), None);
        assert_eq!(Head::decode(&Seed::new(7, 4), 128, &buffer), None, "the same place of a later life");
        assert_eq!(Head::decode(&Seed::new(8, 3), 128, &buffer), None, "another log");
    }

    #[test]
    fn what_claims_to_be_synced_beyond_itself_is_no_record() {
        let seed = Seed::new(7, 3);
        let mut buffer = Vec::new();
        let ahead = Stamp { synced: 136, life: 0 };
        Head::new(Kind::Mark, GroupId(0), 0, 0, ahead, &[]).encode(&seed, 128, &[], &mut buffer);
        assert_eq!(Head::decode(&seed, 128, &buffer), None);
    }
}
