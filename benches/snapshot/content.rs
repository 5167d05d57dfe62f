//! What is published: every payload can be told from its topic and its number, and none can be compressed.

use std::fmt::Write as _;

use bytes::Bytes;
use fanfare_protocol::Publication;

use crate::bounds::MIB;

/// Of one publication of the filling, quotes included.
const PAYLOAD_BYTES: usize = 16 * 1024;

/// Publications of one command.
pub const BATCH: u64 = 16;

/// Commands of one topic. With their payloads a topic has 3 MiB, below the 4 MiB that are retained by default.
pub const BATCHES: u64 = 12;

/// Publications of one topic.
pub const PER_TOPIC: u64 = BATCH * BATCHES;

/// Of one publication of the trickle.
const TRICKLE_BYTES: usize = 1_024;

/// Segments of the log when the shard is large: as they are by default.
const SEGMENT_BYTES: u32 = 64 * 1024 * 1024;

/// And when it is small, so that its log is purged all the same.
const SEGMENT_BYTES_SMALL: u32 = 4 * 1024 * 1024;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub topics: u64,
}

impl Plan {
    /// So many bytes of payloads, or a little more.
    pub fn of(bytes: u64) -> Self {
        Self { topics: bytes.div_ceil(PER_TOPIC * PAYLOAD_BYTES as u64).max(1) }
    }

    /// Of the segments of the log.
    pub fn segment_bytes(self) -> u32 {
        if self.bytes() >= 1024 * MIB { SEGMENT_BYTES } else { SEGMENT_BYTES_SMALL }
    }

    /// All publications of the filling.
    pub fn publications(self) -> u64 {
        self.topics * PER_TOPIC
    }

    /// Bytes of their payloads.
    pub fn bytes(self) -> u64 {
        self.publications() * PAYLOAD_BYTES as u64
    }
}

/// A topic of the filling.
pub fn filled(topic: u64) -> String {
    format!("bench:{topic}")
}

/// A topic of the trickle.
pub fn trickled(topic: u64) -> String {
    format!("trickle:{topic}")
}

/// The publication that has this offset in a topic of the filling.
pub fn filling(topic: &str, offset: u64) -> Publication {
    publication(topic, offset, PAYLOAD_BYTES)
}

/// The same of the trickle.
pub fn trickle(topic: &str, offset: u64) -> Publication {
    publication(topic, offset, TRICKLE_BYTES)
}

fn publication(topic: &str, offset: u64, bytes: usize) -> Publication {
    let mut random = fastrand::Rng::with_seed(seed(topic, offset));
    let mut data = String::with_capacity(bytes);
    data.push('"');
    // What it is, for whoever looks at it, and then nothing that anyone could foresee.
    let _ = write!(data, "{topic}/{offset}/");
    while data.len() < bytes - 1 {
        // Six bits a byte: ten of them from each number.
        let mut bits = random.u64(..);
        for _ in 0..10.min(bytes - 1 - data.len()) {
            data.push(char::from(LETTERS[(bits & 63) as usize]));
            bits >>= 6;
        }
    }
    data.push('"');
    Publication { data: Some(Bytes::from(data)), ..Publication::default() }
}

/// Need no escape in a JSON text.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn seed(topic: &str, offset: u64) -> u64 {
    topic.bytes().fold(offset, |sum, byte| (sum.rotate_left(9) ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
