//! Compressed batches (rules E17 and E18): what the node packed, as it was before. Knows no message.

use std::io::{self, Read as _};

use bytes::Bytes;
use fanfare_protocol::{Code, Error};
use zstd::stream::read::Decoder;
use zstd::zstd_safe::{DCtx, DParameter, get_frame_content_size};

/// What a compressed batch begins with: no envelope does.
const MARK: u8 = 0;

/// Room to begin with: a batch is of 1 KiB and more.
const ROOM_BYTES: usize = 4 * 1024;

/// Between what the format allows and what any batch needs.
const WINDOW_BYTES_MIN: usize = 1 << 10;
const WINDOW_BYTES_MAX: usize = 1 << 27;

/// Inflates the batches of one connection.
pub(super) struct Inflater {
    /// From the first batch on: its tables take 100 KiB.
    context: Option<DCtx<'static>>,
    bytes_max: usize,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

impl Inflater {
    /// Gives nothing larger than `bytes_max`.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { context: None, bytes_max }
    }

    /// What a binary message holds: itself, or what was compressed to it.
    ///
    /// # Errors
    /// `FRAME_TOO_LARGE` as soon as more comes out than may, `MALFORMED` for what is no batch.
    pub(super) fn read(&mut self, message: Bytes) -> Result<Bytes, Error> {
        match message.split_first() {
            Some((&MARK, packed)) => self.inflate(packed),
            _ => Ok(message),
        }
    }

    fn inflate(&mut self, packed: &[u8]) -> Result<Bytes, Error> {
        let broken = |error: io::Error| Error::malformed(format_args!("a compressed batch cannot be read: {error}"));
        let bytes_max = self.bytes_max;
        let announced = get_frame_content_size(packed).ok().flatten();
        if announced.is_some_and(|bytes| bytes > bytes_max as u64) {
            return Err(too_large(bytes_max));
        }
        let context = self.context.get_or_insert_with(|| context(bytes_max));
        let mut decoder = Decoder::with_context(packed, context).single_frame();
        let mut plain = Vec::with_capacity(ROOM_BYTES);
        let room = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        (&mut decoder).take(room).read_to_end(&mut plain).map_err(broken)?;
        if plain.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if !decoder.finish().is_empty() {
            return Err(Error::malformed("a compressed batch goes on behind its end"));
        }
        Ok(plain.into())
    }
}

fn too_large(bytes_max: usize) -> Error {
    Error::of(Code::FrameTooLarge).with_message(format!("a compressed batch holds more than {bytes_max} bytes"))
}

fn context(bytes_max: usize) -> DCtx<'static> {
    let mut context = DCtx::create();
    // What a batch looks back on is reserved before any of it is read: never more than a whole one.
    let window_log = bytes_max.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX).next_power_of_two().ilog2();
    let set = context.set_parameter(DParameter::WindowLogMax(window_log));
    debug_assert!(set.is_ok(), "within what the format allows");
    context
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(plain: &[u8]) -> Bytes {
        [&[MARK][..], &zstd::bulk::compress(plain, 3).unwrap()].concat().into()
    }

    fn code(message: Bytes) -> Option<Code> {
        Inflater::new(10_000).read(message).unwrap_err().known_code()
    }

    #[test]
    fn what_is_not_compressed_is_left_as_it_is() {
        let mut inflater = Inflater::new(10);
        for message in [&b""[..], b"\x01x", b"a message that is larger than ten bytes"] {
            assert_eq!(inflater.read(Bytes::copy_from_slice(message)).unwrap(), message);
        }
    }

    #[test]
    fn batches_are_read_one_after_the_other() {
        let mut inflater = Inflater::new(10_000);
        for n in 0..5 {
            let plain = format!("batch {n} ").repeat(1_000);
            assert_eq!(inflater.read(packed(plain.as_bytes())).unwrap(), plain.as_bytes());
            // One that is broken does no harm to the next.
            assert!(inflater.read(Bytes::from_static(b"\0broken")).is_err());
        }
    }

    /// Also 16 MiB of nothing in a hundredth of a hundredth, whose size is not in the header: most of it is never made.
    #[test]
    fn what_inflates_beyond_the_bound_is_refused_at_the_bound() {
        assert_eq!(code(packed(&vec![0; 10_001])), Some(Code::FrameTooLarge));
        let mut bomb = zstd::stream::write::Encoder::new(vec![MARK], 1).unwrap();
        bomb.window_log(12).unwrap();
        io::copy(&mut io::repeat(0).take(1 << 24), &mut bomb).unwrap();
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(code(bomb.into()), Some(Code::FrameTooLarge));
        assert_eq!(Inflater::new(10_000).read(packed(&vec![0; 10_000])).unwrap().len(), 10_000);
    }

    #[test]
    fn what_is_cut_or_goes_on_is_no_batch() {
        let whole = packed(&b"a batch ".repeat(500));
        for end in 1..whole.len() {
            assert_eq!(code(whole.slice(..end)), Some(Code::Malformed), "{end}");
        }
        assert_eq!(code([&whole[..], b"x"].concat().into()), Some(Code::Malformed));
        assert_eq!(code([&whole[..], &whole[1..]].concat().into()), Some(Code::Malformed));
    }

    #[derive(serde::Deserialize)]
    struct Example {
        name: String,
        compression: String,
        message: String,
        plain: Option<String>,
        code: Option<String>,
    }

    /// E17, E18: what others compressed.
    #[test]
    fn each_example_of_the_protocol_is_read_or_refused_as_it_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/conformance/batches.json");
        let examples: Vec<Example> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        for example in examples.into_iter().filter(|example| example.compression == "zstd") {
            let message: Vec<u8> = example.message.as_bytes().chunks(2).map(byte).collect();
            match Inflater::new(4_096).read(message.into()) {
                Ok(plain) => assert_eq!(Some(plain.as_ref()), example.plain.as_deref().map(str::as_bytes)),
                Err(error) => assert_eq!(Some(error.name), example.code, "{}", example.name),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>(), xor in 1_u8..) {
            let mut inflater = Inflater::new(10_000);
            let _ = inflater.read([&[MARK][..], &bytes].concat().into());
            let plain = bytes.repeat(20);
            let mut damaged = packed(&plain).to_vec();
            let at = cut.index(damaged.len());
            damaged[at] ^= xor;
            let read = inflater.read(damaged.into());
            prop_assert!(read.is_err() || read.is_ok_and(|read| read.len() <= 10_000));
            prop_assert_eq!(inflater.read(packed(&plain)).unwrap(), plain);
        }
    }
}
