//! Why a namespace is not declared as wished, and the one place where that becomes an error of the wire. A core.

use fanfare_protocol::{Code, Error, TopicName};

use crate::config::Contradiction;
use crate::log::{Kind, MOVING_RETRY_MS, Policy};

/// What whoever loses against others all the time is told to wait.
const CONTESTED_RETRY_MS: u64 = 500;

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Values that do not fit together, or stand for nothing.
    #[error("{0}")]
    Contradiction(Contradiction),
    /// Topics are what their kind makes of them.
    #[error(
        "the namespace `{name}` is of kind `{}` and cannot become `{}`: the kind of a namespace is fixed, declare another one",
        kind.as_str(), wanted.as_str()
    )]
    KindIsFixed {
        /// Which.
        name: String,
        /// What it is.
        kind: Kind,
        /// What it was to be.
        wanted: Kind,
    },
    /// It was not declared, and has topics of the kind that `default` gave them.
    #[error(
        "the namespace `{}` has topics of kind `{}`, given by `default`: delete `{topic}` and the others first, or declare that kind",
        topic.namespace(), kind.as_str()
    )]
    TopicsInTheWay {
        /// One of them.
        topic: TopicName,
        /// Theirs.
        kind: Kind,
    },
    /// As many as there may be.
    #[error("{max} namespaces are declared, as many as may be: let topics share one")]
    TooMany {
        /// How many.
        max: usize,
    },
    /// Others changed it again and again meanwhile.
    #[error("the namespace `{name}` is being changed by others, retry")]
    Contested {
        /// Which.
        name: String,
    },
    /// It is declared, but not every shard follows it yet.
    #[error("the namespace `{name}` is declared, but not all shards follow it yet: that goes on by itself, ask again")]
    Unsettled {
        /// Which.
        name: String,
    },
}

impl Refusal {
    /// The error that a client sees.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let error = |code| Error::of(code).with_message(self.to_string());
        match self {
            Self::Contradiction(contradiction) => {
                let key = contradiction.keys().into_iter().next().unwrap_or_default();
                let key = key.rsplit('.').next().unwrap_or_default();
                error(Code::BadParameter).with_parameter(key)
            }
            Self::KindIsFixed { .. } | Self::TopicsInTheWay { .. } => error(Code::BadParameter).with_parameter("kind"),
            Self::TooMany { .. } => error(Code::BadParameter).with_parameter("name"),
            Self::Contested { .. } => error(Code::Overloaded).with_retry_after_ms(CONTESTED_RETRY_MS),
            Self::Unsettled { .. } => error(Code::RequestTimeout),
        }
    }
}

/// Whether the door takes publications under a policy at all. The shards refuse them too, for those on their way.
///
/// # Errors
/// `OVERLOADED` while the namespace moves to another durability.
pub fn takes_publications(policy: &Policy) -> Result<(), Error> {
    if policy.moving_to.is_none() {
        return Ok(());
    }
    let message = format!("the namespace `{}` changes its durability, retry in {MOVING_RETRY_MS} ms", policy.name);
    Err(Error::of(Code::Overloaded).with_message(message).with_retry_after_ms(MOVING_RETRY_MS))
}
