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
    #[error("{}", anew(*current))]
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

/// What became of the topic that a cursor of another epoch was told of.
fn anew(current: ResourceVersion) -> String {
    if current == ResourceVersion::NONE {
        // One that is `ephemeral` goes with its node, and is not remembered.
        return "the topic was deleted, or was `ephemeral` and lost with its node: it does not exist any more"
            .to_owned();
    }
    format!("the topic's history began anew, it stands at `{current}`")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// V6: where nothing stands there is no new history to be told of.
    #[test]
    fn a_topic_that_was_deleted_is_not_told_to_have_begun_anew() {
        let told = |current| Gap::EpochChanged { current }.to_error("chat:a");
        let deleted = told(ResourceVersion::NONE);
        assert!(deleted.message.starts_with("the topic was deleted"), "{deleted}");
        assert_eq!((deleted.known_code(), deleted.current), (Some(Code::EpochChanged), Some(ResourceVersion::NONE)));
        let anew = told(ResourceVersion::new(7, 3));
        assert_eq!(anew.message, "the topic's history began anew, it stands at `7.3`");
    }
}
