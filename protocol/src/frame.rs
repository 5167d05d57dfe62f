//! The frame of raw TCP: `length u32 | crc32 u32 | envelope`, big-endian, length and checksum of the envelope alone. Only cuts and
//! checks bytes; what an envelope says is `codec`'s. Rules: SPEC.md E13 to E16.

use bytes::{Buf, Bytes, BytesMut};

use crate::code::Code;
use crate::wire::Error;

/// Length and checksum.
pub const HEADER_BYTES: usize = 8;

/// Why a stream of frames cannot be read on. Every one closes the connection: the next boundary is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame says that it is longer than frames may be.
    #[error("the frame announces {length} bytes, at most {max} are allowed")]
    TooLarge {
        /// Announced length in bytes.
        length: u32,
        /// Bound in bytes.
        max: usize,
    },
    /// The frame says that it holds nothing: no envelope is empty.
    #[error("the frame is empty")]
    Empty,
    /// The envelope is not the one that was sent.
    #[error("the checksum is {found:08x}, the envelope has {computed:08x}")]
    Checksum {
        /// In the frame.
        found: u32,
        /// Of the bytes that arrived.
        computed: u32,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame, {0} bytes after its beginning")]
    Truncated(usize),
}

impl FrameError {
    /// The code to close with.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::FrameTooLarge,
            Self::Empty | Self::Truncated(_) => Code::Malformed,
            Self::Checksum { .. } => Code::BadChecksum,
        }
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::of(error.code()).with_message(error.to_string())
    }
}

/// Appends the frame of one envelope.
///
/// # Panics
/// When the envelope has 4 GiB or more, which no bound on frames allows.
pub fn encode(envelope: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(envelope.len()).expect("an envelope is shorter than the bound on frames");
    out.reserve(HEADER_BYTES + envelope.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(envelope).to_be_bytes());
    out.extend_from_slice(envelope);
}

/// Appends the frame of one envelope as [`crate::encode`] writes it: behind its length, whose place the frame's own takes.
///
/// # Panics
/// When no length stands before it, or the envelope has 4 GiB or more.
pub fn encode_delimited(envelope: &[u8], out: &mut Vec<u8>) {
    encode(delimited(envelope), out);
}

/// One envelope as [`crate::encode`] writes it, without its length.
///
/// # Panics
/// When no length stands before it.
#[must_use]
pub fn delimited(mut envelope: &[u8]) -> &[u8] {
    let length = prost::decode_length_delimiter(&mut envelope).expect("the codec writes the length first");
    debug_assert_eq!(length, envelope.len(), "one envelope and nothing else");
    envelope
}

/// Cuts envelopes out of a stream of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    frame_bytes_max: usize,
}

impl Decoder {
    /// Refuses envelopes longer than `frame_bytes_max`.
    #[must_use]
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max }
    }

    /// Takes the next whole envelope from the front of `bytes`, or leaves them when more must arrive first. Never reserves
    /// space for what a length announces; the length is judged as soon as it is there.
    ///
    /// # Errors
    /// When the frame is too large, empty or damaged. Nothing is taken then, and the stream cannot be read on.
    pub fn decode(&self, bytes: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return self.judge_partial_header(bytes);
        };
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let length = self.judge_length(u32::from_be_bytes([l0, l1, l2, l3]))?;
        let Some(envelope) = rest.get(..length) else {
            return Ok(None);
        };
        let found = u32::from_be_bytes([c0, c1, c2, c3]);
        let computed = crc32fast::hash(envelope);
        if found != computed {
            return Err(FrameError::Checksum { found, computed });
        }
        bytes.advance(HEADER_BYTES);
        Ok(Some(bytes.split_to(length).freeze()))
    }

    /// To be called when the stream has ended.
    ///
    /// # Errors
    /// When bytes of an unfinished frame are left.
    pub fn finish(&self, bytes: &BytesMut) -> Result<(), FrameError> {
        if bytes.is_empty() { Ok(()) } else { Err(FrameError::Truncated(bytes.len())) }
    }

    fn judge_partial_header(&self, bytes: &BytesMut) -> Result<Option<Bytes>, FrameError> {
        if let Some(length) = bytes.first_chunk::<4>() {
            self.judge_length(u32::from_be_bytes(*length))?;
        }
        Ok(None)
    }

    fn judge_length(&self, length: u32) -> Result<usize, FrameError> {
        let max = self.frame_bytes_max;
        match usize::try_from(length) {
            Ok(0) => Err(FrameError::Empty),
            Ok(bytes) if bytes <= max => Ok(bytes),
            _ => Err(FrameError::TooLarge { length, max }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(envelope: &[u8]) -> BytesMut {
        let mut out = Vec::new();
        encode(envelope, &mut out);
        BytesMut::from(out.as_slice())
    }

    /// E13: the check value of CRC-32 (IEEE) is that of `123456789`.
    #[test]
    fn a_frame_is_length_checksum_and_envelope_in_big_endian() {
        assert_eq!(framed(b"123456789").as_ref(), b"\0\0\0\x09\xcb\xf4\x39\x26123456789");
    }

    /// E7, E13.
    #[test]
    fn the_length_of_the_codec_gives_way_to_that_of_the_frame() {
        let envelope = [b'x'; 300];
        let mut out = Vec::new();
        encode_delimited(&[&[0xAC, 0x02][..], &envelope].concat(), &mut out);
        assert_eq!(out, framed(&envelope));
    }

    /// E13.
    #[test]
    fn frames_are_cut_wherever_the_stream_is_split() {
        let mut stream = framed(b"one");
        stream.extend_from_slice(&framed(b"two"));
        for cut in 0..=stream.len() {
            let decoder = Decoder::new(16);
            let mut bytes = BytesMut::new();
            let mut envelopes = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                bytes.extend_from_slice(part);
                while let Some(envelope) = decoder.decode(&mut bytes).expect("the frames are whole") {
                    envelopes.push(envelope);
                }
            }
            assert_eq!(envelopes, [b"one".as_slice(), b"two"], "cut at {cut}");
            assert_eq!(decoder.finish(&bytes), Ok(()));
        }
    }

    /// E14: judged by the first four bytes, before anything of it is kept.
    #[test]
    fn an_oversize_frame_is_refused_by_its_length_alone() {
        let mut bytes = BytesMut::from([0x40, 0, 0, 0].as_slice());
        let capacity = bytes.capacity();
        let error = Decoder::new(1024).decode(&mut bytes);
        assert_eq!(error, Err(FrameError::TooLarge { length: 1 << 30, max: 1024 }));
        assert_eq!(bytes.capacity(), capacity);
        assert!(Decoder::new(3).decode(&mut framed(b"abc")).is_ok());
        assert!(Decoder::new(2).decode(&mut framed(b"abc")).is_err());
    }

    /// E15.
    #[test]
    fn a_damaged_frame_is_refused() {
        let whole = framed(b"abc");
        for index in 4..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 1;
            let error = Decoder::new(16).decode(&mut bytes).expect_err("one bit differs");
            assert_eq!(error.code(), Code::BadChecksum);
        }
        let zeros = Decoder::new(16).decode(&mut BytesMut::zeroed(8));
        assert_eq!(zeros, Err(FrameError::Empty));
    }

    /// E16.
    #[test]
    fn a_stream_that_ends_inside_a_frame_is_told_from_a_whole_one() {
        let bytes = BytesMut::from(&framed(b"abc")[..10]);
        assert_eq!(Decoder::new(16).finish(&bytes), Err(FrameError::Truncated(10)));
    }
}
