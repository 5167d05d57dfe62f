//! What a shard says to a command, in bytes, because the cluster between door and shard knows nothing of topics.
//! Of answers only refusals are stored, as results of producers; the numbers of the others matter only to nodes that
//! talk to each other.

use bytes::Bytes;
use fanfare_protocol::ResourceVersion;
use prost::{Message, Oneof};

use super::refusal::{KindFault, Parameter, Refusal};

/// The answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To a publish.
    Published(Published),
    /// To the deletion of a topic.
    Deleted(Deleted),
    /// To an expiry.
    Expired(Expired),
    /// To other policies: the version that the shard has now.
    PoliciesSet(u64),
    /// Nothing was changed.
    Refused(Refusal),
}

/// The versions that a publish has got: contiguous, in the order of its publications.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Published {
    /// 1.
    #[prost(fixed64, tag = "1")]
    pub epoch: u64,
    /// 2: of the first publication.
    #[prost(uint64, tag = "2")]
    pub first_offset: u64,
    /// 3: how many publications, at least one.
    #[prost(uint32, tag = "3")]
    pub count: u32,
    /// 4: it was stored earlier under the same idempotency key or producer sequence; nothing was appended now.
    #[prost(bool, tag = "4")]
    pub repeated: bool,
}

impl Published {
    /// Of the first publication.
    #[must_use]
    pub fn first(&self) -> ResourceVersion {
        ResourceVersion::new(self.epoch, self.first_offset)
    }

    /// Of each publication, in their order.
    pub fn versions(&self) -> impl ExactSizeIterator<Item = ResourceVersion> {
        let Self { epoch, first_offset, count, .. } = *self;
        (0..count).map(move |n| ResourceVersion::new(epoch, first_offset + u64::from(n)))
    }
}

/// A topic has ended.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Deleted {
    /// 1.
    #[prost(fixed64, tag = "1")]
    pub epoch: u64,
    /// 2: where its head stood.
    #[prost(uint64, tag = "2")]
    pub offset: u64,
}

/// What was due has happened.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Expired {
    /// 1: how many keys were deleted.
    #[prost(uint64, tag = "1")]
    pub keys: u64,
}

/// An answer of a node that speaks otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shard's answer cannot be read")]
pub struct BadAnswer;

