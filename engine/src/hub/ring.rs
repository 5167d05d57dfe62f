//! The ring of a view: its newest encoded frames on one worker, ready to be written to any socket.
//!
//! This is the send buffer of every subscriber of the view at once: a subscriber is a [`Position`] in it
//! and a delivery is one write of what lies between that position and the head. Frames lie back to back in
//! chunks, so whatever has gathered goes out in one `send`. Nothing is copied or counted per subscriber.
//!
//! Positions always stand between two frames. Bytes are numbered from the beginning of the view's life, and
//! these numbers outlive the bytes: a position whose bytes were evicted is recognised, never misread.
//! Does not know sockets, and does not decide when to evict: its hub sweeps first.

use std::collections::VecDeque;

/// Full size of a chunk. 64 KiB is what one `send` hands to a socket whose buffer is 64 KiB.
const CHUNK_BYTES: usize = 64 * 1024;

/// Size with which a ring's first chunk begins: a view that sends a few frames now and then should not hold 64 KiB.
const CHUNK_BYTES_MIN: usize = 2 * 1024;

/// A place between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes of the view that lie before it, since the view began.
    pub byte: u64,
    /// The offset (of the topic's current epoch) up to which everything lies before it.
    pub offset: u64,
}

/// Where a reader that stands at some offset finds the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The ring continues exactly there.
    At(Position),
    /// It must read the log up to this offset first, then ask again.
    ReadThrough(u64),
    /// It is ahead of the ring: the frames that follow it have not arrived yet.
    Ahead,
}

/// What a write of some bytes from a position led to.
#[derive(Debug, PartialEq, Eq)]
pub struct Advance<'a> {
    /// The boundary behind the last frame of which a byte was written.
    pub position: Position,
    /// The rest of that frame, still to be written before anything else.
    pub remainder: &'a [u8],
}

/// A frame that is held.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The offset of its first event; behind `end` when it has none.
    first: u64,
    /// The position behind it.
    end: Position,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Grows in place: what lies in two pieces takes each subscriber two writes.
    fn put(&mut self, frame: &[u8]) {
        let needed = self.bytes.len() + frame.len();
        if needed > self.bytes.capacity() {
            let grown = self.bytes.capacity().saturating_mul(2).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES).max(needed);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend_from_slice(frame);
    }
}

/// Encoded frames between the slowest reader that counts and the head.
#[derive(Debug)]
pub struct Ring {
    chunks: VecDeque<Chunk>,
    /// The frames that are held, oldest first.
    marks: VecDeque<Mark>,
    /// Before the oldest frame held.
    tail: Position,
    head: Position,
    /// Capacity of all chunks.
    allocated: usize,
}

impl Ring {
    /// An empty ring of a topic whose head is at `offset`.
    #[must_use]
    pub fn new(offset: u64) -> Self {
        let head = Position { byte: 0, offset };
        Self { chunks: VecDeque::new(), marks: VecDeque::new(), tail: head, head, allocated: 0 }
    }

    /// Behind the newest frame.
    #[must_use]
    pub fn head(&self) -> Position {
        self.head
    }

    /// Memory held for frames, in bytes.
    #[must_use]
    pub fn allocated(&self) -> usize {
        self.allocated
    }

    /// Adds one complete frame that brings a reader up to `through`, and whose first event has the offset `first`: a view
    /// that leaves events out is joined by whoever has anything from before it.
    pub fn append(&mut self, frame: &[u8], first: u64, through: u64) {
        let last = self.chunks.back_mut().filter(|chunk| chunk.bytes.len() + frame.len() <= CHUNK_BYTES);
        if let Some(chunk) = last {
            let before = chunk.bytes.capacity();
            chunk.put(frame);
            self.allocated += chunk.bytes.capacity() - before;
        } else {
            // One that follows another will be filled as that was.
            let least = if self.chunks.is_empty() { CHUNK_BYTES_MIN } else { CHUNK_BYTES };
            let mut bytes = Vec::with_capacity(least.max(frame.len()));
            bytes.extend_from_slice(frame);
            self.allocated += bytes.capacity();
            self.chunks.push_back(Chunk { start: self.head.byte, bytes });
        }
        self.head = Position { byte: self.head.byte + frame.len() as u64, offset: through };
        self.marks.push_back(Mark { first, end: self.head });
    }

    /// The bytes from `from` on that lie in one piece: empty at the head, `None` when they were evicted.
    #[must_use]
    pub fn readable(&self, from: Position) -> Option<&[u8]> {
        if from.byte >= self.head.byte {
            return Some(&[]);
        }
        if from.byte < self.tail.byte {
            return None;
        }
        let at = self.chunks.partition_point(|c| c.end() <= from.byte);
        let chunk = self.chunks.get(at)?;
        chunk.bytes.get(usize::try_from(from.byte - chunk.start).ok()?..)
    }

