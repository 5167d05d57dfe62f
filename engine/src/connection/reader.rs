//! The bytes of a socket, cut into what the peer says: in the way of its transport, and pure.

use bytes::{Bytes, BytesMut};
use fanfare_protocol::frame::{Decoder, FrameError};
use fanfare_protocol::{Code, Error};

use super::websocket;
use crate::view::SessionWire;

/// What arrived.
#[derive(Debug)]
pub(super) enum Inbound {
    /// By WebSocket.
    WebSocket(websocket::Inbound),
    /// An envelope by raw TCP.
    Envelope(Bytes),
    /// The lines of a POST, an envelope each.
    Lines(Bytes),
}

/// The peer broke a rule of its transport; nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    WebSocket(websocket::Breach),
    Frame(FrameError),
}

impl Breach {
    /// What the peer is told.
    pub(super) fn error(self) -> Error {
        let breach = match self {
            Self::WebSocket(breach) => breach,
            Self::Frame(error) => return error.into(),
        };
        let code = match breach {
            websocket::Breach::TooLarge { .. } => Code::FrameTooLarge,
            websocket::Breach::Utf8 => Code::Malformed,
            websocket::Breach::Protocol(_) | websocket::Breach::TooManyFragments => Code::ProtocolViolation,
        };
        Error::of(code).with_message(breach.to_string())
    }

    /// The number that its connection is closed with.
    pub(super) fn close_code(self) -> u16 {
        match self {
            Self::WebSocket(breach) => breach.close_code(),
            Self::Frame(error) => error.code().number(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) enum Reader {
    WebSocket(websocket::Reader),
    Tcp,
}

impl Reader {
    /// The reader of a socket. What comes over other transports is not cut here.
    pub(super) fn new(wire: SessionWire) -> Self {
        match wire {
            SessionWire::WebSocket(_) => Self::WebSocket(websocket::Reader::default()),
            SessionWire::Tcp | SessionWire::Sse => Self::Tcp,
        }
    }

    /// The next item that `buf` holds completely, or `None`. `bytes_max` bounds a message or an envelope.
    pub(super) fn read(&mut self, buf: &mut BytesMut, bytes_max: usize) -> Result<Option<Inbound>, Breach> {
        match self {
            Self::WebSocket(reader) => {
                let item = reader.read(buf, bytes_max).map_err(Breach::WebSocket)?;
                Ok(item.map(Inbound::WebSocket))
            }
            Self::Tcp => {
                let envelope = Decoder::new(bytes_max).decode(buf).map_err(Breach::Frame)?;
                Ok(envelope.map(Inbound::Envelope))
            }
        }
    }

    /// The stream has ended, with `rest` unread. A WebSocket ends by its close frame and owes nothing here.
    pub(super) fn finish(&self, rest: &BytesMut) -> Result<(), Breach> {
        match self {
            Self::WebSocket(_) => Ok(()),
            Self::Tcp => Decoder::new(0).finish(rest).map_err(Breach::Frame),
        }
    }
}
