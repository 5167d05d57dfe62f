//! Which shard a routing key belongs to: `crc32(routing key) mod shards`, for the life of the cluster.

use std::fmt;
use std::num::NonZeroU32;

/// How many shards a cluster has: 1 to 65,536, fixed when it is created, because the modulus places every topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShardCount(NonZeroU32);

/// A count of shards outside 1 to 65,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cluster has 1 to {max} shards, not {0}", max = ShardCount::MAX)]
pub struct BadShardCount(pub u32);

impl ShardCount {
    /// As many as a [`ShardId`] can tell apart.
    pub const MAX: u32 = 65_536;

    /// 64: idle groups cost under 1 % of a core a node, and 64 leaders spread evenly over a small cluster.
    pub const DEFAULT: Self = Self(NonZeroU32::new(64).expect("64 is not zero"));

    /// Checks the range.
    pub fn new(count: u32) -> Result<Self, BadShardCount> {
        match NonZeroU32::new(count) {
            Some(count) if count.get() <= Self::MAX => Ok(Self(count)),
            _ => Err(BadShardCount(count)),
        }
    }

    /// 1 to 65,536.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Every shard, ascending.
    pub fn ids(self) -> impl Iterator<Item = ShardId> {
        (0..=u16::MAX).take(self.get() as usize).map(ShardId)
    }
}

impl Default for ShardCount {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One shard of a cluster, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(u16);

impl ShardId {
    /// The shard of a routing key: CRC-32 (IEEE) of its bytes, modulo the count.
    #[must_use]
    pub fn of(routing_key: &str, shards: ShardCount) -> Self {
        let slot = crc32fast::hash(routing_key.as_bytes()) % shards.get();
        Self(u16::try_from(slot).expect("a remainder of at most 65,536 fits 16 bits"))
    }

    /// `None` when there is no such shard.
    #[must_use]
    pub fn new(number: u32, shards: ShardCount) -> Option<Self> {
        (number < shards.get()).then(|| u16::try_from(number).ok().map(Self)).flatten()
    }

    /// Counted from 0.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// For tables with a row per shard.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_protocol::TopicName;
    use proptest::prelude::*;

    fn count(n: u32) -> ShardCount {
        ShardCount::new(n).expect("in range")
    }

    fn shard_of_topic(name: &str) -> ShardId {
        ShardId::of(TopicName::parse(name).expect("a topic name").routing_key(), count(65_536))
    }

    /// The check value of CRC-32 (IEEE): a change of polynomial would move every topic.
    #[test]
    fn a_key_is_placed_by_its_crc32() {
        assert_eq!(u32::from(ShardId::of("123456789", count(65_536)).get()), 0xCBF4_3926 % 65_536);
        assert_eq!(u32::from(ShardId::of("123456789", count(64)).get()), 0xCBF4_3926 % 64);
        assert_eq!(ShardId::of("", count(64)).get(), 0);
    }

    #[test]
    fn counts_outside_1_to_65536_are_refused() {
        assert_eq!(ShardCount::new(0), Err(BadShardCount(0)));
        assert_eq!(ShardCount::new(65_537), Err(BadShardCount(65_537)));
        assert_eq!(BadShardCount(0).to_string(), "a cluster has 1 to 65536 shards, not 0");
        assert_eq!(count(65_536).ids().count(), 65_536);
        assert_eq!(count(3).ids().map(ShardId::get).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_shard_beyond_the_count_does_not_exist() {
        assert_eq!(ShardId::new(3, count(4)).map(ShardId::get), Some(3));
        assert_eq!(ShardId::new(4, count(4)), None);
        assert_eq!(ShardId::new(65_535, count(65_536)).map(ShardId::get), Some(65_535));
        assert_eq!(ShardId::new(65_536, count(65_536)), None);
    }

    /// A part in `{…}` alone chooses the shard; braces that enclose nothing, or do not close, are plain characters.
    #[test]
    fn topics_with_the_same_tag_live_in_the_same_shard() {
        assert_eq!(shard_of_topic("chat:{acme}:lobby"), shard_of_topic("doc:{acme}"));
        assert_eq!(shard_of_topic("a{tag}b"), ShardId::of("tag", count(65_536)));
        assert_eq!(shard_of_topic("a{}b"), ShardId::of("a{}b", count(65_536)));
        assert_eq!(shard_of_topic("a{b"), ShardId::of("a{b", count(65_536)));
        assert_eq!(shard_of_topic("a}b{c"), ShardId::of("a}b{c", count(65_536)));
    }

    proptest! {
        #[test]
        fn every_key_has_a_shard_of_the_cluster(key in ".*", n in 1u32..=65_536) {
            let shards = count(n);
            let id = ShardId::of(&key, shards);
            prop_assert_eq!(ShardId::new(u32::from(id.get()), shards), Some(id));
        }
    }
}