    /// Where a reader stands that wrote `written` of the bytes which [`Ring::readable`] gave for `from`.
    #[must_use]
    pub fn advance(&self, from: Position, written: usize) -> Advance<'_> {
        let reached = from.byte + written as u64;
        if reached == self.head.byte {
            return Advance { position: self.head, remainder: &[] };
        }
        if written == 0 {
            return Advance { position: from, remainder: &[] };
        }
        let at = self.marks.partition_point(|m| m.end.byte < reached);
        let position = self.marks.get(at).map_or(self.head, |mark| mark.end);
        let rest = self.readable(Position { byte: reached, offset: from.offset }).unwrap_or(&[]);
        let missing = usize::try_from(position.byte - reached).unwrap_or(usize::MAX);
        Advance { position, remainder: rest.get(..missing).unwrap_or(rest) }
    }

    /// Where a reader that has everything up to `offset` may join.
    #[must_use]
    pub fn join(&self, offset: u64) -> Join {
        if offset > self.head.offset {
            return Join::Ahead;
        }
        if offset == self.head.offset {
            return Join::At(self.head);
        }
        if offset < self.tail.offset {
            return Join::ReadThrough(self.head.offset);
        }
        if offset == self.tail.offset {
            return Join::At(self.tail);
        }
        let at = self.marks.partition_point(|m| m.end.offset <= offset);
        match self.marks.get(at) {
            Some(mark) if mark.first > offset => Join::At(Position { offset, ..self.start_of(at) }),
            Some(mark) => Join::ReadThrough(mark.end.offset),
            None => Join::ReadThrough(self.head.offset),
        }
    }

    /// Whether a reader who has everything up to the offset of `from`, which is further than the frames before its byte
    /// go, can go on there: what is behind that byte does not begin with anything that it has.
    #[must_use]
    pub fn continues(&self, from: Position) -> bool {
        if from.byte < self.tail.byte {
            return false;
        }
        let at = self.marks.partition_point(|m| m.end.byte <= from.byte);
        self.marks.get(at).is_none_or(|mark| mark.first > from.offset && mark.end.offset >= from.offset)
    }

    fn start_of(&self, mark: usize) -> Position {
        mark.checked_sub(1).and_then(|before| self.marks.get(before)).map_or(self.tail, |before| before.end)
    }

    /// Drops the oldest chunks until at most `bytes_max` are allocated; the newest chunk always stays. Gives how many.
    pub fn evict(&mut self, bytes_max: usize) -> u64 {
        let mut evicted = 0;
        while self.allocated > bytes_max && self.chunks.len() > 1 {
            let Some(chunk) = self.chunks.pop_front() else { break };
            evicted += 1;
            self.allocated -= chunk.bytes.capacity();
            while let Some(mark) = self.marks.pop_front_if(|m| m.end.byte <= chunk.end()) {
                self.tail = mark.end;
            }
        }
        evicted
    }

    /// Frees everything: every reader stands at the head, or will read the log.
    pub fn clear(&mut self) {
        self.chunks = VecDeque::new();
        self.marks = VecDeque::new();
        self.tail = self.head;
        self.allocated = 0;
    }

    /// Lets a frame pass that nobody is there to read.
    pub fn skip(&mut self, through: u64) {
        self.head.offset = through;
        self.clear();
    }

    /// Frees everything and goes on at `offset` of another epoch: every position of before is behind the tail.
    pub fn restart(&mut self, offset: u64) {
        self.head = Position { byte: self.head.byte + 1, offset };
        self.clear();
    }

    /// Invariants: chunks and marks are contiguous and agree with tail and head.
    ///
    /// # Panics
    /// When one does not hold.
    #[cfg(test)]
    pub fn check(&self) {
        let mut at = self.tail.byte;
        for chunk in &self.chunks {
            assert_eq!(chunk.start, at, "chunks lie back to back");
            assert!(!chunk.bytes.is_empty(), "no chunk is empty");
            at = chunk.end();
        }
        assert_eq!(at, self.head.byte, "the last chunk ends at the head");
        assert_eq!(self.allocated, self.chunks.iter().map(|c| c.bytes.capacity()).sum::<usize>());
        let mut before = self.tail;
        for mark in &self.marks {
            assert!(mark.end.byte > before.byte && mark.end.offset >= before.offset, "marks ascend");
            assert!(mark.first > before.offset, "what a frame brings is new");
            before = mark.end;
        }
        assert_eq!(before, self.head, "the last mark is the head");
    }
}

#[cfg(test)]
mod tests;
