//! RFC 6455 as a server needs it, on bytes alone: no socket, no clock.
//!
//! Why not the parser of actix-http: it compares a frame's size with the limit only after it has buffered the
//! whole declared frame, and leaves UTF-8, joined fragments and their total size to the caller. Here the header is
//! judged first, so that a lying length costs nothing. Keeps rules L1 to L3 of the protocol's `SPEC.md`.

use bytes::{Buf, Bytes, BytesMut};

/// Fragments that one message may come in. Real clients send a handful; empty ones in a flood would otherwise
/// keep a connection busy for nothing.
pub const FRAGMENTS_MAX: u32 = 1_024;

const OPCODE_CONTINUATION: u8 = 0x0;
const OPCODE_TEXT: u8 = 0x1;
const OPCODE_BINARY: u8 = 0x2;
const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PING: u8 = 0x9;
const OPCODE_PONG: u8 = 0xA;

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A whole message; text is valid UTF-8.
    Message {
        /// Sent as text.
        text: bool,
        /// Its content.
        data: Bytes,
    },
    /// Wants the same bytes back as a pong.
    Ping(Bytes),
    /// A sign of life.
    Pong,
    /// The peer closes, with the code it gave.
    Close(Option<u16>),
}

/// The peer broke RFC 6455 or a limit; nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// Close code 1002.
    #[error("{0}")]
    Protocol(&'static str),
    /// Close code 1007.
    #[error("text is not valid UTF-8")]
    Utf8,
    /// Close code 1009.
    #[error("larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Close code 1008: more fragments than [`FRAGMENTS_MAX`].
    #[error("a message in more than {FRAGMENTS_MAX} fragments")]
    TooManyFragments,
}

impl Breach {
    /// The close code of RFC 6455, section 7.4.1.
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::Utf8 => 1007,
            Self::TooManyFragments => 1008,
            Self::TooLarge { .. } => 1009,
        }
    }
}

#[derive(Debug)]
struct Assembly {
    text: bool,
    data: Vec<u8>,
    fragments: u32,
}

/// Reads frames of one connection and joins fragments.
#[derive(Debug, Default)]
pub struct Reader {
    assembly: Option<Box<Assembly>>,
}

struct Header {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    length: usize,
    size: usize,
}

impl Reader {
    /// The next item that `buf` holds completely, or `None`. `bytes_max` bounds a message, joined.
    ///
    /// # Errors
    /// A [`Breach`]: the connection has to be closed with its code.
    pub fn read(&mut self, buf: &mut BytesMut, bytes_max: usize) -> Result<Option<Inbound>, Breach> {
        loop {
            let Some(header) = self.header(buf, bytes_max)? else { return Ok(None) };
            if buf.len() < header.size + header.length {
                return Ok(None);
            }
            buf.advance(header.size);
            let mut payload = buf.split_to(header.length);
            unmask(&mut payload, header.mask);
            let inbound = match header.opcode {
                OPCODE_PING => Some(Inbound::Ping(payload.freeze())),
                OPCODE_PONG => Some(Inbound::Pong),
                OPCODE_CLOSE => Some(close(&payload)?),
                _ => self.data(&header, payload)?,
            };
            if inbound.is_some() {
                return Ok(inbound);
            }
        }
    }

