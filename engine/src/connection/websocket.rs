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
    #[error("a message has at most {bytes_max} bytes (`limits.frame_bytes_max`)")]
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
    /// Of text: how many bytes of it are whole characters. The rest begins one, or is nothing.
    valid_bytes: usize,
    fragments: u32,
}

impl Assembly {
    /// Text is refused with the fragment that makes it invalid, not only at its end.
    fn add(&mut self, payload: &[u8]) -> Result<(), Breach> {
        self.data.extend_from_slice(payload);
        self.fragments += 1;
        if self.fragments > FRAGMENTS_MAX {
            return Err(Breach::TooManyFragments);
        }
        if self.text {
            self.valid_bytes += match std::str::from_utf8(&self.data[self.valid_bytes..]) {
                Ok(text) => text.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => return Err(Breach::Utf8),
            };
        }
        Ok(())
    }

    fn finish(self) -> Result<Inbound, Breach> {
        if self.text && self.valid_bytes < self.data.len() {
            return Err(Breach::Utf8);
        }
        Ok(Inbound::Message { text: self.text, data: Bytes::from(self.data) })
    }
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
        let text = header.opcode == OPCODE_TEXT;
        let mut assembly = match self.assembly.take() {
            Some(assembly) => assembly,
            None if header.fin => {
                if text && std::str::from_utf8(&payload).is_err() {
                    return Err(Breach::Utf8);
                }
                return Ok(Some(Inbound::Message { text, data: payload.freeze() }));
            }
            None => Box::new(Assembly { text, data: Vec::new(), valid_bytes: 0, fragments: 0 }),
        };
        assembly.add(&payload)?;
        if header.fin {
            return assembly.finish().map(Some);
        }
        self.assembly = Some(assembly);
        Ok(None)
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
mod tests;
