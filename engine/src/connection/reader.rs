//! The bytes of a socket, cut into what the peer says: in the way of its transport, and pure.

use bytes::{Bytes, BytesMut};
use fanfare_protocol::frame::{Decoder, FrameError};
use fanfare_protocol::{Code, Error};

use super::websocket;

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
    /// Of RFC 6455.
    WebSocket(websocket::Breach),
    /// Of raw TCP.
    Frame(FrameError),
}

impl Breach {
    /// What the peer is told.
    pub(super) fn error(self) -> Error {
        let breach = match self {
            Self::WebSocket(breach) => breach,
            Self::Frame(error @ FrameError::TooLarge { .. }) => {
                return Error::of(error.code()).with_message(format!("{error} (`limits.frame_bytes_max`)"));
            }
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
    /// Messages of RFC 6455.
    WebSocket(websocket::Reader),
    /// Frames with a length and a checksum.
    Tcp,
}

impl Reader {
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

#[cfg(test)]
mod tests {
    use fanfare_protocol::frame;

    use super::*;

    fn read(reader: &mut Reader, bytes: &[u8]) -> Result<Option<Inbound>, Breach> {
        reader.read(&mut BytesMut::from(bytes), 100)
    }

    fn code(breach: Breach) -> (Option<Code>, u16) {
        (breach.error().known_code(), breach.close_code())
    }

    /// E13 to E16.
    #[test]
    fn a_frame_of_raw_tcp_is_an_envelope_or_a_breach() {
        let mut out = Vec::new();
        frame::encode(b"abc", &mut out);
        assert!(matches!(read(&mut Reader::Tcp, &out), Ok(Some(Inbound::Envelope(e))) if e == "abc"));
        assert!(matches!(read(&mut Reader::Tcp, &out[..10]), Ok(None)));
        out[8] = b'x';
        let breach = read(&mut Reader::Tcp, &out).unwrap_err();
        assert_eq!(code(breach), (Some(Code::BadChecksum), 3527));
        let breach = Reader::Tcp.finish(&BytesMut::from(&out[..10])).unwrap_err();
        assert_eq!(code(breach), (Some(Code::Malformed), 3500));
        assert_eq!(Reader::Tcp.finish(&BytesMut::new()), Ok(()));
    }

    #[test]
    fn who_says_too_much_at_once_is_told_the_bound_and_its_setting() {
        let websocket = read(&mut Reader::WebSocket(websocket::Reader::default()), &[0x82, 0xFE, 0x10, 0, 0, 0, 0, 0]);
        let tcp = read(&mut Reader::Tcp, &[0, 0, 0, 101, 0, 0, 0, 0]);
        for breach in [websocket.unwrap_err(), tcp.unwrap_err()] {
            let Error { message, .. } = breach.error();
            assert!(message.contains("at most 100 ") && message.contains("`limits.frame_bytes_max`"), "{message}");
        }
    }

    /// S10: what RFC 6455 has a number for is closed with that, and told by ours.
    #[test]
    fn a_breach_of_a_websocket_has_two_codes() {
        let mut reader = Reader::WebSocket(websocket::Reader::default());
        let breach = read(&mut reader, &[0x82, 0xFE, 0x10, 0, 0, 0, 0, 0]).unwrap_err();
        assert_eq!(code(breach), (Some(Code::FrameTooLarge), 1009));
        let breach = read(&mut reader, &[0x83, 0x80, 0, 0, 0, 0]).unwrap_err();
        assert_eq!(code(breach), (Some(Code::ProtocolViolation), 1002));
        assert_eq!(reader.finish(&BytesMut::from(&[0x81][..])), Ok(()));
    }
}
