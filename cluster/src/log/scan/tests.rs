use super::super::engine::GroupId;
use super::super::record::{Kind, Stamp};
use super::*;

const LENGTH: usize = 16_384;

/// A segment in the making: records of 8 bytes of payload, 56 bytes each.
struct Segment {
    bytes: Vec<u8>,
    header: Header,
    end: u32,
    synced: u32,
    life: u64,
}

const RECORD_BYTES: u32 = 56;

impl Segment {
    fn new() -> Self {
        let header = Header { number: 4, salt: 9, length: LENGTH as u32, previous_end: 640, opening_end: 64 };
        let mut bytes = vec![0; LENGTH];
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        Self { bytes, header, end: 64, synced: 64, life: 1 }
    }

    /// One drain of some records, then its sync.
    fn drain(&mut self, count: u64) -> &mut Self {
        self.unsynced(count);
        self.synced = self.end;
        self
    }

    fn unsynced(&mut self, count: u64) -> &mut Self {
        let seed = Seed::new(self.header.salt, self.header.number);
        let mut buffer = Vec::new();
        for n in 0..count {
            let stamp = Stamp { synced: self.synced, life: self.life };
            let payload = [0xee; 8];
            let offset = self.end + buffer.len() as u32;
            Head::new(Kind::Vote, GroupId(1), n, 0, stamp, &payload).encode(&seed, offset, &payload, &mut buffer);
        }
        self.bytes[self.end as usize..][..buffer.len()].copy_from_slice(&buffer);
        self.end += buffer.len() as u32;
        self
    }

    /// Flips a bit in the head or the payload of the n-th record.
    fn flip(&mut self, record: u32, byte: u32) -> &mut Self {
        self.bytes[(64 + record * RECORD_BYTES + byte) as usize] ^= 1;
        self
    }

    fn scan(&self) -> Scan<'_> {
        Scan::new(&self.bytes, &self.header)
    }

    /// The pieces as letters.
    fn pieces(&self) -> String {
        let tail = self.scan().tail();
        let letter = |piece| match piece {
            Piece::Record { .. } => 'r',
            Piece::Damaged { .. } => 'd',
            Piece::Hole => '_',
        };
        self.scan().pieces(tail.synced, tail.end).map(|(_, piece)| letter(piece)).collect()
    }
}

fn place(record: u32) -> u32 {
    64 + record * RECORD_BYTES
}

#[test]
fn a_clean_segment_ends_behind_its_last_record() {
    let mut segment = Segment::new();
    assert_eq!(segment.scan().tail(), Tail { end: 64, synced: 64, interrupted_end: 64, life: 0 });
    segment.drain(3).drain(2);
    assert_eq!(segment.scan().tail(), Tail { end: place(5), synced: place(3), interrupted_end: place(5), life: 1 });
    assert_eq!(segment.pieces(), "rrrrr");
}

#[test]
fn a_bad_record_with_its_own_stretch_behind_it_is_where_power_went_out() {
    let mut segment = Segment::new();
    segment.drain(3).unsynced(5).flip(4, 0);
    let tail = segment.scan().tail();
    assert_eq!((tail.end, tail.synced), (place(4), place(3)));
    assert_eq!(tail.interrupted_end, place(7) + HEAD_BYTES as u32);
    assert_eq!(segment.pieces(), "rrrr");
    segment.flip(3, 50);
    assert_eq!(segment.pieces(), "rrr", "a payload is as good as a head");
}

#[test]
fn a_bad_record_that_a_later_one_knows_to_be_durable_is_damage() {
    let mut segment = Segment::new();
    segment.drain(3).drain(2).drain(1).flip(1, 0).flip(3, 50);
    assert_eq!(segment.pieces(), "r_rdrr");
    segment.flip(2, 3);
    assert_eq!(segment.pieces(), "r_drr", "a hole goes on to the next head");
}

#[test]
fn damage_and_an_interrupted_write_are_told_apart_in_one_segment() {
    let mut segment = Segment::new();
    segment.drain(3).unsynced(4).flip(1, 1).flip(5, 1);
    assert_eq!(segment.pieces(), "r_rrr");
    assert_eq!(segment.scan().tail().end, place(5));
}

#[test]
fn a_hole_ends_where_the_log_was_known_to_be_synced() {
    let mut segment = Segment::new();
    segment.drain(3).drain(1).unsynced(1).flip(1, 0).flip(2, 0).flip(3, 0);
    assert_eq!(segment.scan().tail().synced, place(4));
    assert_eq!(segment.pieces(), "r_r");
    segment.bytes[place(4) as usize] ^= 1;
    assert_eq!(
        segment.scan().tail(),
        Tail { end: place(1), synced: 64, interrupted_end: place(1), life: 1 },
        "nobody knows it now"
    );
}

#[test]
fn records_of_an_earlier_life_are_not_seen() {
    let mut segment = Segment::new();
    segment.drain(3).drain(3).drain(3);
    segment.header.number = 5;
    assert_eq!(segment.scan().tail(), Tail { end: 64, synced: 64, interrupted_end: 64, life: 0 });
}

#[test]
fn what_an_interrupted_write_left_is_no_record_once_a_new_life_began() {
    let mut segment = Segment::new();
    segment.drain(3).unsynced(5).flip(3, 0);
    let cut = place(3);
    segment.end = cut;
    segment.life = 2;
    segment.drain(1);
    assert_eq!(segment.scan().tail(), Tail { end: place(4), synced: cut, interrupted_end: place(4), life: 2 });
    segment.drain(1).flip(3, 0);
    assert_eq!(segment.pieces(), "rrr_r", "damage of the new life is damage all the same");
}

#[test]
fn damage_of_the_opening_is_never_an_interrupted_write() {
    let mut segment = Segment::new();
    segment.drain(2).flip(1, 0);
    assert_eq!(segment.pieces(), "r");
    segment.header.opening_end = place(2);
    assert_eq!(segment.pieces(), "r_");
    assert_eq!(segment.scan().tail().end, place(2));
}

/// A hole that began in the opening was taken for damage of the opening alone, though it went on behind it.
#[test]
fn a_hole_of_the_opening_ends_with_it() {
    let mut segment = Segment::new();
    segment.drain(2).drain(1).drain(1).flip(1, 0).flip(2, 0);
    segment.header.opening_end = place(2);
    assert_eq!(segment.pieces(), "r__r");
    let starts: Vec<u32> = segment.scan().pieces(place(4), place(4)).map(|(start, _)| start).collect();
    assert_eq!(starts, [place(0), place(1), place(2), place(3)]);
}

#[test]
fn a_segment_of_any_length_is_scanned() {
    let mut segment = Segment::new();
    segment.drain(3).drain(3);
    for length in (0..LENGTH).step_by(7) {
        let scan = Scan::new(&segment.bytes[..length], &segment.header);
        let tail = scan.tail();
        assert_eq!(scan.pieces(tail.synced, tail.end).count(), length.saturating_sub(64).min(336) / 56);
    }
}
