//! Keys of rows. Each begins with its shard and a generation, both big-endian, so that a shard's rows lie together and a
//! received snapshot can lie beside what is in use. Generation 0 is never used: under it is the shard's pointer, which
//! says what is.

use std::fmt::Write;
use std::ops::Bound;

use super::table::Table;

/// Bytes of shard and generation.
pub(super) const PREFIX_BYTES: usize = 6;

/// The engine counts the bytes of a key in 16 bits.
pub(super) const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// Idempotency keys come before blocks of producers.
const KNOWN_KEY: u8 = b'k';
const KNOWN_BLOCK: u8 = b'p';

/// Kinds of garbage.
pub(super) const GARBAGE_GENERATION: u8 = b'g';
pub(super) const GARBAGE_NUMBER: u8 = b'n';
pub(super) const GARBAGE_ITEMS: u8 = b'r';

/// The beginning of all keys of a shard's generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix([u8; PREFIX_BYTES]);

impl Prefix {
    pub(super) fn new(shard: u16, generation: u32) -> Self {
        let mut bytes = [0; PREFIX_BYTES];
        bytes[..2].copy_from_slice(&shard.to_be_bytes());
        bytes[2..].copy_from_slice(&generation.to_be_bytes());
        Self(bytes)
    }

    /// Of a key, where it has one.
    pub(super) fn of(key: &[u8]) -> Option<(Self, &[u8])> {
        let (prefix, rest) = key.split_first_chunk()?;
        Some((Self(*prefix), rest))
    }

