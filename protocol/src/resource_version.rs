//! The text form of a version, `EPOCH.OFFSET` (hexadecimal, decimal), used in JSON, HTTP and SSE. Opaque to clients: there is exactly
//! one text for each version, so that they may compare texts. Rules: SPEC.md V1 to V3.

use std::fmt;
use std::str::FromStr;

use crate::wire::ResourceVersion;

/// The text is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a resource version: expected `EPOCH.OFFSET`, hexadecimal and decimal, as it was received")]
pub struct BadResourceVersion;

impl ResourceVersion {
    /// `0.0`: where a topic that does not exist stands.
    pub const NONE: Self = Self { epoch: 0, offset: 0 };

    /// The version `offset` of the history `epoch`.
    #[must_use]
    pub const fn new(epoch: u64, offset: u64) -> Self {
        Self { epoch, offset }
    }

    /// Whether it is `0.0`.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.epoch == 0 && self.offset == 0
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.epoch, self.offset)
    }
}

impl FromStr for ResourceVersion {
    type Err = BadResourceVersion;

    fn from_str(text: &str) -> Result<Self, BadResourceVersion> {
        let (epoch, offset) = text.split_once('.').ok_or(BadResourceVersion)?;
        let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        Ok(Self { epoch: canonical(epoch, 16, is_hex)?, offset: canonical(offset, 10, u8::is_ascii_digit)? })
    }
}

/// Refuses signs, capitals and leading zeros, which the parser of the standard library lets through.
fn canonical(digits: &str, radix: u32, is_digit: impl Fn(&u8) -> bool) -> Result<u64, BadResourceVersion> {
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if leading_zero || !digits.as_bytes().iter().all(is_digit) {
        return Err(BadResourceVersion);
    }
    u64::from_str_radix(digits, radix).map_err(|_| BadResourceVersion)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// V1.
    #[test]
    fn a_version_reads_as_it_is_written() {
        for (text, version) in [
            ("0.0", ResourceVersion::NONE),
            ("6f1c.1042", ResourceVersion::new(0x6f1c, 1042)),
            ("ffffffffffffffff.18446744073709551615", ResourceVersion::new(u64::MAX, u64::MAX)),
        ] {
            assert_eq!(version.to_string(), text);
            assert_eq!(text.parse(), Ok(version));
        }
    }

    /// V1: one text per version.
    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            "",
            ".",
            "0",
            "6f1c",
            "6f1c.",
            ".1",
            "6F1C.1",
            "06f1c.1",
            "6f1c.01",
            "+1.1",
            "1.+1",
            "1.-1",
            " 1.1",
            "1.1 ",
            "1.1.1",
            "10000000000000000.1",
            "1.18446744073709551616",
            "g.1",
            "1.a",
        ] {
            assert_eq!(text.parse::<ResourceVersion>(), Err(BadResourceVersion), "{text}");
        }
    }
}
