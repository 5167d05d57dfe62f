//! What makes a repeated publish harmless: idempotency keys, and the results of producers.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::{Row, Value};
use crate::log::rows::{BlockRow, KeyRow, StoredOutcome};
use crate::store::key::{self, KnownName};
use crate::store::table::Table;

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct KeyMessage {
    #[prost(message, required, tag = "1")]
    hash: Hash,
    #[prost(uint64, tag = "2")]
    first_offset: u64,
    #[prost(uint32, tag = "3")]
    count: u32,
    #[prost(uint64, tag = "4")]
    ends_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Hash {
    #[prost(fixed64, tag = "1")]
    high: u64,
    #[prost(fixed64, tag = "2")]
    low: u64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct BlockMessage {
    #[prost(uint64, tag = "1")]
    heard_ms: u64,
    #[prost(uint64, tag = "2")]
    first_sequence: u64,
    #[prost(message, repeated, tag = "3")]
    results: Vec<ResultMessage>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct ResultMessage {
    #[prost(message, required, tag = "1")]
    hash: Hash,
    #[prost(oneof = "OutcomeMessage", tags = "2, 3")]
    outcome: Option<OutcomeMessage>,
}

#[derive(Clone, PartialEq, Eq, Oneof)]
enum OutcomeMessage {
    #[prost(message, tag = "2")]
    Published(PublishedMessage),
    #[prost(bytes = "bytes", tag = "3")]
    Refused(Bytes),
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct PublishedMessage {
    #[prost(uint64, tag = "1")]
    first_offset: u64,
    #[prost(uint32, tag = "2")]
    count: u32,
}

impl From<u128> for Hash {
    fn from(hash: u128) -> Self {
        Self { high: (hash >> 64) as u64, low: hash as u64 }
    }
}

impl From<Hash> for u128 {
    fn from(hash: Hash) -> Self {
        Self::from(hash.high) << 64 | Self::from(hash.low)
    }
}

impl Value for KeyRow {
    const TABLE: Table = Table::Known;

    fn bytes(&self) -> usize {
        64
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { name: _, hash, first_offset, count, ends_ms } = *self;
        KeyMessage { hash: hash.into(), first_offset, count, ends_ms }.encode_raw(out);
    }
}

impl Row for KeyRow {
    fn read(name: &[u8], body: &[u8]) -> Option<Self> {
        let Some(KnownName::Key(name)) = key::split_number(name).and_then(|(_, rest)| key::known_name(rest)) else {
            return None;
        };
        let KeyMessage { hash, first_offset, count, ends_ms } = KeyMessage::decode(body).ok()?;
        Some(Self { name: name.into(), hash: hash.into(), first_offset, count, ends_ms })
    }
}

impl Value for BlockRow {
    const TABLE: Table = Table::Known;

    fn bytes(&self) -> usize {
        32 + self.results.len() * 40
    }

    fn write(&self, out: &mut Vec<u8>) {
        let results = self.results.iter().map(|(hash, outcome)| {
            let outcome = match *outcome {
                StoredOutcome::Published { first_offset, count } => {
                    OutcomeMessage::Published(PublishedMessage { first_offset, count })
                }
                StoredOutcome::Refused(ref refusal) => OutcomeMessage::Refused(refusal.clone()),
            };
            ResultMessage { hash: (*hash).into(), outcome: Some(outcome) }
        });
        let results = results.collect();
        BlockMessage { heard_ms: self.heard_ms, first_sequence: self.first_sequence, results }.encode_raw(out);
    }
}

impl Row for BlockRow {
    fn read(name: &[u8], body: &[u8]) -> Option<Self> {
        let known = key::split_number(name).and_then(|(_, rest)| key::known_name(rest));
        let Some(KnownName::Block(producer, block)) = known else { return None };
        let BlockMessage { heard_ms, first_sequence, results } = BlockMessage::decode(body).ok()?;
        let results = results.into_iter().map(|ResultMessage { hash, outcome }| {
            let outcome = match outcome? {
                OutcomeMessage::Published(PublishedMessage { first_offset, count }) => {
                    StoredOutcome::Published { first_offset, count }
                }
                OutcomeMessage::Refused(refusal) => StoredOutcome::Refused(refusal),
            };
            Some((hash.into(), outcome))
        });
        let results = results.collect::<Option<_>>()?;
        Some(Self { producer: producer.into(), block, heard_ms, first_sequence, results })
    }
}
