//! Frames of RFC 6455 as a client says and hears them, as cheap as they can be: it masks with zeros, which leaves the payload
//! as it is, and reads what arrived where it lies. It knows no fragments, which the servers that are measured do not send.

use anyhow::{Result, bail};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The last frame of its message.
const FIN: u8 = 0x80;
/// Frames of clients are masked.
const MASKED: u8 = 0x80;

/// A whole frame at the front of what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
    /// Its bytes, head included.
    pub(crate) bytes: usize,
}

/// Appends a message in one frame.
pub(crate) fn put(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    put_parts(opcode, &[payload], out);
}

/// The same of a message in several parts.
pub(crate) fn put_parts(opcode: Opcode, parts: &[&[u8]], out: &mut Vec<u8>) {
    out.push(FIN | opcode as u8);
    match parts.iter().map(|part| part.len()).sum() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        middle @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The frame at the front, once it is there as a whole.
///
/// # Errors
/// When it is none that a server sends to this client.
pub(crate) fn first(input: &[u8]) -> Result<Option<Frame<'_>>> {
    let Some((head, length)) = head(input) else { return Ok(None) };
    let Some(payload) = head.checked_add(length).and_then(|bytes| input.get(head..bytes)) else { return Ok(None) };
    let opcode = match input[0] {
        0x81 => Opcode::Text,
        0x82 => Opcode::Binary,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        other => bail!("the server sent a frame that begins with {other:#04x}, which this client does not know"),
    };
    Ok(Some(Frame { opcode, payload, bytes: head + length }))
}

/// Lengths of a frame's head and of its payload, once they can be known.
fn head(input: &[u8]) -> Option<(usize, usize)> {
    match input.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(*short))),
    }
}
