//! Validates one JSON value and takes the white space out, once, at the door: what is inside is copied as it is ever after.
//! Accepts exactly what RFC 8259 does within I-JSON's bounds: UTF-8, no lone surrogates, numbers that a double can hold. Iterative, so
//! that no input reaches the end of the stack. Never changes a value: no escape, digit or order of members is touched. Rules: SPEC.md P2, P3.

use bytes::{Buf as _, Bytes};

/// Why the input is not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// Not UTF-8.
    #[error("not UTF-8 at byte {0}")]
    Utf8(usize),
    /// Breaks the grammar.
    #[error("not JSON at byte {0}")]
    Syntax(usize),
    /// Ends inside a value, or holds none.
    #[error("the JSON value is incomplete")]
    Incomplete,
    /// A `\u` escape of half a character.
    #[error("a lone surrogate at byte {0}")]
    Surrogate(usize),
    /// Beyond the range of a double.
    #[error("a number out of range at byte {0}")]
    Number(usize),
    /// Arrays and objects nested deeper than allowed.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
}

/// Levels that the bits of `Nesting` can hold.
const DEPTH_CAPACITY: usize = 128;

/// Validates `data` as one JSON value nested at most `depth_max` deep (at most 128) and returns it without white space: the same
/// bytes, shared, when there was none inside.
///
/// # Errors
/// When it is not exactly one value, or one that I-JSON forbids.
pub fn compact(mut data: Bytes, depth_max: usize) -> Result<Bytes, CompactError> {
    if let Err(error) = std::str::from_utf8(&data) {
        return Err(CompactError::Utf8(error.valid_up_to()));
    }
    let mut scanner = Scanner { input: &data, at: 0, kept_from: 0, kept: Vec::new() };
    scanner.skip_space();
    let start = scanner.at;
    scanner.kept_from = start;
    scanner.value(depth_max.min(DEPTH_CAPACITY))?;
    let end = scanner.at;
    scanner.skip_space();
    if scanner.at != data.len() {
        return Err(CompactError::Syntax(scanner.at));
    }
    let (mut kept, kept_from) = (scanner.kept, scanner.kept_from);
    if kept.is_empty() {
        data.truncate(end);
        data.advance(start);
        return Ok(data);
    }
    kept.extend_from_slice(&data[kept_from..end]);
    Ok(Bytes::from(kept))
}

/// Which of the open brackets are objects: one bit a level.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: usize,
}

