//! Compressed batches, as a client reads them.

use std::io::Read;

/// What they begin with.
pub const MARK: u8 = 0;

/// What zstd begins with (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// What was compressed. Panics when it is no batch, or was not worth it.
pub fn inflated(message: &[u8]) -> Vec<u8> {
    assert_eq!(message.first(), Some(&MARK), "a compressed batch says that it is one");
    let (packed, mut plain) = (&message[1..], Vec::new());
    let read = match packed.starts_with(&ZSTD) {
        true => zstd::stream::read::Decoder::new(packed).expect("memory").read_to_end(&mut plain),
        false => flate2::read::DeflateDecoder::new(packed).read_to_end(&mut plain),
    };
    read.expect("a batch is whole by itself");
    assert!(plain.len() >= 1_024 && plain.len() >= message.len(), "it was worth it");
    plain
}
