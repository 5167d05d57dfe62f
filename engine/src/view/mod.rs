//! A view: a topic seen through every parameter that changes what is delivered, in one encoding.
//!
//! Subscribers with equal parameters share the view, its number and its encoded frames. This room knows how
//! a view's frames are made, once for all of them; who gets them is the hub's business, when is the topic's.

mod frame;

pub use frame::{FRAME_BYTES, Span, encode, encode_state, marker, put_envelope, trouble};

use fanfare_protocol::{Encoding, TopicName};

use crate::telemetry::Transport;

/// How a view's frames look on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// WebSocket messages of envelopes.
    WebSocket(Encoding),
    /// `text/event-stream`, see the WHATWG HTML standard, section 9.2.
    Sse,
    /// `application/x-ndjson`: an event a line.
    Ndjson,
    /// No bytes at all: the reader only wants to know that the topic moved, and reads the log itself.
    Signal,
}

impl Wire {
    /// Under which transport its deliveries are counted.
    #[must_use]
    pub fn transport(self) -> Transport {
        match self {
            Self::WebSocket(_) => Transport::WebSocket,
            Self::Sse => Transport::Sse,
            Self::Ndjson => Transport::Ndjson,
            Self::Signal => Transport::LongPoll,
        }
    }
}

/// What makes two subscriptions share a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The topic.
    pub topic: TopicName,
    /// Its form on the wire.
    pub wire: Wire,
}