impl Nesting {
    fn push(&mut self, is_object: bool, depth_max: usize) -> Result<(), CompactError> {
        if self.depth == depth_max {
            return Err(CompactError::TooDeep(depth_max));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

struct Scanner<'i> {
    input: &'i [u8],
    at: usize,
    /// Where the bytes begin that are not yet in `kept`.
    kept_from: usize,
    /// Stays empty, and unallocated, until the first white space inside the value.
    kept: Vec<u8>,
}

impl Scanner<'_> {
    fn value(&mut self, depth_max: usize) -> Result<(), CompactError> {
        let mut nesting = Nesting::default();
        loop {
            // A value begins here.
            let opened = match self.peek()? {
                b'{' => Some(true),
                b'[' => Some(false),
                _ => None,
            };
            match opened {
                Some(is_object) => {
                    nesting.push(is_object, depth_max)?;
                    self.at += 1;
                    self.drop_space();
                    if self.peek()? == closer(is_object) {
                        self.at += 1;
                        nesting.pop();
                    } else {
                        if is_object {
                            self.member_name()?;
                        }
                        continue;
                    }
                }
                None => self.scalar()?,
            }
            // A value ended here: close what it closes, up to the next value.
            loop {
                if nesting.depth == 0 {
                    return Ok(());
                }
                self.drop_space();
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        self.drop_space();
                        if nesting.in_object() {
                            self.member_name()?;
                        }
                        break;
                    }
                    byte if byte == closer(nesting.in_object()) => {
                        self.at += 1;
                        nesting.pop();
                    }
                    _ => return Err(CompactError::Syntax(self.at)),
                }
            }
        }
    }

    /// `"name" :`, up to the value.
    fn member_name(&mut self) -> Result<(), CompactError> {
        if self.peek()? != b'"' {
            return Err(CompactError::Syntax(self.at));
        }
        self.string()?;
        self.drop_space();
        if self.peek()? != b':' {
            return Err(CompactError::Syntax(self.at));
        }
        self.at += 1;
        self.drop_space();
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), CompactError> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(CompactError::Syntax(self.at)),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), CompactError> {
        for expected in word {
            if self.peek()? != *expected {
                return Err(CompactError::Syntax(self.at));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), CompactError> {
        let start = self.at;
        self.take(b"-");
        if !self.take(b"0") {
            self.digits()?;
        }
        if self.take(b".") {
            self.digits()?;
        }
        if self.take(b"eE") {
            self.take(b"+-");
            self.digits()?;
        }
        let text = &self.input[start..self.at];
        let is_short_integer = text.len() < 300 && !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if is_short_integer || std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite))
        {
            Ok(())
        } else {
            Err(CompactError::Number(start))
        }
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), CompactError> {
        if !self.peek()?.is_ascii_digit() {
            return Err(CompactError::Syntax(self.at));
        }
        while self.input.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), CompactError> {
        self.at += 1;
        loop {
            self.at += plain_len(&self.input[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                0..=0x1f => return Err(CompactError::Syntax(self.at)),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), CompactError> {
        let start = self.at;
        self.at += 1;
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => match self.unicode_escape()? {
                0xd800..=0xdbff => {
                    let is_pair = self.take(b"\\") && self.input.get(self.at) == Some(&b'u');
                    if !is_pair || !matches!(self.unicode_escape()?, 0xdc00..=0xdfff) {
                        return Err(CompactError::Surrogate(start));
                    }
                }
                0xdc00..=0xdfff => return Err(CompactError::Surrogate(start)),
                _ => {}
            },
            _ => return Err(CompactError::Syntax(self.at)),
        }
        Ok(())
    }

    /// `uXXXX`.
    fn unicode_escape(&mut self) -> Result<u32, CompactError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()?).to_digit(16).ok_or(CompactError::Syntax(self.at))?;
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn peek(&self) -> Result<u8, CompactError> {
        self.input.get(self.at).copied().ok_or(CompactError::Incomplete)
    }

    /// Steps over the next byte if it is one of `bytes`.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let is_there = self.input.get(self.at).is_some_and(|byte| bytes.contains(byte));
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_space(&mut self) {
        while self.take(b" \n\r\t") {}
    }

    /// Steps over white space inside the value and leaves it out.
    fn drop_space(&mut self) {
        let start = self.at;
        self.skip_space();
        if self.at > start {
            if self.kept.is_empty() {
                self.kept.reserve_exact(self.input.len() - self.kept_from);
            }
            self.kept.extend_from_slice(&self.input[self.kept_from..start]);
            self.kept_from = self.at;
        }
    }
}

/// Bytes in front that need no look inside a string: eight at a time, the last few are left to be looked at one by one. A byte of a
/// word is marked when it is below 0x20 or equal to `"` or `\`, by the borrow of a subtraction; one above a marked byte may be
/// marked wrongly, so only the first counts. (Bit Twiddling Hacks, "Determine if a word has a byte less than n".)
fn plain_len(bytes: &[u8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let below = |word: u64, bound: u64| word.wrapping_sub(LOW * bound) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    let mut len = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let marked =
            below(word, 0x20) | below(word ^ (LOW * u64::from(b'"')), 1) | below(word ^ (LOW * u64::from(b'\\')), 1);
        if marked != 0 {
            return len + marked.trailing_zeros() as usize / 8;
        }
        len += size_of::<u64>();
    }
    len
}

