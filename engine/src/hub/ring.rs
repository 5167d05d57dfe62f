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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(offset: u64, len: usize) -> Vec<u8> {
        vec![u8::try_from(offset % 251).unwrap(); len.max(1)]
    }

    #[test]
    fn a_reader_at_the_head_has_nothing_to_read() {
        let mut ring = Ring::new(7);
        assert_eq!(ring.readable(ring.head()), Some(&[][..]));
        ring.append(b"abc", 8, 8);
        assert_eq!(ring.readable(ring.head()), Some(&[][..]));
        ring.check();
    }

    /// A delivery is one write. Sizes of frames are those of chat lines.
    #[test]
    fn what_gathers_lies_in_one_piece() {
        let mut ring = Ring::new(0);
        for round in 0..3 {
            let from = ring.head();
            for n in 1..=200 {
                ring.append(&frame(n, 280), round * 200 + n, round * 200 + n);
            }
            assert_eq!(ring.readable(from).map(<[u8]>::len), Some(200 * 280));
            assert!(ring.allocated() <= CHUNK_BYTES);
            ring.check();
            ring.clear();
        }
    }

    #[test]
    fn a_cut_frame_leaves_its_rest_and_stands_behind_it() {
        let mut ring = Ring::new(0);
        let start = ring.head();
        ring.append(b"aaaa", 1, 1);
        ring.append(b"bbbb", 2, 2);
        let advance = ring.advance(start, 6);
        assert_eq!(advance.position, Position { byte: 8, offset: 2 });
        assert_eq!(advance.remainder, b"bb");
        assert_eq!(ring.advance(start, 4).remainder, b"");
        assert_eq!(ring.advance(start, 4).position.offset, 1);
    }

    #[test]
    fn evicted_bytes_are_never_read_as_others() {
        let mut ring = Ring::new(0);
        let start = ring.head();
        for offset in 1..=100 {
            ring.append(&frame(offset, 4_000), offset, offset);
        }
        ring.evict(128 * 1024);
        ring.check();
        assert!(ring.allocated() <= 128 * 1024);
        assert_eq!(ring.readable(start), None);
        assert_eq!(ring.join(0), Join::ReadThrough(100));
    }

    #[test]
    fn a_reader_inside_a_frame_reads_the_log_to_its_end() {
        let mut ring = Ring::new(10);
        ring.append(b"x", 11, 13);
        ring.append(b"y", 14, 14);
        assert_eq!(ring.join(12), Join::ReadThrough(13));
        assert_eq!(ring.join(13), Join::At(Position { byte: 1, offset: 13 }));
        assert_eq!(ring.join(15), Join::Ahead);
        assert_eq!(ring.join(10), Join::At(Position { byte: 0, offset: 10 }));
    }

    #[test]
    fn a_view_that_leaves_events_out_is_joined_from_between_its_frames() {
        let mut ring = Ring::new(10);
        ring.append(b"x", 15, 16);
        ring.append(b"y", 30, 40);
        assert_eq!(ring.join(10), Join::At(Position { byte: 0, offset: 10 }));
        assert_eq!(ring.join(14), Join::At(Position { byte: 0, offset: 14 }));
        assert_eq!(ring.join(15), Join::ReadThrough(16), "it has the event that the frame begins with");
        assert_eq!(ring.join(29), Join::At(Position { byte: 1, offset: 29 }));
        assert_eq!(ring.join(39), Join::ReadThrough(40));
        assert_eq!(ring.join(41), Join::Ahead);
    }

    #[test]
    fn a_reader_beyond_the_head_goes_on_where_nothing_is_repeated() {
        let mut ring = Ring::new(10);
        let beyond = Position { offset: 20, ..ring.head() };
        assert!(ring.continues(beyond));
        ring.append(b"bookmark", 19, 18);
        assert!(!ring.continues(beyond), "it would go back");
        let mut ring = Ring::new(10);
        ring.append(b"x", 21, 25);
        assert!(ring.continues(beyond));
        let mut ring = Ring::new(10);
        ring.append(b"x", 20, 25);
        assert!(!ring.continues(beyond), "it has the first event");
        ring.restart(0);
        assert!(!ring.continues(beyond));
    }

    #[test]
    fn a_freed_ring_still_knows_its_head() {
        let mut ring = Ring::new(0);
        ring.append(b"abc", 1, 1);
        ring.clear();
        ring.check();
        assert_eq!(ring.allocated(), 0);
        assert_eq!(ring.join(1), Join::At(ring.head()));
        assert_eq!(ring.join(0), Join::ReadThrough(1));
    }

    proptest! {
        /// However the socket cuts the bytes and whatever is evicted, a reader sees every frame once and in
        /// order, or is told that its bytes are gone.
        #[test]
        fn a_reader_sees_every_frame_once_or_is_told(
            steps in prop::collection::vec((1usize..9_000, 0usize..20_000, any::<bool>()), 1..120)
        ) {
            let mut ring = Ring::new(0);
            let mut stream: Vec<u8> = Vec::new();
            let mut read: Vec<u8> = Vec::new();
            let mut at = ring.head();
            for (offset, (len, write, evict)) in (1u64..).zip(steps) {
                let bytes = frame(offset, len);
                stream.extend_from_slice(&bytes);
                ring.append(&bytes, offset, offset);
                if evict { ring.evict(32 * 1024); }
                ring.check();
                match ring.readable(at) {
                    None => {
                        prop_assert!(matches!(ring.join(at.offset), Join::ReadThrough(_)));
                        at = ring.head();
                        read = stream.clone();
                    }
                    Some(bytes) => {
                        let n = write.min(bytes.len());
                        read.extend_from_slice(&bytes[..n]);
                        let advance = ring.advance(at, n);
                        read.extend_from_slice(advance.remainder);
                        at = advance.position;
                        prop_assert_eq!(ring.join(at.offset), Join::At(at));
                    }
                }
                prop_assert_eq!(read.len() as u64, at.byte);
                prop_assert_eq!(&stream[..read.len()], &read[..]);
            }
        }
    }
}