impl Answer {
    /// In bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let said = match self {
            Self::Published(published) => Said::Published(*published),
            Self::Deleted(deleted) => Said::Deleted(*deleted),
            Self::Expired(expired) => Said::Expired(*expired),
            Self::PoliciesSet(version) => Said::PoliciesSet(*version),
            Self::Refused(refusal) => Said::Refused(Refused::from(refusal)),
        };
        AnswerMessage { said: Some(said) }.encode_to_vec().into()
    }

    /// From bytes.
    pub fn decode(bytes: Bytes) -> Result<Self, BadAnswer> {
        match AnswerMessage::decode(bytes).map_err(|_| BadAnswer)?.said.ok_or(BadAnswer)? {
            Said::Published(published) => Ok(Self::Published(published)),
            Said::Deleted(deleted) => Ok(Self::Deleted(deleted)),
            Said::Expired(expired) => Ok(Self::Expired(expired)),
            Said::PoliciesSet(version) => Ok(Self::PoliciesSet(version)),
            Said::Refused(refused) => Refusal::try_from(refused).map(Self::Refused),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct AnswerMessage {
    #[prost(oneof = "Said", tags = "1, 2, 3, 4, 5")]
    said: Option<Said>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Said {
    #[prost(message, tag = "1")]
    Published(Published),
    #[prost(message, tag = "2")]
    Deleted(Deleted),
    #[prost(message, tag = "3")]
    Expired(Expired),
    #[prost(message, tag = "4")]
    Refused(Refused),
    #[prost(uint64, tag = "5")]
    PoliciesSet(u64),
}

impl Refusal {
    /// In bytes, as it is stored.
    pub(super) fn encode(&self) -> Bytes {
        Refused::from(self).encode_to_vec().into()
    }

    /// From bytes.
    pub(super) fn decode(bytes: Bytes) -> Result<Self, BadAnswer> {
        Self::try_from(Refused::decode(bytes).map_err(|_| BadAnswer)?)
    }
}

/// All refusals in one message: which, and the two numbers that some of them carry. Those that are final are stored, so
/// **a number is never reused**.
#[derive(Clone, PartialEq, Message)]
struct Refused {
    #[prost(enumeration = "Reason", tag = "1")]
    reason: i32,
    #[prost(message, optional, tag = "2")]
    current: Option<ResourceVersion>,
    #[prost(uint64, tag = "3")]
    number: u64,
    #[prost(uint64, tag = "4")]
    bound: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum Reason {
    Unreadable = 0,
    VersionConflict = 1,
    OutOfSequence = 2,
    IdempotencyMismatch = 3,
    IdempotencyFull = 4,
    KeyMissing = 5,
    KeyNotTaken = 6,
    DeleteNotTaken = 7,
    PublicationTooLarge = 8,
    TopicFull = 9,
    TooManyTopics = 10,
    TopicNotFound = 11,
    BadTopic = 12,
    BadData = 13,
    BadKey = 14,
    BadPublications = 15,
    BadIdempotencyKey = 16,
    BadProducer = 17,
    NotSupported = 18,
    Moving = 19,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let (reason, number, bound) = match *refusal {
            Refusal::Unreadable => (Reason::Unreadable, 0, 0),
            Refusal::VersionConflict { .. } => (Reason::VersionConflict, 0, 0),
            Refusal::OutOfSequence { expected } => (Reason::OutOfSequence, expected, 0),
            Refusal::IdempotencyMismatch => (Reason::IdempotencyMismatch, 0, 0),
            Refusal::IdempotencyFull { retry_after_ms } => (Reason::IdempotencyFull, retry_after_ms, 0),
            Refusal::WrongKind(KindFault::KeyMissing) => (Reason::KeyMissing, 0, 0),
            Refusal::WrongKind(KindFault::KeyNotTaken) => (Reason::KeyNotTaken, 0, 0),
            Refusal::WrongKind(KindFault::DeleteNotTaken) => (Reason::DeleteNotTaken, 0, 0),
            Refusal::PublicationTooLarge { bytes, bytes_max } => (Reason::PublicationTooLarge, bytes, bytes_max),
            Refusal::TopicFull { keys_max, bytes_max } => (Reason::TopicFull, keys_max, bytes_max),
            Refusal::TooManyTopics { topics_max } => (Reason::TooManyTopics, 0, topics_max),
            Refusal::TopicNotFound => (Reason::TopicNotFound, 0, 0),
            Refusal::BadTopic => (Reason::BadTopic, 0, 0),
            Refusal::BadParameter(Parameter::Data) => (Reason::BadData, 0, 0),
            Refusal::BadParameter(Parameter::Key) => (Reason::BadKey, 0, 0),
            Refusal::BadParameter(Parameter::Publications) => (Reason::BadPublications, 0, 0),
            Refusal::BadParameter(Parameter::IdempotencyKey) => (Reason::BadIdempotencyKey, 0, 0),
            Refusal::BadParameter(Parameter::Producer) => (Reason::BadProducer, 0, 0),
            Refusal::NotSupported => (Reason::NotSupported, 0, 0),
            Refusal::Moving => (Reason::Moving, 0, 0),
        };
        let current = match *refusal {
            Refusal::VersionConflict { current } => Some(current),
            _ => None,
        };
        Self { reason: reason.into(), current, number, bound }
    }
}

impl TryFrom<Refused> for Refusal {
    type Error = BadAnswer;

    fn try_from(refused: Refused) -> Result<Self, BadAnswer> {
        let Refused { reason, current, number, bound } = refused;
        Ok(match Reason::try_from(reason).map_err(|_| BadAnswer)? {
            Reason::Unreadable => Self::Unreadable,
            Reason::VersionConflict => Self::VersionConflict { current: current.unwrap_or(ResourceVersion::NONE) },
            Reason::OutOfSequence => Self::OutOfSequence { expected: number },
            Reason::IdempotencyMismatch => Self::IdempotencyMismatch,
            Reason::IdempotencyFull => Self::IdempotencyFull { retry_after_ms: number },
            Reason::KeyMissing => Self::WrongKind(KindFault::KeyMissing),
            Reason::KeyNotTaken => Self::WrongKind(KindFault::KeyNotTaken),
            Reason::DeleteNotTaken => Self::WrongKind(KindFault::DeleteNotTaken),
            Reason::PublicationTooLarge => Self::PublicationTooLarge { bytes: number, bytes_max: bound },
            Reason::TopicFull => Self::TopicFull { keys_max: number, bytes_max: bound },
            Reason::TooManyTopics => Self::TooManyTopics { topics_max: bound },
            Reason::TopicNotFound => Self::TopicNotFound,
            Reason::BadTopic => Self::BadTopic,
            Reason::BadData => Self::BadParameter(Parameter::Data),
            Reason::BadKey => Self::BadParameter(Parameter::Key),
            Reason::BadPublications => Self::BadParameter(Parameter::Publications),
            Reason::BadIdempotencyKey => Self::BadParameter(Parameter::IdempotencyKey),
            Reason::BadProducer => Self::BadParameter(Parameter::Producer),
            Reason::NotSupported => Self::NotSupported,
            Reason::Moving => Self::Moving,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_reads_back_as_itself() {
        let published = Published { epoch: 7, first_offset: 3, count: 2, repeated: true };
        let mut answers = vec![
            Answer::Published(published),
            Answer::Deleted(Deleted { epoch: 7, offset: 9 }),
            Answer::Expired(Expired { keys: 0 }),
        ];
        let refusals = [
            Refusal::Unreadable,
            Refusal::VersionConflict { current: ResourceVersion::new(7, 4) },
            Refusal::VersionConflict { current: ResourceVersion::NONE },
            Refusal::OutOfSequence { expected: 12 },
            Refusal::IdempotencyMismatch,
            Refusal::IdempotencyFull { retry_after_ms: 900 },
            Refusal::WrongKind(KindFault::KeyMissing),
            Refusal::WrongKind(KindFault::KeyNotTaken),
            Refusal::WrongKind(KindFault::DeleteNotTaken),
            Refusal::PublicationTooLarge { bytes: 5, bytes_max: 4 },
            Refusal::TopicFull { keys_max: 1, bytes_max: 2 },
            Refusal::TooManyTopics { topics_max: 3 },
            Refusal::TopicNotFound,
            Refusal::BadTopic,
            Refusal::BadParameter(Parameter::Data),
            Refusal::BadParameter(Parameter::Key),
            Refusal::BadParameter(Parameter::Publications),
            Refusal::BadParameter(Parameter::IdempotencyKey),
            Refusal::BadParameter(Parameter::Producer),
            Refusal::NotSupported,
            Refusal::Moving,
        ];
        for refusal in &refusals {
            assert_eq!(Refusal::decode(refusal.encode()).as_ref(), Ok(refusal));
        }
        answers.extend(refusals.map(Answer::Refused));
        for answer in answers {
            assert_eq!(Answer::decode(answer.encode()), Ok(answer));
        }
    }

    /// They are stored with a producer's results and read back by later versions.
    #[test]
    fn the_bytes_of_a_refusal_stay_what_they_are() {
        let conflict = Refusal::VersionConflict { current: ResourceVersion::new(7, 4) };
        let stored: [(Refusal, &[u8]); 6] = [
            (conflict, b"\x08\x01\x12\x0b\x09\x07\0\0\0\0\0\0\0\x10\x04"),
            (Refusal::IdempotencyMismatch, b"\x08\x03"),
            (Refusal::WrongKind(KindFault::KeyMissing), b"\x08\x05"),
            (Refusal::PublicationTooLarge { bytes: 5, bytes_max: 4 }, b"\x08\x08\x18\x05\x20\x04"),
            (Refusal::TopicFull { keys_max: 1, bytes_max: 2 }, b"\x08\x09\x18\x01\x20\x02"),
            (Refusal::BadParameter(Parameter::Data), b"\x08\x0d"),
        ];
        for (refusal, bytes) in stored {
            assert_eq!(refusal.encode(), bytes, "{refusal}");
        }
    }

    #[test]
    fn a_batch_has_contiguous_versions() {
        let published = Published { epoch: 7, first_offset: 3, count: 3, repeated: false };
        let offsets: Vec<_> = published.versions().map(|version| version.offset).collect();
        assert_eq!(offsets, [3, 4, 5]);
        assert_eq!(published.first().offset, 3);
    }

    #[test]
    fn garbage_is_no_answer() {
        for bytes in [&b""[..], b"\xff", b"\x22\x02\x08\x7f"] {
            assert_eq!(Answer::decode(Bytes::from_static(bytes)), Err(BadAnswer), "{bytes:?}");
        }
    }
}
