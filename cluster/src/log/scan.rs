//! Reads a segment, and tells what power interrupted from what was damaged later.
//!
//! A place of the log that was durable once stays readable, or it is damaged. So the question about a bad place is
//! whether it had been durable, and every record answers it for the places before it: it says how far the log had been
//! synced when it was written. Whatever lies before the greatest such answer was durable. A bad place beyond it is where
//! power went out, and what follows it is no part of the log, though records of it may be whole.
//!
//! What an interrupted write left there stays until it is written over, piece by piece. That it never counts again is
//! the work of the life: an open begins a new one with a mark at the end, and behind that no record of an earlier
//! life is one.
//!
//! What cannot be told: damage to the very last drain, behind which nothing was written. It looks like a write that
//! never ended. A mark, which the log writes when it has nothing else to do, makes that stretch short.

use super::record::{ALIGN_BYTES, HEAD_BYTES, Head, Seed};
use super::segment::{HEADER_BYTES, Header};

/// A segment in memory.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    opening_end: u32,
    seed: Seed,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A record as it was written.
    Record { head: Head, payload: &'a [u8] },
    /// A record whose payload is damaged.
    Damaged { head: Head },
    /// Something was here that cannot be read any more. The next piece begins behind it.
    Hole,
}

/// Where a segment ends whose end nobody wrote down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the next record goes.
    pub(super) end: u32,
    /// Everything before it had been durable; what lies between it and the end may not have been.
    pub(super) synced: u32,
    /// As far as the write can be followed that was interrupted at the end; `end` if none was.
    pub(super) interrupted_end: u32,
    /// The greatest life of any record, that of the interrupted write among them.
    pub(super) life: u64,
}

impl<'a> Scan<'a> {
    /// `bytes` is the segment from its begin, as much as there is of it.
    pub(super) fn new(bytes: &'a [u8], header: &Header) -> Self {
        let seed = Seed::new(header.salt, header.number);
        Self { bytes, opening_end: header.opening_end, seed }
    }

    /// The pieces of a segment of which everything before `durable` had been durable, and where each begins. Ends at the
    /// first bad place behind that, and at `limit`.
    pub(super) fn pieces(&self, durable: u32, limit: u32) -> Pieces<'_, 'a> {
        Pieces { scan: self, durable, limit: limit.min(self.length()), next: HEADER_BYTES as u32, life: 0 }
    }

    /// Finds the end.
    pub(super) fn tail(&self) -> Tail {
        let length = self.length();
        // From the first bad place on every place is looked at: records that are whole may stand anywhere.
        let mut first_bad = HEADER_BYTES as u32;
        let mut synced = self.opening_end.min(length);
        let mut life = 0;
        for (offset, piece) in self.pieces(0, length) {
            let Piece::Record { head, .. } = piece else { break };
            synced = synced.max(head.stamp.synced);
            life = head.stamp.life;
            first_bad = offset + head.record_bytes() as u32;
        }
        let mut last = None;
        let mut next = first_bad;
        let mut greatest_life = life;
        while let Some((offset, head)) = self.next_head(next, length, life) {
            synced = synced.max(head.stamp.synced);
            greatest_life = greatest_life.max(head.stamp.life);
            last = Some(offset);
            next = offset + ALIGN_BYTES as u32;
        }
        let end = if synced <= first_bad { first_bad } else { self.end_beyond(synced) };
        let interrupted_end =
            last.filter(|last| *last >= end).map_or(end, |last| (last + HEAD_BYTES as u32).min(length));
        Tail { end, synced, interrupted_end, life: greatest_life }
    }

    fn end_beyond(&self, synced: u32) -> u32 {
        let mut end = synced;
        for (offset, piece) in self.pieces(synced, self.length()) {
            let bytes = match piece {
                Piece::Record { head, .. } | Piece::Damaged { head } => head.record_bytes() as u32,
                Piece::Hole => 0,
            };
            end = end.max(offset + bytes);
        }
        end
    }

    fn length(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// The first head at or behind a place that is not of an earlier life.
    fn next_head(&self, from: u32, limit: u32, life: u64) -> Option<(u32, Head)> {
        let mut offset = from as usize;
        while offset + HEAD_BYTES <= limit as usize {
            if offset.is_multiple_of(ZEROS.len()) && self.bytes[offset..].starts_with(&ZEROS) {
                offset += ZEROS.len();
                continue;
            }
            let head = Head::decode(&self.seed, offset as u32, &self.bytes[offset..]);
            if let Some(head) = head.filter(|head| head.stamp.life >= life) {
                return Some((offset as u32, head));
            }
            offset += ALIGN_BYTES;
        }
        None
    }
}

/// A new segment is zeros, and most of a young log: those are passed over in blocks.
static ZEROS: [u8; 4096] = [0; 4096];

/// See [`Scan::pieces`].
#[derive(Debug)]
pub(super) struct Pieces<'s, 'a> {
    scan: &'s Scan<'a>,
    durable: u32,
    limit: u32,
    next: u32,
    life: u64,
}

impl<'a> Iterator for Pieces<'_, 'a> {
    type Item = (u32, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.next;
        if offset >= self.limit {
            return None;
        }
        let bytes = &self.scan.bytes[offset as usize..self.limit as usize];
        let head = Head::decode(&self.scan.seed, offset, bytes)
            .filter(|head| head.record_bytes() <= bytes.len() && head.stamp.life >= self.life);
        let payload = head.and_then(|head| head.payload(bytes));
        let piece = match (head, payload) {
            (Some(head), Some(payload)) => Piece::Record { head, payload },
            _ if offset >= self.durable => return None,
            (Some(head), None) => Piece::Damaged { head },
            (None, _) => Piece::Hole,
        };
        self.next = match head {
            Some(head) => offset + head.record_bytes() as u32,
            // A record begins behind the opening, and where the log had been synced to, whatever can be read before.
            None => {
                let opening_end = self.scan.opening_end.min(self.durable);
                let boundary = if offset < opening_end { opening_end } else { self.durable };
                let next = self.scan.next_head(offset + ALIGN_BYTES as u32, boundary.min(self.limit), self.life);
                next.map_or(boundary, |(next, _)| next)
            }
        };
        self.life = head.map_or(self.life, |head| head.stamp.life);
        Some((offset, piece))
    }
}

#[cfg(test)]
mod tests;
