//! What a frame says. Protobuf: **a number is never reused, a new field is optional, and a changed meaning gets a new
//! format**.

use bytes::Bytes;
use fanfare_cluster::{Position, SnapshotId};
use prost::{Message, Oneof};

/// The body of a frame.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Body {
    #[prost(oneof = "Part", tags = "1, 2, 3, 4, 5, 6")]
    pub(super) part: Option<Part>,
}

/// In the order in which they come.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Part {
    /// What it is a backup of.
    #[prost(message, tag = "1")]
    Begin(Begin),
    /// A shard begins.
    #[prost(message, tag = "2")]
    Shard(Shard),
    /// A piece of the shard that has begun.
    #[prost(message, tag = "3")]
    Piece(Piece),
    /// Behind the last shard: so no shard follows policies that are not there.
    #[prost(message, tag = "4")]
    Namespaces(Namespaces),
    /// It is whole.
    #[prost(message, tag = "5")]
    End(End),
    /// It will never be: in the node's words.
    #[prost(string, tag = "6")]
    GivenUp(String),
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Begin {
    /// Wall-clock time, in milliseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub(super) taken_ms: u64,
    /// Of the program that wrote it, for people.
    #[prost(string, tag = "2")]
    pub(super) version: String,
    /// How many shards the cluster has.
    #[prost(uint32, tag = "3")]
    pub(super) shards: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Shard {
    #[prost(uint32, tag = "1")]
    pub(super) shard: u32,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(uint64, tag = "3")]
    term: u64,
    #[prost(uint64, tag = "4")]
    leader: u64,
    #[prost(uint64, tag = "5")]
    shard_ms: u64,
    #[prost(bytes = "bytes", tag = "6")]
    membership: Bytes,
    #[prost(fixed64, tag = "7")]
    view: u64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Piece {
    /// Whose: that of the shard before it.
    #[prost(uint32, tag = "1")]
    pub(super) shard: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) place: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) bytes: Bytes,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Namespaces {
    /// Of the table.
    #[prost(uint64, tag = "1")]
    pub(super) version: u64,
    #[prost(message, repeated, tag = "2")]
    pub(super) rows: Vec<Namespace>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Namespace {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint64, tag = "2")]
    pub(super) version: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) value: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct End {
    /// Pieces of all shards.
    #[prost(uint64, tag = "1")]
    pub(super) pieces: u64,
    /// Bytes before this frame.
    #[prost(uint64, tag = "2")]
    pub(super) bytes: u64,
    /// XXH3 of the bodies of all frames before this one, 128 bits.
    #[prost(fixed64, tag = "3")]
    pub(super) digest_high: u64,
    #[prost(fixed64, tag = "4")]
    pub(super) digest_low: u64,
}

impl Shard {
    pub(super) fn new(shard: u32, id: &SnapshotId) -> Self {
        let Position { index, term, leader, shard_ms, membership } = id.position.clone();
        Self { shard, index, term, leader, shard_ms, membership, view: id.view }
    }

    pub(super) fn id(&self) -> SnapshotId {
        let Self { shard: _, index, term, leader, shard_ms, membership, view } = self.clone();
        SnapshotId { position: Position { index, term, leader, shard_ms, membership }, view }
    }
}

impl End {
    pub(super) fn new(pieces: u64, bytes: u64, digest: u128) -> Self {
        Self { pieces, bytes, digest_high: (digest >> 64) as u64, digest_low: digest as u64 }
    }
}
