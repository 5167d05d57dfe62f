//! The bytes of a backup: a header, then frames. Integers are little-endian.
//!
//! The header is `magic (8) | format u32 | checksum u32`, the lower half of the XXH3 of what is before it. A frame is `length u32 | checksum u64 | body`; the
//! checksum (XXH3) is of the frame's number, counted from 0, of its length and of its body, so that a frame that is
//! damaged, missing, doubled or in another's place is found where it stands. Nothing is allocated because of a length:
//! only bytes that came are kept.

use bytes::{Buf, Bytes, BytesMut};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::fault::BadBackup;

/// The format that this version writes, and the last one that it reads.
pub(super) const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"FANFBACK";
pub(super) const HEADER_BYTES: usize = 16;
const HEAD_BYTES: usize = 12;

/// The longest body: 64 MiB. Chunks have a quarter of a megabyte and one more row, namespaces some 1.3 MiB; this bounds
/// what a damaged length makes a reader keep.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn header() -> Bytes {
    let head = [&MAGIC[..], &FORMAT.to_le_bytes()].concat();
    [&head[..], &header_sum(&head).to_le_bytes()].concat().into()
}

fn header_sum(head: &[u8]) -> u32 {
    xxh3_64(head) as u32
}

/// The frame of that number around a body.
pub(super) fn frame(number: u64, body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEAD_BYTES + body.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&sum(number, length, body).to_le_bytes());
    frame.extend_from_slice(body);
    frame.into()
}

fn sum(number: u64, length: u32, body: &[u8]) -> u64 {
    let mut sum = Xxh3::new();
    sum.update(&number.to_le_bytes());
    sum.update(&length.to_le_bytes());
    sum.update(body);
    sum.digest()
}

/// Cuts bytes that come in any pieces into frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: BytesMut,
    has_header: bool,
    /// Of the next frame.
    number: u64,
    /// Where it begins.
    offset: u64,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that came.
    pub(super) fn bytes(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }

    /// The body of the next frame, and all of its bytes; `None` until they have come.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, BadBackup> {
        if !self.has_header && !self.header()? {
            return Ok(None);
        }
        let Some((head, rest)) = self.buffer.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [l0, l1, l2, l3, expected @ ..] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length as usize > BODY_BYTES_MAX {
            return Err(self.damaged("no part is that long"));
        }
        let Some(body) = rest.get(..length as usize) else { return Ok(None) };
        if sum(self.number, length, body) != u64::from_le_bytes(expected) {
            return Err(self.damaged("a part does not have its checksum"));
        }
        let bytes = HEAD_BYTES + length as usize;
        let frame = self.buffer.split_to(bytes).freeze();
        self.offset += bytes as u64;
        self.number += 1;
        Ok(Some(frame.slice(HEAD_BYTES..)))
    }

    /// Whether the header has come.
    fn header(&mut self) -> Result<bool, BadBackup> {
        let known = self.buffer.len().min(MAGIC.len());
        if self.buffer[..known] != MAGIC[..known] {
            return Err(BadBackup::Foreign);
        }
        let Some(header) = self.buffer.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
        let [.., f0, f1, f2, f3, s0, s1, s2, s3] = *header;
        // Before the format: a flipped bit must not send anyone for a newer version.
        if header_sum(&header[..HEADER_BYTES - 4]) != u32::from_le_bytes([s0, s1, s2, s3]) {
            return Err(self.damaged("its header does not have its checksum"));
        }
        let format = u32::from_le_bytes([f0, f1, f2, f3]);
        if format > FORMAT {
            return Err(BadBackup::Newer { found: format });
        }
        self.buffer.advance(HEADER_BYTES);
        self.offset = HEADER_BYTES as u64;
        self.has_header = true;
        Ok(true)
    }

    pub(super) fn damaged(&self, what: &'static str) -> BadBackup {
        BadBackup::Damaged { offset: self.offset, what }
    }
}
