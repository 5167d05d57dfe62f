//! A shard: where it stands, which of its generations is in use, which one is being received, and what is to be
//! cleared away of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use fanfare_cluster::{Position, SnapshotId};
use prost::Message;

use super::{Row, Value};
use crate::log::rows::{ShardRow, Usage};
use crate::store::table::Table;

/// What of a shard is in use, under its generation 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Pointer {
    /// The one that is in use.
    pub(in crate::store) generation: u32,
    /// The next one that is taken. Never used again: what an old one leaves behind is cleared away in peace.
    pub(in crate::store) next_generation: u32,
    /// What is being received.
    pub(in crate::store) staging: Option<Staging>,
}

/// A snapshot that is being received, or waits to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Staging {
    pub(in crate::store) id: SnapshotId,
    /// Where its rows are.
    pub(in crate::store) generation: u32,
    /// Up to where they are there.
    pub(in crate::store) place: Bytes,
}

/// Something to be cleared away: what, is in its key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store) struct Heap {
    /// Of publications: up to and including which offset.
    pub(in crate::store) through: u64,
    /// Up to where it is gone: a table and a key, without shard and generation. Going over all the deleted rows again to
    /// find the next ones would take ever longer.
    pub(in crate::store) place: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct PositionMessage {
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

#[derive(Clone, PartialEq, Message)]
struct ShardMessage {
    #[prost(message, required, tag = "1")]
    position: PositionMessage,
    #[prost(uint64, tag = "2")]
    now_ms: u64,
    #[prost(uint64, tag = "3")]
    next_number: u64,
    #[prost(bytes = "bytes", tag = "4")]
    policies: Bytes,
    #[prost(btree_map = "string, message", tag = "5")]
    usage: BTreeMap<String, UsageMessage>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct UsageMessage {
    #[prost(uint64, tag = "1")]
    topics: u64,
    #[prost(uint64, tag = "2")]
    bytes: u64,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct PointerMessage {
    #[prost(uint32, tag = "1")]
    generation: u32,
    #[prost(uint32, tag = "2")]
    next_generation: u32,
    #[prost(message, optional, tag = "3")]
    staging: Option<StagingMessage>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct StagingMessage {
    #[prost(message, required, tag = "1")]
    position: PositionMessage,
    #[prost(fixed64, tag = "2")]
    view: u64,
    #[prost(uint32, tag = "3")]
    generation: u32,
    #[prost(bytes = "bytes", tag = "4")]
    place: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct HeapMessage {
    #[prost(uint64, tag = "1")]
    through: u64,
    #[prost(bytes = "bytes", tag = "2")]
    place: Bytes,
}

impl From<&Position> for PositionMessage {
    fn from(position: &Position) -> Self {
        let Position { index, term, leader, shard_ms, membership } = position.clone();
        Self { index, term, leader, shard_ms, membership }
    }
}

impl From<PositionMessage> for Position {
    fn from(message: PositionMessage) -> Self {
        let PositionMessage { index, term, leader, shard_ms, membership } = message;
        Self { index, term, leader, shard_ms, membership }
    }
}

impl Value for ShardRow {
    const TABLE: Table = Table::Shards;

    fn bytes(&self) -> usize {
        128 + self.policies.len() + self.position.membership.len() + self.usage.len() * 64
    }

    fn write(&self, out: &mut Vec<u8>) {
        let usage = self.usage.iter().map(|(name, Usage { topics, bytes })| {
            let usage = UsageMessage { topics: *topics, bytes: *bytes };
            (name.clone(), usage)
        });
        let message = ShardMessage {
            position: (&self.position).into(),
            now_ms: self.now_ms,
            next_number: self.next_number,
            policies: self.policies.clone(),
            usage: usage.collect(),
        };
        message.encode_raw(out);
    }
}

impl Row for ShardRow {
    fn read(_name: &[u8], body: &[u8]) -> Option<Self> {
        let ShardMessage { position, now_ms, next_number, policies, usage } = ShardMessage::decode(body).ok()?;
        let usage = usage.into_iter().map(|(name, UsageMessage { topics, bytes })| (name, Usage { topics, bytes }));
        Some(Self { position: position.into(), now_ms, next_number, policies, usage: usage.collect() })
    }
}

impl Value for Pointer {
    const TABLE: Table = Table::Shards;

    fn bytes(&self) -> usize {
        let staging = self.staging.as_ref();
        32 + staging.map_or(0, |staging| 128 + staging.place.len() + staging.id.position.membership.len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let staging = self.staging.as_ref().map(|Staging { id, generation, place }| StagingMessage {
            position: (&id.position).into(),
            view: id.view,
            generation: *generation,
            place: place.clone(),
        });
        let Self { generation, next_generation, .. } = *self;
        PointerMessage { generation, next_generation, staging }.encode_raw(out);
    }
}

impl Row for Pointer {
    fn read(_name: &[u8], body: &[u8]) -> Option<Self> {
        let PointerMessage { generation, next_generation, staging } = PointerMessage::decode(body).ok()?;
        let staging = staging.map(|StagingMessage { position, view, generation, place }| Staging {
            id: SnapshotId { position: position.into(), view },
            generation,
            place,
        });
        Some(Self { generation, next_generation, staging })
    }
}

impl Value for Heap {
    const TABLE: Table = Table::Garbage;

    fn bytes(&self) -> usize {
        24 + self.place.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        HeapMessage { through: self.through, place: self.place.clone() }.encode_raw(out);
    }
}

impl Row for Heap {
    fn read(_name: &[u8], body: &[u8]) -> Option<Self> {
        let HeapMessage { through, place } = HeapMessage::decode(body).ok()?;
        Some(Self { through, place })
    }
}