    fn header(&self, buf: &BytesMut, bytes_max: usize) -> Result<Option<Header>, Breach> {
        let &[first, second, ..] = &buf[..] else { return Ok(None) };
        let opcode = first & 0x0F;
        let fin = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(Breach::Protocol("a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(Breach::Protocol("a client's frame is not masked"));
        }
        let control = match opcode {
            OPCODE_CONTINUATION if self.assembly.is_none() => {
                return Err(Breach::Protocol("a continuation without a beginning"));
            }
            OPCODE_TEXT | OPCODE_BINARY if self.assembly.is_some() => {
                return Err(Breach::Protocol("a new message inside another"));
            }
            OPCODE_CONTINUATION | OPCODE_TEXT | OPCODE_BINARY => false,
            OPCODE_CLOSE | OPCODE_PING | OPCODE_PONG => true,
            _ => return Err(Breach::Protocol("an unknown opcode")),
        };
        if control && (!fin || second & 0x7F > 125) {
            return Err(Breach::Protocol("a control frame that is fragmented or above 125 bytes"));
        }
        let (length, extended) = match second & 0x7F {
            126 => match buf.get(2..4) {
                Some(b) => (u64::from(u16::from_be_bytes([b[0], b[1]])), 2),
                None => return Ok(None),
            },
            127 => match buf.get(2..10).and_then(|b| b.try_into().ok()) {
                Some(b) => (u64::from_be_bytes(b), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let joined = self.assembly.as_ref().filter(|_| !control).map_or(0, |a| a.data.len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length.saturating_add(joined) > bytes_max.max(125) {
            return Err(Breach::TooLarge { bytes_max });
        }
        let at = 2 + extended;
        let Some(mask) = buf.get(at..at + 4).and_then(|m| m.try_into().ok()) else { return Ok(None) };
        Ok(Some(Header { fin, opcode, mask, length, size: at + 4 }))
    }

    fn data(&mut self, header: &Header, payload: BytesMut) -> Result<Option<Inbound>, Breach> {
        let (text, data) = match (self.assembly.take(), header.fin) {
            (None, true) => (header.opcode == OPCODE_TEXT, payload.freeze()),
            (None, false) => {
                let text = header.opcode == OPCODE_TEXT;
                self.assembly = Some(Box::new(Assembly { text, data: payload.to_vec(), fragments: 1 }));
                return Ok(None);
            }
            (Some(mut assembly), fin) => {
                assembly.data.extend_from_slice(&payload);
                assembly.fragments += 1;
                if assembly.fragments > FRAGMENTS_MAX {
                    return Err(Breach::TooManyFragments);
                }
                if !fin {
                    self.assembly = Some(assembly);
                    return Ok(None);
                }
                (assembly.text, Bytes::from(assembly.data))
            }
        };
        if text && std::str::from_utf8(&data).is_err() {
            return Err(Breach::Utf8);
        }
        Ok(Some(Inbound::Message { text, data }))
    }
}

fn close(payload: &[u8]) -> Result<Inbound, Breach> {
    match payload {
        [] => Ok(Inbound::Close(None)),
        [_] => Err(Breach::Protocol("a close frame with half a code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            if !allowed {
                return Err(Breach::Protocol("a close code that may not be sent"));
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(Breach::Utf8);
            }
            Ok(Inbound::Close(Some(code)))
        }
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Writes the header of an unmasked, final frame.
fn put_header(opcode: u8, length: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(length as u8),
        126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Writes one data frame.
pub fn put_message(text: bool, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len() + 10);
    put_header(if text { OPCODE_TEXT } else { OPCODE_BINARY }, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Writes a ping.
pub fn put_ping(out: &mut Vec<u8>) {
    put_header(OPCODE_PING, 0, out);
}

/// Writes the pong to a ping.
pub fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    put_header(OPCODE_PONG, payload.len().min(125), out);
    out.extend_from_slice(&payload[..payload.len().min(125)]);
}

/// Longest reason that a close frame can carry, in bytes.
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

/// Writes a close frame; the reason is cut at a character's boundary.
pub fn put_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let end = reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX.min(reason.len()));
    put_header(OPCODE_CLOSE, 2 + end, out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x11, 0x22, 0x33, 0x44];
        let mut out = vec![first];
        match payload.len() {
            n @ 0..=125 => out.push(0x80 | n as u8),
            n @ 126..=0xFFFF => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        out
    }

    fn read_all(bytes: &[u8]) -> Result<Vec<Inbound>, Breach> {
        let (mut reader, mut buf, mut items) = (Reader::default(), BytesMut::from(bytes), vec![]);
        while let Some(item) = reader.read(&mut buf, 1_000)? {
            items.push(item);
        }
        Ok(items)
    }

    #[test]
    fn fragments_are_joined_around_a_ping() {
        let bytes = [frame(0x01, b"he"), frame(0x89, b"?"), frame(0x00, b"l"), frame(0x80, b"lo")].concat();
        let items = read_all(&bytes).unwrap();
        assert_eq!(items[0], Inbound::Ping(Bytes::from_static(b"?")));
        assert_eq!(items[1], Inbound::Message { text: true, data: Bytes::from_static(b"hello") });
    }

    #[test]
    fn an_announced_length_above_the_limit_is_refused_from_the_header_alone() {
        let header = [0x82, 0x80 | 127, 0, 0, 0, 0, 0x40, 0, 0, 0];
        assert_eq!(read_all(&header), Err(Breach::TooLarge { bytes_max: 1_000 }));
        assert_eq!(
            read_all(&[0x82, 0xFF, 255, 255, 255, 255, 255, 255, 255, 255]),
            Err(Breach::TooLarge { bytes_max: 1_000 })
        );
    }

    #[test]
    fn joined_fragments_count_together_against_the_limit() {
        let bytes = [frame(0x02, &[7; 600]), frame(0x80, &[7; 600])].concat();
        assert_eq!(read_all(&bytes), Err(Breach::TooLarge { bytes_max: 1_000 }));
    }

    #[test]
    fn a_flood_of_empty_fragments_ends() {
        let mut bytes = frame(0x02, b"");
        for _ in 0..FRAGMENTS_MAX {
            bytes.extend(frame(0x00, b""));
        }
        assert_eq!(read_all(&bytes), Err(Breach::TooManyFragments));
    }

    #[test]
    fn breaches_of_the_rfc_have_their_close_codes() {
        let unmasked = [0x81, 0x01, b'x'];
        for (bytes, code) in [
            (unmasked.to_vec(), 1002),
            (frame(0xC1, b"x"), 1002),
            (frame(0x83, b"x"), 1002),
            (frame(0x80, b"x"), 1002),
            (frame(0x09, b"x"), 1002),
            (frame(0x89, &[0; 126]), 1002),
            (frame(0x88, &[3]), 1002),
            (frame(0x88, &[3, 0xED]), 1002),
            (frame(0x88, &[3, 0xE8, 0xFF]), 1007),
            (frame(0x81, &[0xFF]), 1007),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        ] {
            assert_eq!(read_all(&bytes).unwrap_err().close_code(), code, "{bytes:?}");
        }
    }

    #[test]
    fn a_close_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        put_close(4000, &"ü".repeat(100), &mut out);
        assert_eq!(out[1], 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn a_message_survives_any_cut_of_its_bytes(data in prop::collection::vec(any::<u8>(), 0..900), cut in 1usize..50) {
            let bytes = frame(0x82, &data);
            let (mut reader, mut buf, mut items) = (Reader::default(), BytesMut::new(), vec![]);
            for part in bytes.chunks(cut) {
                buf.extend_from_slice(part);
                while let Some(item) = reader.read(&mut buf, 1_000).unwrap() { items.push(item); }
            }
            prop_assert_eq!(items, vec![Inbound::Message { text: false, data: Bytes::from(data) }]);
        }
    }
}
