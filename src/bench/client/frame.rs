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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455, 5.7.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let expected = Frame { opcode: Opcode::Text, payload: b"Hello", bytes: 7 };
        assert_eq!(first(&hello).expect("a frame"), Some(expected));
        let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        assert_eq!(first(&ping).expect("a frame").map(|frame| frame.opcode), Some(Opcode::Ping));
        for (head, length) in [(&[0x82, 0x7e, 0x01, 0x00][..], 256), (&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], 65_536)] {
            let frame = [head, &vec![0; length]].concat();
            let read = first(&frame).expect("a frame").expect("it is whole");
            assert_eq!((read.opcode, read.payload.len(), read.bytes), (Opcode::Binary, length, frame.len()));
            assert_eq!(first(&frame[..frame.len() - 1]).expect("the begin of a frame"), None);
        }
        // A fragment.
        assert!(first(&[0x01, 0x03, 0x48, 0x65, 0x6c]).is_err());
        assert_eq!(first(&[0x81]).expect("the begin of a frame"), None);
    }

    #[test]
    fn a_frame_is_masked_with_zeros_and_tells_its_length_in_as_few_bytes_as_it_can() {
        let head = |length: usize| {
            let mut out = Vec::new();
            put_parts(Opcode::Text, &[&vec![b'x'; length - 1], b"y"], &mut out);
            assert!(out.ends_with(b"y"));
            out[..out.len() - length].to_vec()
        };
        assert_eq!(head(5), [0x81, 0x85, 0, 0, 0, 0]);
        assert_eq!(head(126), [0x81, 0xfe, 0, 126, 0, 0, 0, 0]);
        assert_eq!(head(65_536), [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
}
