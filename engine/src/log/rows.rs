//! What a shard stores: one row per topic and per thing that a topic holds, so that a window of a second writes what
//! changed and nothing else. How a row looks on disk, and which share one there, is the store's business; what is in it is
//! decided here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::Position;
use fanfare_protocol::{Event, TopicName};

/// Of a whole shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardRow {
    /// Where the state stands in the shard's log.
    pub position: Position,
    /// Shard time of the last entry, in milliseconds.
    pub now_ms: u64,
    /// The number of the next topic that is created.
    pub next_number: u64,
    /// The policies that are in force, as the command that set them carried them; empty before the first.
    pub policies: Bytes,
    /// What the topics of each namespace take, by the name of the policy that covers them.
    pub usage: BTreeMap<String, Usage>,
}

/// What topics take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// How many there are.
    pub topics: u64,
    /// Bytes of their histories and folds, as retention counts them.
    pub bytes: u64,
}

/// Of a topic, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRow {
    /// What its other rows are found by: unlike the name never used again, so that what a deleted topic leaves behind
    /// can be cleared away in peace.
    pub number: u64,
    /// Never 0.
    pub epoch: u64,
    /// Offset of the last publication.
    pub head: u64,
    /// The oldest offset that can be resumed from.
    pub floor: u64,
    /// Publications retained.
    pub history_count: u64,
    /// Their bytes.
    pub history_bytes: u64,
    /// When the oldest of them was appended.
    pub oldest_ms: Option<u64>,
    /// How many of them have a `ttl`.
    pub leaving_count: u64,
    /// Up to when what was due has happened.
    pub settled_ms: u64,
    /// Live keys of a `state` topic.
    pub keys_count: u64,
    /// Their bytes.
    pub fold_bytes: u64,
    /// Idempotency keys and producers that are remembered.
    pub known_count: u64,
    /// When one of them was last used.
    pub known_ms: u64,
    /// Where the topic stands in the shard's queue of deadlines.
    pub due_ms: Option<u64>,
    /// Its kind: fixed for its life.
    pub kind: super::Kind,
    /// The policy that counts it: the one that covered it when it was created. Another namespace may have been declared
    /// since, and what was never added must not be taken away.
    pub counted_by: Arc<str>,
}

/// A retained publication, under its topic's number and its offset. The event's own version is not trusted when it is
/// read back: its epoch is the topic's, its offset the key's, so that a restored topic begins a new epoch by one row.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRow {
    /// Its version.
    pub offset: u64,
    /// What watchers get.
    pub event: Arc<Event>,
    /// What it counts for.
    pub bytes: u64,
    /// Shard time of the append.
    pub appended_ms: u64,
    /// When it leaves by its own `ttl`.
    pub leaves_ms: Option<u64>,
}

/// The latest put of a live key, under its topic's number and the key.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldRow {
    /// The version of the put.
    pub offset: u64,
    /// The put; it carries the key.
    pub event: Arc<Event>,
    /// What it counts for.
    pub bytes: u64,
    /// When the key ends by its own `ttl`.
    pub expires_ms: Option<u64>,
}

/// An idempotency key, under its topic's number and its scoped text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The scoped text.
    pub name: Arc<str>,
    /// Of the body.
    pub hash: u128,
    /// The first version that it got.
    pub first_offset: u64,
    /// How many.
    pub count: u32,
    /// When it is forgotten.
    pub ends_ms: u64,
}

/// Results of a producer for one run of [`BLOCK_SEQUENCES`] sequences, under its topic's number, its scoped id and the
/// block's number (`sequence / BLOCK_SEQUENCES`). In blocks, because a row for each would double the writes of a publish
/// and one row for all would write 256 results for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    /// The scoped id of the producer.
    pub producer: Arc<str>,
    /// Which block.
    pub block: u64,
    /// When the producer was last heard, at the time when this row was written: the greatest of its blocks counts.
    pub heard_ms: u64,
    /// The sequence of the first result.
    pub first_sequence: u64,
    /// Body hash and result of each, without a gap.
    pub results: Vec<(u128, StoredOutcome)>,
}

/// Sequences of one [`BlockRow`].
pub const BLOCK_SEQUENCES: u64 = 32;

/// What a publish was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredOutcome {
    /// It got versions.
    Published {
        /// The first.
        first_offset: u64,
        /// How many.
        count: u32,
    },
    /// It was refused for good; the refusal in the encoding of [`super::Answer`].
    Refused(Bytes),
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A topic is as said.
    Topic(TopicName, TopicRow),
    /// There is no topic of that name any more.
    TopicGone(TopicName),
    /// All rows under this number can go, in any later window.
    Dead(u64),
    /// A publication of the topic of that number.
    Item(u64, ItemRow),
    /// The publications of the topic of that number with offsets after the second number, up to and including the third,
    /// are forgotten.
    ItemsGone(u64, u64, u64),
    /// A live key.
    Fold(u64, FoldRow),
    /// A key is no more.
    FoldGone(u64, Box<str>),
    /// An idempotency key.
    Key(u64, KeyRow),
    /// One was forgotten.
    KeyGone(u64, Arc<str>),
    /// Results of a producer.
    Block(u64, BlockRow),
    /// A block of the producer is no longer needed.
    BlockGone(u64, Arc<str>, u64),
    /// The topic becomes due at that shard time.
    Due(u64, TopicName),
    /// It does not any more.
    DueGone(u64, TopicName),
}

/// What changed in a shard since the last window: stored whole or not at all. No row is in it twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Counts the windows of this process from 1.
    pub number: u64,
    /// The shard at the window's end.
    pub shard: ShardRow,
    /// In no particular order.
    pub changes: Vec<Change>,
}
