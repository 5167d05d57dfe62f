//! Batches of sessions, each compressed by itself: whoever has one needs nothing else to read it. Rule E17 of the protocol's
//! `SPEC.md`.
//!
//! What compresses is shared by all views of a thread and begins anew for each batch, so that no connection costs memory for
//! it and nothing of one view can be guessed from the size of another's.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress, Status};
use zstd::bulk::Compressor;

/// Smaller ones go out as they are: there is little to win, and less with each event that stands alone.
const BATCH_BYTES_MIN: usize = 1_024;

/// What a compressed batch begins with: no envelope does.
pub const BATCH_MARK: u8 = 0;

/// Efforts: a batch is compressed once for all who share the view.
const DEFLATE_EFFORT: u32 = 5;
const ZSTD_EFFORT: i32 = 3;

/// How batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Batching {
    /// RFC 1951 without a frame around it: what browsers inflate by themselves.
    DeflateRaw,
    /// RFC 8878.
    Zstd,
}

thread_local! {
    static DEFLATE: RefCell<Option<Compress>> = const { RefCell::new(None) };
    static ZSTD: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

impl Batching {
    /// What a session may have been granted.
    pub const GRANTED: [Option<Self>; 3] = [None, Some(Self::DeflateRaw), Some(Self::Zstd)];

    /// The first of a client's wishes that is known.
    #[must_use]
    pub fn of(wishes: &[String]) -> Option<Self> {
        wishes.iter().find_map(|wish| [Self::DeflateRaw, Self::Zstd].into_iter().find(|known| known.name() == wish))
    }

    /// Its name in `CONNECT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DeflateRaw => "deflate-raw",
            Self::Zstd => "zstd",
        }
    }

    /// What goes out instead of `plain`, mark and all; `None` when that is to go out as it is.
    #[must_use]
    pub fn pack(self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() < BATCH_BYTES_MIN {
            return None;
        }
        // What does not fit has not become smaller.
        let mut out = Vec::with_capacity(plain.len());
        out.push(BATCH_MARK);
        let is_done = match self {
            Self::DeflateRaw => deflate(plain, &mut out),
            Self::Zstd => zstd(plain, &mut out),
        };
        is_done.map(|()| out)
    }
}

fn deflate(plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
    DEFLATE.with_borrow_mut(|kept| {
        let compress = kept.get_or_insert_with(|| Compress::new(Compression::new(DEFLATE_EFFORT), false));
        compress.reset();
        let status = compress.compress_vec(plain, out, FlushCompress::Finish).ok()?;
        (status == Status::StreamEnd).then_some(())
    })
}

fn zstd(plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
    ZSTD.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Some(Compressor::new(ZSTD_EFFORT).ok()?);
        }
        let at = out.len();
        let mut room = vec![0; out.capacity() - at];
        let written = kept.as_mut()?.compress_to_buffer(plain, &mut room[..]).ok()?;
        out.extend_from_slice(&room[..written]);
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn inflated(batching: Batching, packed: &[u8]) -> Vec<u8> {
        assert_eq!(packed[0], BATCH_MARK);
        let mut out = Vec::new();
        match batching {
            Batching::DeflateRaw => flate2::read::DeflateDecoder::new(&packed[1..]).read_to_end(&mut out).unwrap(),
            Batching::Zstd => zstd::stream::read::Decoder::new(&packed[1..]).unwrap().read_to_end(&mut out).unwrap(),
        };
        out
    }

    proptest! {
        #[test]
        fn a_batch_is_readable_by_itself_and_smaller_or_stays_as_it_is(
            piece in prop::collection::vec(any::<u8>(), 1..2_000),
            repeats in 1_usize..20,
        ) {
            let plain = piece.repeat(repeats);
            for batching in [Batching::DeflateRaw, Batching::Zstd] {
                let Some(packed) = batching.pack(&plain) else {
                    prop_assert!(plain.len() < BATCH_BYTES_MIN || repeats == 1);
                    continue;
                };
                prop_assert!(packed.len() <= plain.len());
                prop_assert!(inflated(batching, &packed) == plain);
                // The same again: nothing is remembered.
                prop_assert!(batching.pack(&plain) == Some(packed));
            }
        }
    }

    #[test]
    fn the_first_known_wish_is_granted() {
        let of = |wishes: &[&str]| Batching::of(&wishes.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["br", "zstd", "deflate-raw"]), Some(Batching::Zstd));
        assert_eq!(of(&["deflate-raw", "zstd"]), Some(Batching::DeflateRaw));
        assert_eq!((of(&["DEFLATE-RAW", "gzip"]), of(&[])), (None, None));
    }
}
