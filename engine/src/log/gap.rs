//! A cursor that cannot be continued: expected, told in so many words, never papered over (`SPEC.md`, V).

use fanfare_protocol::{Code, Error, ResourceVersion};

/// What a cursor in the future is told to wait before it is repeated: it is likely a replica or a client a moment ahead.
const VERSION_AHEAD_RETRY_MS: u64 = 1_000;

/// Why a topic cannot be read from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// What follows the cursor is no longer retained.
    #[error("the publications after this version are no longer retained, the oldest that can be resumed is `{oldest}`")]
    Gone {
        /// The oldest cursor that can be resumed.
        oldest: ResourceVersion,
    },
    /// The cursor belongs to another life of the topic.
    #[error("the topic's history began anew, it stands at `{current}`")]
    EpochChanged {
        /// Its head, `0.0` when it does not exist any more.
        current: ResourceVersion,
    },
    /// The cursor is of this epoch, but the topic has not come so far.
    #[error("the topic has not reached this version, it stands at `{current}`")]
    Ahead {
        /// Its head.
        current: ResourceVersion,
    },
}

impl Gap {
    /// The error that a client sees where the gap is not answered by a snapshot or by waiting.
    #[must_use]
    pub fn to_error(self, topic: &str) -> Error {
        let error = |code| Error::of(code).with_topic(topic).with_message(self.to_string());
        match self {
            Self::Gone { oldest } => error(Code::Gone).with_oldest(oldest),
            Self::EpochChanged { current } => error(Code::EpochChanged).with_current(current),
            Self::Ahead { current } => {
                error(Code::VersionAhead).with_current(current).with_retry_after_ms(VERSION_AHEAD_RETRY_MS)
            }
        }
    }
}
