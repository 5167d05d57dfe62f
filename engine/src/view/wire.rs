//! The forms that the frames of a view can have.

use fanfare_protocol::Encoding;

use crate::compression::Batching;
use crate::telemetry::Transport;

/// How a view's frames look on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Envelopes of a session, the larger batches compressed if its client wants that.
    Session(SessionWire, Option<Batching>),
    /// `text/event-stream`, see the WHATWG HTML standard, section 9.2.
    Sse,
    /// `application/x-ndjson`: an event a line.
    Ndjson,
    /// No bytes at all: the reader only wants to know that the topic moved, and reads the log itself.
    Signal,
}

impl Wire {
    /// Whether it carries the frames of a session, on which a client can also say something.
    #[must_use]
    pub fn is_session(self) -> bool {
        matches!(self, Self::Session(..))
    }

    /// The forms in which one client is told the same. A session may have views from before CONNECT granted it a compression, and
    /// from then on.
    pub fn alike(self) -> impl Iterator<Item = Self> {
        let forms = match self {
            Self::Session(wire, _) => Batching::GRANTED.map(|batching| Some(Self::Session(wire, batching))),
            other => [Some(other), None, None],
        };
        forms.into_iter().flatten()
    }

    /// Under which transport its deliveries are counted.
    #[must_use]
    pub fn transport(self) -> Transport {
        match self {
            Self::Session(SessionWire::WebSocket(_), _) => Transport::WebSocket,
            Self::Session(SessionWire::Tcp, _) => Transport::Tcp,
            Self::Session(SessionWire::Sse, _) => Transport::SseSession,
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
