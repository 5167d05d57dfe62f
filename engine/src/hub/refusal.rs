//! What the hub refuses, and as which error a client sees it.

use fanfare_protocol::{Code, Error};

/// Why a view could not be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// This outlet follows it already, under this number.
    #[error("view {0} is the same and already open")]
    Already(u32),
    /// The node has so many views, which is as many as it may.
    #[error("the node has {0} views, as many as it may (`delivery.views_max`): try again later")]
    TooManyViews(usize),
    /// The topic did not answer.
    #[error("the topic does not answer: try again later")]
    Unavailable,
}

impl From<SubscribeError> for Error {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Already(_) => Self::of(Code::AlreadySubscribed).with_message(error.to_string()),
            SubscribeError::TooManyViews(_) | SubscribeError::Unavailable => {
                Self::of(Code::Unavailable).with_message(error.to_string())
            }
        }
    }
}
