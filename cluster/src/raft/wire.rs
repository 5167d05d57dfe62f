//! What replicas of a group say to each other. Our own messages; ids, votes, entries and members in them are in the
//! encoding that is on disk.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::codec::Malformed;
use crate::shard::{Chunk, Position, SnapshotId};

/// A request of one replica to another of the same group. How it gets there is another's business.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerRequest(pub(super) Request);

/// The reply to a [`PeerRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct PeerReply(pub(super) Reply);

/// What came over a link is no message between replicas.
#[derive(Debug, thiserror::Error)]
#[error("a message between replicas cannot be read: {0}")]
pub struct BadMessage(#[source] Malformed);

impl PeerRequest {
    /// As it goes over a link.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        RequestEnvelope { request: Some(self.0.clone()) }.encode_to_vec().into()
    }

    /// What came over a link.
    ///
    /// # Errors
    /// When the bytes are no request, or one that this version does not know.
    pub fn decode(bytes: Bytes) -> Result<Self, BadMessage> {
        let envelope = RequestEnvelope::decode(bytes).map_err(|error| BadMessage(error.into()))?;
        envelope.request.map(Self).ok_or(BadMessage(Malformed::Field { field: "request" }))
    }

    /// Whether it belongs on a link of its own, which may be slow without anybody being elected for it.
    #[must_use]
    pub fn is_bulk(&self) -> bool {
        matches!(self.0, Request::Offer(_) | Request::Piece(_) | Request::Finish(_))
    }
}

impl PeerReply {
    /// The group does not run here.
    pub(super) fn unable() -> Self {
        Self(Reply::Unable(Unable {}))
    }

    /// As it goes over a link.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        ReplyEnvelope { reply: Some(self.0.clone()) }.encode_to_vec().into()
    }

    /// What came over a link.
    ///
    /// # Errors
    /// When the bytes are no reply, or one that this version does not know.
    pub fn decode(bytes: Bytes) -> Result<Self, BadMessage> {
        let envelope = ReplyEnvelope::decode(bytes).map_err(|error| BadMessage(error.into()))?;
        envelope.reply.map(Self).ok_or(BadMessage(Malformed::Field { field: "reply" }))
    }
}

#[derive(Clone, PartialEq, Message)]
struct RequestEnvelope {
    #[prost(oneof = "Request", tags = "1, 2, 3, 4, 5, 6, 7")]
    request: Option<Request>,
}

#[derive(Clone, PartialEq, Message)]
struct ReplyEnvelope {
    #[prost(oneof = "Reply", tags = "1, 2, 3, 4, 5, 6")]
    reply: Option<Reply>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Request {
    #[prost(message, tag = "1")]
    Append(Append),
    #[prost(message, tag = "2")]
    Vote(Ballot),
    #[prost(message, tag = "3")]
    PreVote(Ballot),
    #[prost(message, tag = "4")]
    Transfer(Transfer),
    #[prost(message, tag = "5")]
    Offer(Offer),
    #[prost(message, tag = "6")]
    Piece(Piece),
    #[prost(message, tag = "7")]
    Finish(Offer),
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Reply {
    /// The group does not run here.
    #[prost(message, tag = "1")]
    Unable(Unable),
    #[prost(message, tag = "2")]
    Appended(Outcome),
    #[prost(message, tag = "3")]
    Voted(Voted),
    #[prost(message, tag = "4")]
    Transferred(Outcome),
    /// To an offer and to each piece.
    #[prost(message, tag = "5")]
    Standing(Standing),
    #[prost(message, tag = "6")]
    Finished(Finished),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Unable {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Append {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) vote: Bytes,
    /// The entry before the first of these; none before the first of all.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) previous: Option<Bytes>,
    /// Each follows the one before it.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) entries: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(super) committed: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Ballot {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) vote: Bytes,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) last: Option<Bytes>,
    /// The leader has asked for it, so its lease does not count.
    #[prost(bool, tag = "3")]
    pub(super) is_transfer: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Voted {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) vote: Bytes,
    #[prost(bool, tag = "2")]
    pub(super) is_granted: bool,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) last: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Transfer {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) from: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) to: u64,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) last: Option<Bytes>,
}

/// How an append or a transfer went, and the vote or log id that belongs to it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Outcome {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) id: Option<Bytes>,
}

/// Kinds of [`Outcome`]; 0 is nothing that is said.
pub(super) mod outcome {
    pub(in crate::raft) const DONE: u32 = 1;
    /// Up to a log id, or nothing.
    pub(in crate::raft) const PARTLY: u32 = 2;
    /// The entry before the first is not there.
    pub(in crate::raft) const CONFLICT: u32 = 3;
    /// There is a higher vote.
    pub(in crate::raft) const VOTE: u32 = 4;
    /// The log is durable up to a log id only, or nothing.
    pub(in crate::raft) const BEHIND: u32 = 5;
}

/// Which snapshot is meant: in an offer, and when the last piece was sent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Offer {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) vote: Bytes,
    #[prost(message, required, tag = "2")]
    pub(super) snapshot: Which,
}

/// A snapshot's id.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Which {
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
    #[prost(uint64, tag = "6")]
    view: u64,
}

impl From<&SnapshotId> for Which {
    fn from(id: &SnapshotId) -> Self {
        let Position { index, term, leader, shard_ms, membership } = id.position.clone();
        Self { index, term, leader, shard_ms, membership, view: id.view }
    }
}

impl From<Which> for SnapshotId {
    fn from(which: Which) -> Self {
        let Which { index, term, leader, shard_ms, membership, view } = which;
        Self { position: Position { index, term, leader, shard_ms, membership }, view }
    }
}

/// A chunk of a snapshot, and the place behind which it belongs.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Piece {
    #[prost(message, required, tag = "1")]
    pub(super) snapshot: Which,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) after: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    place: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    bytes: Bytes,
}

impl Piece {
    pub(super) fn new(snapshot: &SnapshotId, after: Bytes, chunk: Chunk) -> Self {
        Self { snapshot: snapshot.into(), after, place: chunk.place, bytes: chunk.bytes }
    }

    pub(super) fn open(self) -> (SnapshotId, Bytes, Chunk) {
        (self.snapshot.into(), self.after, Chunk { place: self.place, bytes: self.bytes })
    }
}

/// Where the receiver of a snapshot stands. Nothing of it: it does not take this snapshot, or not any more.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Standing {
    /// A higher vote: whoever sends does not lead any more.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(super) vote: Option<Bytes>,
    /// It has all of it.
    #[prost(bool, tag = "2")]
    pub(super) has_all: bool,
    /// Behind which place to go on.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) place: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Finished {
    /// The receiver's vote; nothing when it does not have the snapshot.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(super) vote: Option<Bytes>,
}
