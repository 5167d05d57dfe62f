//! How envelopes are written on a connection.

/// How envelopes are written on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Binary frames.
    Protobuf,
    /// Text frames; what a connection without a subprotocol speaks.
    Json,
}

impl Encoding {
    /// Every encoding, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Protobuf, Self::Json];

    /// The WebSocket subprotocol that asks for it.
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Protobuf => "fanfare.v1.protobuf",
            Self::Json => "fanfare.v1.json",
        }
    }

    /// The encoding that a subprotocol asks for.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.subprotocol() == name)
    }
}
