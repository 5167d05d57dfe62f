//! What an entry costs on its way into a segment.

use std::hint::black_box;

use super::engine::GroupId;
use super::record::{Head, Kind, Seed, Stamp};
use crate::micro::{Body, Case};

pub(crate) const CASES: [Case; 2] = [
    Case { name: "wal/append", rounds: 1_000, prepare: append },
    Case { name: "wal/read", rounds: 1_000, prepare: read },
];

/// A few publications of 128 bytes.
const PAYLOAD_BYTES: usize = 1_000;

fn payload() -> Vec<u8> {
    (0..PAYLOAD_BYTES).map(|at| at as u8).collect()
}

fn put(seed: &Seed, turn: u64, payload: &[u8], out: &mut Vec<u8>) {
    let stamp = Stamp { synced: 64, life: 2 };
    let head = Head::new(Kind::Entry, GroupId(5), turn, turn, stamp, payload);
    head.encode(seed, 128, payload, out);
}

fn append() -> Body {
    let (seed, payload, mut out, mut turn) = (Seed::new(7, 3), payload(), Vec::new(), 0);
    Box::new(move || {
        out.clear();
        turn += 1;
        put(&seed, turn, black_box(&payload), &mut out);
        black_box(&out);
    })
}

fn read() -> Body {
    let (seed, mut record) = (Seed::new(7, 3), Vec::new());
    put(&seed, 1, &payload(), &mut record);
    Box::new(move || {
        let head = Head::decode(&seed, 128, black_box(&record)).expect("it was written");
        black_box(head.payload(&record).expect("it was written"));
    })
}
