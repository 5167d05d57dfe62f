//! What a ring costs: a frame that is appended and, for each of a thousand subscribers, the way of its cursor to the head.

use std::hint::black_box;

use super::ring::{Join, Position, Ring};
use crate::micro::{Body, Case, sample};
use crate::view::{SessionWire, Span, Wire, encode};
use fanfare_protocol::Encoding;

pub(crate) const CASES: [Case; 3] = [
    Case { name: "ring/append", rounds: 10_000, prepare: append },
    Case { name: "ring/sweep-1000", rounds: 100, prepare: sweep },
    Case { name: "ring/join", rounds: 1_000, prepare: join },
];

/// As `delivery.ring_bytes_max`.
const RING_BYTES_MAX: usize = 256 * 1024;

fn frame() -> Vec<u8> {
    let events = sample::events(123_456, 1);
    let span = Span::new(sample::version(123_455), sample::version(123_456), &events);
    let mut frame = Vec::new();
    encode(Wire::Session(SessionWire::WebSocket(Encoding::Json), None), 17, &span, &mut frame);
    frame
}

/// A ring that is full, and the offset of its head.
fn full(frame: &[u8]) -> (Ring, u64) {
    let (mut ring, mut offset) = (Ring::new(0), 0);
    while ring.evict(RING_BYTES_MAX) == 0 {
        offset += 1;
        ring.append(frame, offset, offset);
    }
    (ring, offset)
}

/// Of a ring that has to let go of as much as comes.
fn append() -> Body {
    let frame = frame();
    let (mut ring, mut offset) = full(&frame);
    Box::new(move || {
        offset += 1;
        ring.append(black_box(&frame), offset, offset);
        if ring.allocated() > RING_BYTES_MAX {
            black_box(ring.evict(RING_BYTES_MAX));
        }
    })
}

/// Four frames have gathered, every socket takes all of it, and then the ring is freed.
fn sweep() -> Body {
    let frame = frame();
    let (mut ring, mut offset) = (Ring::new(0), 0);
    let mut cursors = vec![ring.head(); 1_000];
    Box::new(move || {
        for _ in 0..4 {
            offset += 1;
            ring.append(black_box(&frame), offset, offset);
        }
        for cursor in &mut cursors {
            to_head(&ring, cursor);
        }
        ring.clear();
    })
}

fn to_head(ring: &Ring, cursor: &mut Position) {
    while *cursor != ring.head() {
        let written = ring.readable(*cursor).map_or(0, <[u8]>::len);
        *cursor = ring.advance(*cursor, black_box(written)).position;
    }
}

/// A reader of the log comes back into a full ring.
fn join() -> Body {
    let (ring, head) = full(&frame());
    let mut back = 0;
    Box::new(move || {
        back = (back + 1) % 100;
        let joined = ring.join(black_box(head - back));
        assert!(matches!(joined, Join::At(_)), "the ring is longer than that");
    })
}
