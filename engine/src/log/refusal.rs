//! A no that the caller can act on, and the one place where it becomes an error of the wire.

use fanfare_protocol::limits::{IDEMPOTENCY_KEY_BYTES_MAX, INTEGER_MAX, PUBLICATIONS_MAX};
use fanfare_protocol::{Code, Error, ResourceVersion};

use super::policy::KEY_BYTES_MAX;

/// What publishers are told to wait while their namespace changes its durability: a fraction of a second for some, some
/// seconds for a million topics.
pub const MOVING_RETRY_MS: u64 = 1_000;

/// Why a command changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `ifVersion` is not the current version of the key (`state`) or of the topic.
    #[error("`ifVersion` is not the current version `{current}`: read it, decide, publish again")]
    VersionConflict {
        /// `0.0` when the key or the topic does not exist.
        current: ResourceVersion,
    },
    /// The producer's sequence is neither the next one nor one whose result is stored.
    #[error("the producer's next sequence is {expected}")]
    OutOfSequence {
        /// The one that would be accepted.
        expected: u64,
    },
    /// The idempotency key or producer sequence stored another body.
    #[error("this idempotency key or sequence stored another body: use a new one")]
    IdempotencyMismatch,
    /// As many keys or producers are remembered as may be, and none is forgotten before its time.
    #[error("the topic remembers as many idempotency keys or producers as it may, retry in {retry_after_ms} ms")]
    IdempotencyFull {
        /// When the oldest leaves.
        retry_after_ms: u64,
    },
    /// The topic's kind does not take this publication.
    #[error("{0}")]
    WrongKind(KindFault),
    /// A publication is larger than its namespace allows.
    #[error(
        "a publication of {bytes} bytes is larger than the {bytes_max} that its namespace allows (`publication_bytes_max`)"
    )]
    PublicationTooLarge {
        /// Of data, key and attributes.
        bytes: u64,
        /// `publication_bytes_max`.
        bytes_max: u64,
    },
    /// The fold of a `state` topic has no room for another key or a larger value.
    #[error("the topic may hold {keys_max} keys and {bytes_max} bytes: delete keys first")]
    TopicFull {
        /// `keys_max`.
        keys_max: u64,
        /// `fold_bytes_max`.
        bytes_max: u64,
    },
    /// As many topics exist as the namespace may have.
    #[error("the namespace may have {topics_max} topics (its `topics_max`)")]
    TooManyTopics {
        /// `topics_max`.
        topics_max: u64,
    },
    /// The topic does not exist, and this command does not create one.
    #[error("the topic does not exist")]
    TopicNotFound,
    /// Not a topic name.
    #[error("not a topic name: 1 to 255 bytes of `A-Z a-z 0-9 _ - . : ~ @ {{ }}`")]
    BadTopic,
    /// A part of the request is not what it may be.
    #[error("{0}")]
    BadParameter(Parameter),
    /// Known, but not built yet: topics of the kind `document`.
    #[error("topics of the kind `document` are not supported by this node")]
    NotSupported,
    /// The namespace changes its durability: all its topics end, and none begins before that is done.
    #[error("the namespace changes its durability, retry in {MOVING_RETRY_MS} ms")]
    Moving,
    /// A defect, or a command of a newer node.
    #[error("the command cannot be read by this node")]
    Unreadable,
}

/// How a publication does not fit the kind of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KindFault {
    /// A `state` topic is made of keys.
    #[error("a `state` topic needs a `key` in every publication")]
    KeyMissing,
    /// A `stream` has none.
    #[error("a `stream` takes no `key`, keys belong to `state` topics")]
    KeyNotTaken,
    /// A `stream` forgets by retention and `ttl` only.
    #[error("a `stream` takes no `delete`, it belongs to keys of `state` topics")]
    DeleteNotTaken,
}

/// Which part of a request is not what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Parameter {
    /// Absent without `delete`.
    #[error("a publication needs `data` unless it deletes a key")]
    Data,
    /// Too long or empty.
    #[error("`key` has 1 to {KEY_BYTES_MAX} bytes")]
    Key,
    /// None at all, or too many.
    #[error("`publications` has 1 to {PUBLICATIONS_MAX} of them")]
    Publications,
    /// Too long or empty.
    #[error("`idempotencyKey` has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes")]
    IdempotencyKey,
    /// Its id is too long or empty, or its sequence too great.
    #[error("`producer` has an id of 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes and a sequence below {INTEGER_MAX}")]
    Producer,
}

impl Parameter {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Key => "key",
            Self::Publications => "publications",
            Self::IdempotencyKey => "idempotencyKey",
            Self::Producer => "producer",
        }
    }
}

impl Refusal {
    /// Whether it is the outcome of a producer's sequence, stored and repeated like a version: asking again would
    /// not mend it. Of the others the producer may try the same sequence again.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::VersionConflict { .. }
            | Self::IdempotencyMismatch
            | Self::WrongKind(_)
            | Self::PublicationTooLarge { .. }
            | Self::TopicFull { .. }
            | Self::BadParameter(_) => true,
            Self::OutOfSequence { .. }
            | Self::IdempotencyFull { .. }
            | Self::TooManyTopics { .. }
            | Self::TopicNotFound
            | Self::BadTopic
            | Self::NotSupported
            | Self::Moving
            | Self::Unreadable => false,
        }
    }

    /// The error that a client sees.
    #[must_use]
    pub fn to_error(&self, topic: &str) -> Error {
        let error = |code| Error::of(code).with_topic(topic).with_message(self.to_string());
        match self {
            Self::VersionConflict { current } => error(Code::VersionConflict).with_current(*current),
            Self::OutOfSequence { expected } => error(Code::OutOfSequence).with_expected(*expected),
            Self::IdempotencyMismatch => error(Code::IdempotencyMismatch),
            Self::IdempotencyFull { retry_after_ms } => {
                error(Code::IdempotencyFull).with_retry_after_ms(*retry_after_ms)
            }
            Self::WrongKind(_) => error(Code::WrongKind),
            Self::PublicationTooLarge { .. } | Self::TopicFull { .. } => error(Code::PublicationTooLarge),
            Self::TooManyTopics { .. } => error(Code::TooManyTopics),
            Self::TopicNotFound => error(Code::NotFound),
            Self::BadTopic => error(Code::BadTopic),
            Self::BadParameter(parameter) => error(Code::BadParameter).with_parameter(parameter.name()),
            Self::NotSupported => error(Code::NotSupported),
            Self::Moving => error(Code::Overloaded).with_retry_after_ms(MOVING_RETRY_MS),
            Self::Unreadable => error(Code::Internal),
        }
    }
}
