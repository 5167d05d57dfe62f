//! What a ring promises to its readers.

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
