//! A view: a topic seen through every parameter that changes what is delivered, in one encoding.
//!
//! Subscribers with equal parameters share the view, its number and its encoded frames. This room knows how
//! a view's frames are made, once for all of them; who gets them is the hub's business, when is the topic's.

#[allow(dead_code, reason = "no door takes these parameters yet")]
mod facts;
#[allow(dead_code, reason = "no door takes these parameters yet")]
mod fields;
#[allow(dead_code, reason = "no door takes these parameters yet")]
mod filter;
mod frame;
#[allow(dead_code, reason = "no door takes these parameters yet")]
mod json;
#[allow(dead_code, reason = "no door takes these parameters yet")]
mod merge_patch;

#[allow(unused_imports, reason = "no door takes these parameters yet")]
pub use facts::Facts;
#[allow(unused_imports, reason = "no door takes these parameters yet")]
pub use fields::Fields;
#[allow(unused_imports, reason = "no door takes these parameters yet")]
pub use filter::{CanonicalValue, Filter, Path};
pub use frame::{FRAME_BYTES, Span, encode, encode_state, marker, put_envelope, put_ping, trouble};
#[allow(unused_imports, reason = "no door takes these parameters yet")]
pub use merge_patch::merge_patch;

use fanfare_protocol::{Encoding, TopicName};

use crate::telemetry::Transport;

/// How a view's frames look on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Envelopes of a session.
    Session(SessionWire),
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
            Self::Session(SessionWire::WebSocket(_)) => Transport::WebSocket,
            Self::Session(SessionWire::Tcp) => Transport::Tcp,
            Self::Session(SessionWire::Sse) => Transport::SseSession,
            Self::Sse => Transport::Sse,
            Self::Ndjson => Transport::Ndjson,
            Self::Signal => Transport::LongPoll,
        }
    }
}

/// How the envelopes of a session look on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionWire {
    /// A WebSocket message each.
    WebSocket(Encoding),
    /// A frame of raw TCP each, in protobuf.
    Tcp,
    /// An event of an event stream each, in JSON.
    Sse,
}

impl SessionWire {
    /// How envelopes are written, in both directions.
    #[must_use]
    pub fn encoding(self) -> Encoding {
        match self {
            Self::WebSocket(encoding) => encoding,
            Self::Tcp => Encoding::Protobuf,
            Self::Sse => Encoding::Json,
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
