//! Durations as users write them: `100ms`, `2s`, `1m`, `1h`; a bare number is seconds. The protocol counts in whole milliseconds.
//! Rules: SPEC.md W4.

use std::fmt;

use crate::limits::INTEGER_MAX;

/// The text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Not a decimal number with a known unit.
    #[error("not a duration: expected `100ms`, `2s`, `1m`, `1h` or a number of seconds")]
    Form,
    /// A fraction of a millisecond.
    #[error("a duration is a whole number of milliseconds")]
    TooFine,
    /// More than 2^53 − 1 milliseconds.
    #[error("a duration is at most 2^53 - 1 milliseconds")]
    TooLong,
}

/// Milliseconds that the text names. `"1.5"` and `"1500ms"` are the same.
///
/// # Errors
/// When it is not a decimal number with one of the units `ms`, `s`, `m`, `h` or none, finer than a millisecond or longer than
/// 2^53 − 1 of them.
pub fn parse_duration_ms(text: &str) -> Result<u64, BadDuration> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(BadDuration::Form),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(BadDuration::Form),
        None => (digits, ""),
    };
    let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_decimal(whole) || !is_decimal(fraction) {
        return Err(BadDuration::Form);
    }
    let whole: u64 = whole.parse().map_err(|_| BadDuration::TooLong)?;
    let ms = whole.checked_mul(unit_ms).ok_or(BadDuration::TooLong)?;
    let ms = ms.checked_add(fraction_ms(fraction, unit_ms)?).ok_or(BadDuration::TooLong)?;
    if ms > INTEGER_MAX { Err(BadDuration::TooLong) } else { Ok(ms) }
}

/// `fraction` are the digits behind the point. Exact: a double would turn `0.3` into 299 ms.
fn fraction_ms(fraction: &str, unit_ms: u64) -> Result<u64, BadDuration> {
    let digits = fraction.trim_end_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    // A multiple of 1/3,600,000 that ends at all has at most 7 digits of it behind the point.
    let scale = u32::try_from(digits.len())
        .ok()
        .filter(|count| *count <= 9)
        .map(|count| 10_u64.pow(count))
        .ok_or(BadDuration::TooFine)?;
    let numerator: u64 = digits.parse().map_err(|_| BadDuration::TooFine)?;
    let product = numerator * unit_ms;
    if product.is_multiple_of(scale) { Ok(product / scale) } else { Err(BadDuration::TooFine) }
}

/// Writes a duration as the contract spells it: `2s`, `1500ms`.
pub(crate) struct DisplayMs(pub(crate) u64);

impl fmt::Display for DisplayMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0s"),
            ms if ms.is_multiple_of(1_000) => write!(f, "{}s", ms / 1_000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W4.
    #[test]
    fn durations_read_in_each_unit_and_bare_numbers_are_seconds() {
        for (text, ms) in [
            ("100ms", 100),
            ("2s", 2_000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("1.5", 1_500),
            ("30", 30_000),
            ("0", 0),
            ("0.3", 300),
            ("0.25s", 250),
            ("1.50000000000000", 1_500),
            ("0.0001m", 6),
            ("0.0000025h", 9),
            ("9007199254740991ms", INTEGER_MAX),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
    }

    /// W4.
    #[test]
    fn what_is_no_duration_is_refused() {
        use BadDuration::{Form, TooFine, TooLong};
        for (text, error) in [
            ("", Form),
            ("s", Form),
            ("-1s", Form),
            ("+1s", Form),
            ("1d", Form),
            ("1 s", Form),
            ("1e3", Form),
            ("1.", Form),
            (".5", Form),
            ("1S", Form),
            ("NaN", Form),
            ("1.2.3", Form),
            ("١s", Form),
            ("0.5ms", TooFine),
            ("0.0001", TooFine),
            ("0.1234567891", TooFine),
            ("9007199254740992ms", TooLong),
            ("99999999999999999999h", TooLong),
            ("18446744073709551615h", TooLong),
        ] {
            assert_eq!(parse_duration_ms(text), Err(error), "{text}");
        }
    }

    /// W4.
    #[test]
    fn what_is_written_reads_back() {
        for ms in [0, 1, 999, 1_000, 1_500, 60_000, INTEGER_MAX] {
            assert_eq!(parse_duration_ms(&DisplayMs(ms).to_string()), Ok(ms));
        }
    }
}