fn closer(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(text: &str) -> Result<String, CompactError> {
        compact(Bytes::copy_from_slice(text.as_bytes()), 8)
            .map(|bytes| String::from_utf8(bytes.to_vec()).expect("compaction keeps UTF-8"))
    }

    /// P2.
    #[test]
    fn white_space_outside_of_strings_is_left_out() {
        for (input, output) in [
            (" 1 ", "1"),
            ("\t{ \"a b\" : [ 1 , 2 ] , \"c\" : { } }\r\n", r#"{"a b":[1,2],"c":{}}"#),
            ("[ ]", "[]"),
            ("[[ ],[ { }]]", "[[],[{}]]"),
            (r#""a \n b""#, r#""a \n b""#),
            ("[1\n]", "[1]"),
            ("{\"a\":1 }", "{\"a\":1}"),
            (r#"["\ud83d\ude00", "é"]"#, r#"["\ud83d\ude00","é"]"#),
            ("-0.5e+10", "-0.5e+10"),
            ("[true,false , null]", "[true,false,null]"),
        ] {
            assert_eq!(compacted(input).as_deref(), Ok(output), "{input}");
        }
    }

    /// P2: nothing is copied when nothing has to go.
    #[test]
    fn compact_input_comes_back_as_the_same_bytes() {
        let input = Bytes::from_static(br#"{"text":"hi","list":[1,2,3]}"#);
        let output = compact(input.clone(), 8).expect("it is JSON");
        assert_eq!(output.as_ptr(), input.as_ptr());
        let padded = Bytes::from_static(b"  [1]  ");
        let output = compact(padded.clone(), 8).expect("it is JSON");
        assert_eq!(output.as_ptr(), padded[2..].as_ptr());
    }

    #[test]
    fn what_needs_a_look_inside_a_string_is_found_at_every_place() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for at in 0..32 {
                let mut bytes = [b'x'; 32];
                bytes[at] = special;
                assert_eq!(plain_len(&bytes), at, "{special:#x}");
                // Above a marked byte a borrow may mark others: only the first counts.
                bytes[at..].fill(special);
                assert_eq!(plain_len(&bytes), at, "{special:#x} and all behind it");
            }
        }
        for plain in [0x20, b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa0, 0xff] {
            assert_eq!(plain_len(&[plain; 19]), 16, "{plain:#x}: the last three are looked at one by one");
        }
    }

    /// P3.
    #[test]
    fn what_is_not_json_is_refused() {
        use CompactError::{Incomplete, Number, Surrogate, Syntax};
        for (input, error) in [
            ("", Incomplete),
            ("  ", Incomplete),
            ("{", Incomplete),
            ("[1,", Incomplete),
            ("\"a", Incomplete),
            ("tru", Incomplete),
            ("-", Incomplete),
            ("1.", Incomplete),
            ("1e", Incomplete),
            ("{\"a\"", Incomplete),
            ("{\"a\":", Incomplete),
            ("\"\\", Incomplete),
            ("\"\\u12", Incomplete),
            ("1 2", Syntax(2)),
            ("01", Syntax(1)),
            ("+1", Syntax(0)),
            (".5", Syntax(0)),
            ("[1,]", Syntax(3)),
            ("{,}", Syntax(1)),
            ("{\"a\":1,}", Syntax(7)),
            ("{a:1}", Syntax(1)),
            ("{\"a\" 1}", Syntax(5)),
            ("[1}", Syntax(2)),
            ("{\"a\":1]", Syntax(6)),
            ("nul1", Syntax(3)),
            ("NaN", Syntax(0)),
            ("\"\n\"", Syntax(1)),
            ("\"\\x\"", Syntax(2)),
            ("\"\\u12g4\"", Syntax(5)),
            ("'a'", Syntax(0)),
            ("// c", Syntax(0)),
            ("\u{feff}1", Syntax(0)),
            ("]", Syntax(0)),
            ("[1 2]", Syntax(3)),
            ("\u{a0}1", Syntax(0)),
            ("\u{b}1", Syntax(0)),
            ("\"\\ud800\"", Surrogate(1)),
            ("\"\\udc00\"", Surrogate(1)),
            ("\"\\ud800\\ud800\"", Surrogate(1)),
            ("\"\\ud800x\"", Surrogate(1)),
            ("\"\\ud800\\n\"", Surrogate(1)),
            ("1e999", Number(0)),
            ("[-1e309]", Number(1)),
        ] {
            assert_eq!(compacted(input), Err(error), "{input:?}");
        }
        let bad_utf8 = Bytes::from_static(b"\"\xff\"");
        assert_eq!(compact(bad_utf8, 8), Err(CompactError::Utf8(1)));
    }

    /// P3: the depth is counted by brackets, and no depth can exhaust the stack.
    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(compacted(&nested(8)).is_ok());
        assert_eq!(compacted(&nested(9)), Err(CompactError::TooDeep(8)));
        assert_eq!(compacted(&"[".repeat(1_000_000)), Err(CompactError::TooDeep(8)));
        assert!(compact(Bytes::from(nested(128)), usize::MAX).is_ok());
        assert!(compact(Bytes::from(nested(129)), usize::MAX).is_err());
        let mixed = "[{\"a\":[{\"a\":[{\"a\":[{}]}]}]}]";
        assert_eq!(compacted(mixed).as_deref(), Ok(mixed));
        assert!(compacted("1").is_ok() && compact(Bytes::from_static(b"1"), 0).is_ok());
    }
}
