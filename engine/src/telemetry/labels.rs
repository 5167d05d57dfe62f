//! Labels and the measures that have one: found without a lock once they were counted.

use std::marker::PhantomData;
use std::sync::OnceLock;

use fanfare_protocol::{Code, Error, MessageType};
use prometheus_client::metrics::family::Family;

/// A label with few values, known when the node is built.
pub trait Label: Copy + 'static {
    /// How many places its values need.
    const COUNT: usize;

    /// Those that are shown before they are counted, so that a first step up is seen as one: all of few, none of many.
    const SHOWN: &'static [Self] = &[];

    /// The place of this value, below `COUNT`.
    fn index(self) -> usize;

    /// As `/metrics` shows it.
    fn text(self) -> &'static str;
}

/// Label and value, as the encoder wants them.
pub(super) type Pair = [(&'static str, &'static str); 1];

/// A measure for each value of a label.
#[derive(Debug)]
pub struct Labelled<L, M> {
    name: &'static str,
    places: Box<[OnceLock<M>]>,
    family: Family<Pair, M>,
    label: PhantomData<fn(L)>,
}

impl<L: Label, M: Clone + Default> Labelled<L, M> {
    pub(super) fn new(name: &'static str) -> Self {
        let places = (0..L::COUNT).map(|_| OnceLock::new()).collect();
        let measures = Self { name, places, family: Family::default(), label: PhantomData };
        for label in L::SHOWN {
            measures.of(*label);
        }
        measures
    }

    /// What is registered: shows what is counted here.
    pub(super) fn family(&self) -> Family<Pair, M> {
        self.family.clone()
    }

    /// The measure of one value.
    pub fn of(&self, label: L) -> &M {
        self.places[label.index()].get_or_init(|| self.family.get_or_create_owned(&[(self.name, label.text())]))
    }
}

/// An enum whose values are the values of a label.
macro_rules! label {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $what:literal])+ $value:ident = $text:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $what])+ $value,)+
        }

        impl Label for $name {
            const COUNT: usize = Self::SHOWN.len();
            const SHOWN: &'static [Self] = &[$(Self::$value),+];

            fn index(self) -> usize {
                self as usize
            }

            fn text(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
}

label! {
    /// How events reach a client.
    Transport {
        /// `/v1/ws`.
        WebSocket = "websocket",
        /// Raw TCP.
        Tcp = "tcp",
        /// `/v1/sse`: a session.
        SseSession = "sse_session",
        /// `text/event-stream`.
        Sse = "sse",
        /// `application/x-ndjson`.
        Ndjson = "ndjson",
        /// One answer per wait.
        LongPoll = "long_poll",
    }
}

label! {
    /// What is compressed.
    Packed {
        /// HTTP answers.
        Http = "http",
        /// Batches of sessions.
        Batches = "batches",
    }
}

label! {
    /// How catching up ended.
    CatchUpOutcome {
        /// At the head: the subscription is live again.
        Live = "live",
        /// The log no longer had what came next.
        Gone = "gone",
        /// The subscription or its connection ended first.
        Closed = "closed",
    }
}

label! {
    /// How a write to a socket ended.
    WriteOutcome {
        /// Everything was taken.
        Complete = "complete",
        /// Some of it was taken.
        Partial = "partial",
        /// Nothing was taken.
        Blocked = "blocked",
        /// The socket is gone.
        Failed = "failed",
    }
}

/// The name of a code, `OTHER` for what the catalogue does not have: codes of later versions, and the close codes of
/// RFC 6455 with which a client leaves by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLabel(Option<Code>);

impl CodeLabel {
    /// Of an error.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        Self(error.known_code())
    }

    /// Of the code of a close frame.
    #[must_use]
    pub fn of_number(number: u16) -> Self {
        Self(Code::from_number(number))
    }
}

impl From<Code> for CodeLabel {
    fn from(code: Code) -> Self {
        Self(Some(code))
    }
}

impl Label for CodeLabel {
    const COUNT: usize = Code::ALL.len() + 1;

    fn index(self) -> usize {
        self.0.map_or(Code::ALL.len(), |code| code as usize)
    }

    fn text(self) -> &'static str {
        self.0.map_or("OTHER", Code::name)
    }
}

/// The highest number of a message type that has a place of its own, with room for later ones.
const MESSAGE_TYPE_MAX: usize = 127;

impl Label for MessageType {
    const COUNT: usize = MESSAGE_TYPE_MAX + 1;

    fn index(self) -> usize {
        (self as usize).min(MESSAGE_TYPE_MAX)
    }

    fn text(self) -> &'static str {
        self.as_str_name().trim_start_matches("MESSAGE_TYPE_")
    }
}
