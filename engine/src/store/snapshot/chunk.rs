//! A run of rows as bytes: version, the place behind which it begins, then `table | bytes of the key | key | bytes of the
//! value | value` for each row, and a checksum. Keys are without shard and generation, lengths are varints.

use bytes::Bytes;
use prost::encoding::{decode_varint, encode_varint};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::fault::StoreError;
use crate::store::table::Table;

const VERSION: u8 = 1;
const SUM_BYTES: usize = 8;

/// Where a row is in a snapshot; the beginning is before all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    /// A table's tag; 0 at the beginning.
    table: u8,
    name: Vec<u8>,
}

impl Place {
    pub(super) fn of(table: Table, name: &[u8]) -> Self {
        Self { table: table.tag(), name: name.to_vec() }
    }

    /// `None` for what is no place.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            None => Some(Self::default()),
            Some((tag, name)) => Table::of_tag(*tag).map(|table| Self::of(table, name)),
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        match self.table {
            0 => Bytes::new(),
            table => [&[table], &*self.name].concat().into(),
        }
    }

    /// The table and the name in it; `None` at the beginning.
    pub(super) fn table(&self) -> Option<(Table, &[u8])> {
        Table::of_tag(self.table).map(|table| (table, &*self.name))
    }
}

/// A chunk in the making.
pub(super) struct Writer {
    bytes: Vec<u8>,
    last: Option<Place>,
}

impl Writer {
    pub(super) fn new(after: &Place, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(VERSION);
        part(&after.encode(), &mut bytes);
        Self { bytes, last: None }
    }

    pub(super) fn push(&mut self, table: Table, name: &[u8], value: &[u8]) {
        self.bytes.push(table.tag());
        part(name, &mut self.bytes);
        part(value, &mut self.bytes);
        let last = self.last.get_or_insert_default();
        last.table = table.tag();
        last.name.clear();
        last.name.extend_from_slice(name);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// `None` when there is no row in it.
    pub(super) fn finish(mut self) -> Option<(Place, Bytes)> {
        let last = self.last?;
        let sum = xxh3_64(&self.bytes);
        self.bytes.extend_from_slice(&sum.to_le_bytes());
        Some((last, self.bytes.into()))
    }
}

fn part(part: &[u8], out: &mut Vec<u8>) {
    encode_varint(part.len() as u64, out);
    out.extend_from_slice(part);
}

/// What a chunk holds.
pub(super) struct Reader<'a> {
    pub(super) after: Place,
    rest: &'a [u8],
}

/// A row in a chunk: its table, its name, its value.
pub(super) type ChunkRow<'a> = (Table, &'a [u8], &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let (body, sum) = bytes.split_last_chunk::<SUM_BYTES>().ok_or(StoreError::BadChunk("it is too short"))?;
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return Err(StoreError::BadChunk("it does not have its checksum"));
        }
        let (version, mut rest) = body.split_first().ok_or(StoreError::BadChunk("it is too short"))?;
        if *version != VERSION {
            return Err(StoreError::BadChunk("it is of another version"));
        }
        let after = take(&mut rest).and_then(Place::decode).ok_or(StoreError::BadChunk("it begins nowhere"))?;
        Ok(Self { after, rest })
    }

    /// The next row: its table, its name, its value.
    pub(super) fn row(&mut self) -> Result<Option<ChunkRow<'a>>, StoreError> {
        let Some((tag, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let row = (|| Some((Table::of_tag(*tag)?, take(&mut self.rest)?, take(&mut self.rest)?)))();
        row.map(Some).ok_or(StoreError::BadChunk("a row cannot be read"))
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let bytes = usize::try_from(decode_varint(rest).ok()?).ok()?;
    let (part, behind) = rest.split_at_checked(bytes)?;
    *rest = behind;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> (Place, Bytes) {
        let mut chunk = Writer::new(&Place::of(Table::Topics, b"b"), 64);
        chunk.push(Table::Topics, b"c", b"one");
        chunk.push(Table::Items, b"", b"");
        chunk.push(Table::Items, b"a", b"two");
        chunk.finish().expect("it has rows")
    }

    #[test]
    fn a_chunk_reads_back_as_written() {
        let (place, bytes) = chunk();
        assert_eq!(place, Place::of(Table::Items, b"a"));
        assert_eq!(Place::decode(&place.encode()), Some(place));
        let mut reader = Reader::new(&bytes).expect("it is whole");
        assert_eq!(reader.after, Place::of(Table::Topics, b"b"));
        let rows = [(Table::Topics, &b"c"[..], &b"one"[..]), (Table::Items, b"", b""), (Table::Items, b"a", b"two")];
        for row in rows {
            assert_eq!(reader.row().expect("it can be read"), Some(row));
        }
        assert_eq!(reader.row().expect("it has ended"), None);
        assert!(Writer::new(&Place::default(), 0).finish().is_none());
    }

    #[test]
    fn a_damaged_chunk_is_none() {
        let (_, bytes) = chunk();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Reader::new(&flipped).is_err());
        }
        for end in 0..bytes.len() {
            assert!(Reader::new(&bytes[..end]).is_err());
        }
        assert_eq!(Place::decode(b""), Some(Place::default()));
        assert_eq!(Place::decode(b"\x09key"), None);
    }
}
