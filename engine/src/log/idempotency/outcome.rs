//! What a publish was answered the first time.

use crate::log::answer::{BadAnswer, Published};
use crate::log::digest::Digest;
use crate::log::refusal::Refusal;
use crate::log::rows::StoredOutcome;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::log) enum Outcome {
    Published { first_offset: u64, count: u32 },
    Refused(Box<Refusal>),
}

impl Outcome {
    pub(super) fn of(result: &Result<Published, Refusal>) -> Option<Self> {
        match result {
            Ok(published) => Some(Self::Published { first_offset: published.first_offset, count: published.count }),
            Err(refusal) if refusal.is_final() => Some(Self::Refused(Box::new(refusal.clone()))),
            Err(_) => None,
        }
    }

    /// The same answer again.
    pub(in crate::log) fn repeat(self, epoch: u64) -> Result<Published, Refusal> {
        match self {
            Self::Published { first_offset, count } => Ok(Published { epoch, first_offset, count, repeated: true }),
            Self::Refused(refusal) => Err(*refusal),
        }
    }

    pub(super) fn to_stored(&self) -> StoredOutcome {
        match self {
            Self::Published { first_offset, count } => {
                StoredOutcome::Published { first_offset: *first_offset, count: *count }
            }
            Self::Refused(refusal) => StoredOutcome::Refused(refusal.encode()),
        }
    }

    pub(super) fn from_stored(stored: StoredOutcome) -> Result<Self, BadAnswer> {
        Ok(match stored {
            StoredOutcome::Published { first_offset, count } => Self::Published { first_offset, count },
            StoredOutcome::Refused(bytes) => Self::Refused(Box::new(Refusal::decode(bytes)?)),
        })
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        match self {
            Self::Published { first_offset, count } => digest.number(*first_offset).number(u64::from(*count)),
            Self::Refused(refusal) => digest.bytes(refusal.to_string().as_bytes()),
        };
    }
}
