//! What every publication carries, at fixed places: which run it is of, its line, its number, and when it was meant to be
//! sent. It is a JSON string, so that every server takes it, of letters that nothing escapes, and it is read without a
//! branch for each digit, because it is read once for every delivery.

/// The shortest data that hold a stamp.
pub(crate) const BYTES_MIN: usize = 2 + WORDS * WORD_BYTES;

/// A word is 32 bits in 8 letters, `@` to `O`, four bits each.
const WORD_BYTES: usize = 8;
/// Run, line, number, and the two halves of the time.
const WORDS: usize = 5;
/// What lies under the four bits of each letter.
const LETTERS: u64 = 0x4040_4040_4040_4040;
const NIBBLES: u64 = 0x0f0f_0f0f_0f0f_0f0f;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Drawn by each run, so that what another one left is not counted.
    pub(crate) run: u32,
    pub(crate) line: u32,
    pub(crate) number: u32,
    /// In nanoseconds of the run's clock.
    pub(crate) due_nanos: u64,
}

impl Stamp {
    /// Writes it into data that [`blank`] made.
    pub(crate) fn write(&self, data: &mut [u8]) {
        let words = [self.run, self.line, self.number, (self.due_nanos >> 32) as u32, self.due_nanos as u32];
        for (word, place) in words.into_iter().zip(data[1..].chunks_exact_mut(WORD_BYTES)) {
            place.copy_from_slice(&spread(word).to_be_bytes());
        }
    }

    /// Reads it, where these are data of this bench.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let words = data.get(1..1 + WORDS * WORD_BYTES)?;
        let word = |index: usize| {
            let letters = words[index * WORD_BYTES..][..WORD_BYTES].try_into().expect("a word is eight letters");
            gather(u64::from_be_bytes(letters))
        };
        let due_nanos = u64::from(word(3)?) << 32 | u64::from(word(4)?);
        Some(Self { run: word(0)?, line: word(1)?, number: word(2)?, due_nanos })
    }
}

/// Data of so many bytes, at least [`BYTES_MIN`], into which a stamp may be written.
pub(crate) fn blank(bytes: usize) -> Vec<u8> {
    let mut data = vec![b'x'; bytes.max(BYTES_MIN)];
    for quote in [0, bytes.max(BYTES_MIN) - 1] {
        data[quote] = b'"';
    }
    data
}

/// Four bits into each byte.
fn spread(word: u32) -> u64 {
    let mut bits = u64::from(word);
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits << 4) & NIBBLES;
    bits | LETTERS
}

/// The other way; nothing when these are no such letters.
fn gather(letters: u64) -> Option<u32> {
    if letters & !NIBBLES != LETTERS {
        return None;
    }
    let mut bits = letters & NIBBLES;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    Some((bits | bits >> 16) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn data_of_another_form_hold_no_stamp() {
        let mut data = blank(128);
        assert_eq!(Stamp::read(&data), None);
        assert_eq!(Stamp::read(b"\"short\""), None);
        Stamp { run: 1, line: 2, number: 3, due_nanos: 4 }.write(&mut data);
        data[20] = b'x';
        assert_eq!(Stamp::read(&data), None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_is_json(run: u32, line: u32, number: u32, due_nanos: u64, bytes in 0_usize..300) {
            let stamp = Stamp { run, line, number, due_nanos };
            let mut data = blank(bytes);
            stamp.write(&mut data);
            prop_assert_eq!(Stamp::read(&data), Some(stamp));
            prop_assert_eq!(data.len(), bytes.max(BYTES_MIN));
            let text: String = serde_json::from_slice(&data).expect("a JSON string");
            prop_assert_eq!(text.len(), data.len() - 2);
        }
    }
}
