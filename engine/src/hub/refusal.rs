//! What the hub refuses, and as which error a client sees it.

use fanfare_protocol::{Code, Error};

/// Why a view could not be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// This outlet follows it already, under this number.
    #[error("view {0} is the same and already open")]
    Already(u32),
    /// The topic did not answer, or the node has as many views as it may.
    #[error(
        "the topic does not answer, or the node has as many views as it may (`delivery.views_max`): try again later"
    )]
    Unavailable,
}

impl From<SubscribeError> for Error {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Already(_) => Self::of(Code::AlreadySubscribed).with_message(error.to_string()),
            SubscribeError::Unavailable => Self::of(Code::Unavailable).with_message(error.to_string()),
        }
    }
}
