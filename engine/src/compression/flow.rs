//! A body that is compressed piece by piece.

use std::io::{self, Write as _};

use brotli::CompressorWriter;
use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression};
use zstd::stream::raw::{Encoder as ZstdEncoder, InBuffer, Operation as _, OutBuffer};
use zstd::zstd_safe::CParameter;

use super::Coding;

/// How far back a flow looks for what it has said before, in bits: 16 KiB, some hundred events. With its tables a flow was
/// measured to hold 120 KiB (zstd), 280 KiB (gzip) and 490 KiB (brotli).
const WINDOW_BITS: u8 = 14;

/// Low efforts: a flow is compressed for one client, while others wait. Below these, brotli and gzip would not look back over
/// the end of a piece, or not well.
const GZIP_EFFORT: u32 = 2;
const BROTLI_EFFORT: u32 = 2;
const ZSTD_EFFORT: i32 = 1;

/// What is reserved for what comes out at first, and each time that more is needed.
const PIECE_BYTES: usize = 512;

/// See the module.
pub struct Flow(Encoder);

enum Encoder {
    Gzip(Box<ZlibEncoder<Vec<u8>>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(ZstdEncoder<'static>),
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flow")
    }
}

impl Flow {
    /// One that has said nothing yet.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(coding: Coding) -> io::Result<Self> {
        Ok(Self(match coding {
            Coding::Gzip => {
                // What it writes around its blocks is decided by what it is given: a gzip header, not a zlib one.
                let compress = Compress::new_gzip(Compression::new(GZIP_EFFORT), WINDOW_BITS);
                Encoder::Gzip(Box::new(ZlibEncoder::new_with_compress(Vec::new(), compress)))
            }
            Coding::Brotli => {
                let encoder = CompressorWriter::new(Vec::new(), PIECE_BYTES, BROTLI_EFFORT, u32::from(WINDOW_BITS));
                Encoder::Brotli(Box::new(encoder))
            }
            Coding::Zstd => {
                let mut encoder = ZstdEncoder::new(ZSTD_EFFORT)?;
                encoder.set_parameter(CParameter::WindowLog(u32::from(WINDOW_BITS)))?;
                Encoder::Zstd(encoder)
            }
        }))
    }

    /// Compresses a piece, which is not empty. Whoever has what comes out can read all of it.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.0 {
            Encoder::Gzip(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Encoder::Brotli(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Encoder::Zstd(encoder) => {
                let mut out = Vec::new();
                zstd_write(encoder, piece, &mut out)?;
                zstd_drain(&mut out, |room| encoder.flush(room))?;
                Ok(out)
            }
        }
    }

    /// Compresses the last piece, and says that it was the last.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn finish(self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match self.0 {
            Encoder::Gzip(mut encoder) => {
                encoder.write_all(piece)?;
                encoder.finish()
            }
            Encoder::Brotli(mut encoder) => {
                encoder.write_all(piece)?;
                Ok(encoder.into_inner())
            }
            Encoder::Zstd(mut encoder) => {
                let mut out = Vec::new();
                zstd_write(&mut encoder, piece, &mut out)?;
                zstd_drain(&mut out, |room| encoder.finish(room, true))?;
                Ok(out)
            }
        }
    }
}

fn zstd_write(encoder: &mut ZstdEncoder<'static>, piece: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut input = InBuffer::around(piece);
    while input.pos() < piece.len() {
        out.reserve(PIECE_BYTES);
        let at = out.len();
        encoder.run(&mut input, &mut OutBuffer::around_pos(out, at))?;
    }
    Ok(())
}

/// Until nothing is left inside.
fn zstd_drain(
    out: &mut Vec<u8>,
    mut drain: impl FnMut(&mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>,
) -> io::Result<()> {
    loop {
        out.reserve(PIECE_BYTES);
        let at = out.len();
        if drain(&mut OutBuffer::around_pos(out, at))? == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    /// What a client reads, of a stream that may not have ended yet.
    fn readable(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut reader: Box<dyn io::Read + '_> = match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
            Coding::Brotli => Box::new(brotli::Decompressor::new(bytes, 4_096)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
        };
        let mut some = [0; 1_000];
        while let Ok(count @ 1..) = reader.read(&mut some) {
            out.extend_from_slice(&some[..count]);
        }
        out
    }

    /// What a client reads of a stream that has ended.
    pub(in crate::compression) fn inflated(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let read = match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
            Coding::Brotli => brotli::Decompressor::new(bytes, 4_096).read_to_end(&mut out),
            Coding::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut out),
        };
        read.unwrap();
        out
    }

    const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_piece_can_be_read_as_soon_as_it_was_pushed(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..12),
            repeats in 1_usize..200,
        ) {
            for coding in CODINGS {
                let (mut flow, mut sent, mut said) = (Flow::new(coding).unwrap(), Vec::new(), Vec::new());
                for piece in &pieces {
                    let piece = piece.repeat(repeats);
                    said.extend_from_slice(&piece);
                    sent.extend(flow.push(&piece).unwrap());
                    prop_assert!(readable(coding, &sent) == said, "{coding:?}");
                }
                sent.extend(flow.finish(b"end").unwrap());
                said.extend_from_slice(b"end");
                prop_assert!(inflated(coding, &sent) == said, "{coding:?}");
            }
        }
    }

    /// What makes it worth its memory: events that are alike cost little.
    #[test]
    fn a_flow_remembers_what_it_has_said() {
        let event = |n: u32| {
            format!(
                "id: 6f1c.{n}\nevent: put\ndata: {{\"type\":\"put\",\"key\":\"device-{n}\",\"data\":{{\"lat\":1,\"lon\":2}}}}\n\n"
            )
        };
        for coding in CODINGS {
            let mut flow = Flow::new(coding).unwrap();
            flow.push(event(1).as_bytes()).unwrap();
            let later: usize = (2..50).map(|n| flow.push(event(n).as_bytes()).unwrap().len()).sum();
            assert!(later / 48 < event(1).len() / 2, "{coding:?}: {} of {}", later / 48, event(1).len());
        }
    }
}
