//! Writes a segment page by page, so that nothing has to be read for it, and nothing to be copied into the system's memory.
//!
//! A write begins with the page that the one before ended in, and zeros stand from its end to the end of a page. So it covers
//! whole pages, from an address in memory that is one too, and can go to the disk as it is. To touch pages of the system's
//! cache that are not in use yet costs more than all else that a write costs: on a virtual machine up to 2 ms for a MiB.
//!
//! The page at the end is written again and again, with what is durable in it already. Whichever version of a sector power
//! leaves, those bytes are the same in all of them; a cached file is written back in whole pages too.

use std::io;

use super::disk::{DiskFile, read_full_at, write_all_at, write_through_all_at};

/// A page: what file systems and disks write as a whole, all common ones.
pub(super) const PAGE_BYTES: usize = 4096;
/// Bytes of one write: 1 MiB. Larger ones are no faster, and this much stays in the processor's cache.
const WRITE_BYTES: usize = 1024 * 1024;

/// The way to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the system's memory: fast if nobody waits for a sync.
    Cached,
    /// Past it, where that can be.
    Direct,
}

/// Where a segment is written on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) offset: u32,
    /// What stands before it in its page.
    page: Vec<u8>,
}

impl End {
    /// A place in a file whose bytes before it are there already.
    pub(super) fn read(file: &dyn DiskFile, offset: u32) -> io::Result<Self> {
        let mut page = vec![0; offset as usize % PAGE_BYTES];
        let start = u64::from(offset) - page.len() as u64;
        if read_full_at(file, &mut page, start)? < page.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { offset, page })
    }
}

/// The pages of one write.
#[derive(Debug)]
pub(super) struct Pages {
    buffer: AlignedBuffer,
    way: Way,
}

impl Pages {
    pub(super) fn new(way: Way) -> Self {
        Self { buffer: AlignedBuffer::zeros(WRITE_BYTES), way }
    }

    /// Writes behind `end`, and moves it; within the first `length` bytes of the file. After an error it stands where it did.
    pub(super) fn write(&mut self, file: &dyn DiskFile, end: &mut End, bytes: &[u8], length: u64) -> io::Result<()> {
        let End { offset, mut page } = end.clone();
        let mut start = u64::from(offset) - page.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let buffer = self.buffer.bytes();
            let (now, later) = rest.split_at(rest.len().min(buffer.len() - page.len()));
            let filled = page.len() + now.len();
            let room = usize::try_from(length.saturating_sub(start)).unwrap_or(usize::MAX);
            let padded = filled.next_multiple_of(PAGE_BYTES).min(room).max(filled);
            buffer[..page.len()].copy_from_slice(&page);
            buffer[page.len()..filled].copy_from_slice(now);
            buffer[filled..padded].fill(0);
            match self.way {
                Way::Cached => write_all_at(file, &buffer[..padded], start)?,
                Way::Direct => write_through_all_at(file, &buffer[..padded], start)?,
            }
            let whole = filled - filled % PAGE_BYTES;
            page.clear();
            page.extend(&buffer[whole..filled]);
            start += whole as u64;
            rest = later;
        }
        *end = End { offset: offset + bytes.len() as u32, page };
        Ok(())
    }
}

/// Bytes whose address is a multiple of a page.
#[derive(Debug)]
pub(super) struct AlignedBuffer {
    bytes: Vec<u8>,
    begin: usize,
    length: usize,
}

impl AlignedBuffer {
    pub(super) fn zeros(length: usize) -> Self {
        let bytes = vec![0; length + PAGE_BYTES];
        let begin = bytes.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        Self { bytes, begin, length }
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.begin..self.begin + self.length]
    }
}

#[cfg(test)]
mod tests;
