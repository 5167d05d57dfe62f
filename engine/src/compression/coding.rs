//! The content codings of HTTP that the node speaks.

use std::io::{self, Read as _, Write as _};

use super::flow::Flow;

/// A content coding (RFC 9110, 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// Efforts for what is compressed once and sent often.
const GZIP_BEST: u32 = 9;
const BROTLI_BEST: u32 = 9;
const ZSTD_BEST: i32 = 15;

/// The window that decoders of brotli have by default, in bits.
const BROTLI_WINDOW_BITS: u32 = 22;

impl Coding {
    /// Its name in headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses what is whole, quickly: it is sent once.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn compress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        Flow::new(self)?.finish(bytes)
    }

    /// Compresses what is whole as well as is sensible: it is sent often.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn compress_well(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_BEST));
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Brotli => {
                let mut out = Vec::new();
                let mut encoder = brotli::CompressorReader::new(bytes, 4_096, BROTLI_BEST, BROTLI_WINDOW_BITS);
                encoder.read_to_end(&mut out)?;
                Ok(out)
            }
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_BEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::tests::inflated;
    use super::*;

    #[test]
    fn what_is_whole_comes_back_as_it_was() {
        let text = b"a line that is like the next\n".repeat(5_000);
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let (quick, best) = (coding.compress(&text).unwrap(), coding.compress_well(&text).unwrap());
            assert_eq!(inflated(coding, &quick), text, "{coding:?}");
            assert_eq!(inflated(coding, &best), text, "{coding:?}");
            assert!(quick.len() < text.len() / 10 && best.len() < text.len() / 20, "{coding:?}");
            assert!(inflated(coding, &coding.compress(b"").unwrap()).is_empty());
        }
    }
}