    pub(super) fn shard(self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    pub(super) fn generation(self) -> u32 {
        u32::from_be_bytes([self.0[2], self.0[3], self.0[4], self.0[5]])
    }

    /// A key of this generation.
    pub(super) fn key(self, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut key = Vec::with_capacity(PREFIX_BYTES + bytes);
        key.extend_from_slice(&self.0);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }

    /// Of the shard's own row, in [`Table::Shards`].
    pub(super) fn row(self) -> Vec<u8> {
        self.key(&[])
    }

    pub(super) fn topic(self, name: &str) -> Vec<u8> {
        self.key(&[name.as_bytes()])
    }

    /// Everything of a topic in items, folds and known begins so.
    pub(super) fn number(self, number: u64) -> Vec<u8> {
        self.key(&[&number.to_be_bytes()])
    }

    pub(super) fn item(self, number: u64, offset: u64) -> Vec<u8> {
        self.key(&[&number.to_be_bytes(), &offset.to_be_bytes()])
    }

    pub(super) fn fold(self, number: u64, key: &str) -> Vec<u8> {
        self.key(&[&number.to_be_bytes(), key.as_bytes()])
    }

    pub(super) fn known_keys(self, number: u64) -> Vec<u8> {
        self.key(&[&number.to_be_bytes(), &[KNOWN_KEY]])
    }

    pub(super) fn known_key(self, number: u64, name: &str) -> Vec<u8> {
        self.key(&[&number.to_be_bytes(), &[KNOWN_KEY], name.as_bytes()])
    }

    pub(super) fn blocks(self, number: u64) -> Vec<u8> {
        self.key(&[&number.to_be_bytes(), &[KNOWN_BLOCK]])
    }

    /// The length in front keeps the blocks of one producer together. One that does not fit makes the key too long,
    /// which is refused where rows are written.
    pub(super) fn block(self, number: u64, producer: &str, block: u64) -> Vec<u8> {
        let bytes = u16::try_from(producer.len()).unwrap_or(u16::MAX);
        let (number, block) = (number.to_be_bytes(), block.to_be_bytes());
        self.key(&[&number, &[KNOWN_BLOCK], &bytes.to_be_bytes(), producer.as_bytes(), &block])
    }

    pub(super) fn due(self, at_ms: u64, name: &str) -> Vec<u8> {
        self.key(&[&at_ms.to_be_bytes(), name.as_bytes()])
    }

    pub(super) fn due_through(self, through_ms: u64) -> Bound<Vec<u8>> {
        end_of(&self.key(&[&through_ms.to_be_bytes()]))
    }

    pub(super) fn garbage_generation(self) -> Vec<u8> {
        self.key(&[&[GARBAGE_GENERATION]])
    }

    pub(super) fn garbage_number(self, number: u64) -> Vec<u8> {
        self.key(&[&[GARBAGE_NUMBER], &number.to_be_bytes()])
    }

    pub(super) fn garbage_items(self, number: u64, after: u64) -> Vec<u8> {
        self.key(&[&[GARBAGE_ITEMS], &number.to_be_bytes(), &after.to_be_bytes()])
    }

    /// Everything that begins so.
    pub(super) fn all(self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        within(self.row())
    }
}

/// All keys that begin like this one.
pub(super) fn within(prefix: Vec<u8>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let end = end_of(&prefix);
    (Bound::Included(prefix), end)
}

/// Behind all keys that begin like this one.
pub(super) fn end_of(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

/// What follows shard and generation in a key of [`Table::Items`], [`Table::Folds`] or [`Table::Known`].
pub(super) fn split_number(suffix: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = suffix.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

pub(super) fn as_number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// What a key of [`Table::Known`] names, behind the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownName<'a> {
    Key(&'a str),
    Block(&'a str, u64),
}

pub(super) fn known_name(rest: &[u8]) -> Option<KnownName<'_>> {
    match rest.split_first()? {
        (&KNOWN_KEY, name) => std::str::from_utf8(name).ok().map(KnownName::Key),
        (&KNOWN_BLOCK, rest) => {
            let (bytes, rest) = rest.split_first_chunk()?;
            let (producer, block) = rest.split_at_checked(u16::from_be_bytes(*bytes).into())?;
            Some(KnownName::Block(std::str::from_utf8(producer).ok()?, as_number(block)?))
        }
        _ => None,
    }
}

/// A key as a person reads it.
pub(super) fn shown(table: Table, key: &[u8]) -> String {
    let Some((prefix, rest)) = Prefix::of(key) else { return format!("{}", key.escape_ascii()) };
    let mut text = format!("shard {}, generation {}", prefix.shard(), prefix.generation());
    let shown = match table {
        Table::Topics => write!(text, ", topic {}", rest.escape_ascii()),
        Table::Items | Table::Folds | Table::Known => match split_number(rest) {
            Some((number, rest)) => match (table, as_number(rest)) {
                (Table::Items, Some(offset)) => write!(text, ", topic number {number}, offset {offset}"),
                _ => write!(text, ", topic number {number}, key {}", rest.escape_ascii()),
            },
            None => write!(text, ", {}", rest.escape_ascii()),
        },
        Table::Due => match split_number(rest) {
            Some((at_ms, name)) => write!(text, ", due at {at_ms} ms, topic {}", name.escape_ascii()),
            None => write!(text, ", {}", rest.escape_ascii()),
        },
        Table::Garbage => write!(text, ", garbage {}", rest.escape_ascii()),
        Table::Shards => Ok(()),
    };
    debug_assert!(shown.is_ok(), "text can always be written to");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_shard_generation_topic_and_offset() {
        let keys = [
            Prefix::new(1, 9).item(7, 7),
            Prefix::new(2, 1).item(1, 255),
            Prefix::new(2, 1).item(1, 256),
            Prefix::new(2, 1).item(2, 1),
            Prefix::new(2, 2).item(0, 0),
        ];
        assert!(keys.is_sorted());
    }

    #[test]
    fn blocks_of_one_producer_lie_in_a_row() {
        let prefix = Prefix::new(0, 1);
        let mut keys =
            [prefix.block(1, "ab", 1), prefix.block(1, "a", 300), prefix.block(1, "a", 2), prefix.block(1, "b", 9)];
        keys.sort();
        let names: Vec<_> = keys.iter().map(|key| known_name(&key[PREFIX_BYTES + 8..])).collect();
        let block = |producer, block| Some(KnownName::Block(producer, block));
        assert_eq!(names, [block("a", 2), block("a", 300), block("b", 9), block("ab", 1)]);
    }

    #[test]
    fn the_end_of_a_prefix_lies_behind_all_that_begins_so() {
        assert_eq!(end_of(&[1, 2]), Bound::Excluded(vec![1, 3]));
        assert_eq!(end_of(&[1, 255, 255]), Bound::Excluded(vec![2]));
        assert_eq!(end_of(&[255]), Bound::Unbounded);
        let (_, end) = Prefix::new(u16::MAX, u32::MAX).all();
        assert_eq!(end, Bound::Unbounded);
    }

    #[test]
    fn keys_are_shown_readable() {
        let prefix = Prefix::new(3, 1);
        assert_eq!(shown(Table::Items, &prefix.item(12, 45)), "shard 3, generation 1, topic number 12, offset 45");
        assert_eq!(shown(Table::Topics, &prefix.topic("chat:a")), "shard 3, generation 1, topic chat:a");
        assert_eq!(shown(Table::Due, &prefix.due(9, "t")), "shard 3, generation 1, due at 9 ms, topic t");
        assert_eq!(shown(Table::Shards, b"progress"), "shard 28786, generation 1869050469");
    }
}
