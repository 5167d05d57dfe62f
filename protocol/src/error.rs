//! Building and reading the wire's `Error`: the answer to a request that failed, or the reason why a view or a connection ends.
//! Knows no cause beyond the catalogue; each boundary has its own map into it. Rules: SPEC.md, section X.

use std::fmt;

use crate::code::{Class, Code};
use crate::compact::CompactError;
use crate::limits::{CLOSE_REASON_BYTES_MAX, ERROR_MESSAGE_BYTES_MAX};
use crate::spelling::nearest;
use crate::wire::{Error, ResourceVersion};

impl Error {
    /// The error of this code, with its default sentence.
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self {
            code: u32::from(code.number()),
            name: code.name().to_owned(),
            message: code.sentence().to_owned(),
            class: code.class().as_str().to_owned(),
            ..Self::default()
        }
    }

    /// Says more than the default sentence. Cut at `ERROR_MESSAGE_BYTES_MAX`.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        let end = self.message.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX);
        self.message.truncate(end);
        self
    }

    /// Names the topic.
    #[must_use]
    pub fn with_topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Of GONE: the oldest version from which the topic can be resumed.
    #[must_use]
    pub fn with_oldest(mut self, oldest: ResourceVersion) -> Self {
        self.oldest = Some(oldest);
        self
    }

    /// Of EPOCH_CHANGED, VERSION_AHEAD and VERSION_CONFLICT: the version that is current.
    #[must_use]
    pub fn with_current(mut self, current: ResourceVersion) -> Self {
        self.current = Some(current);
        self
    }

    /// Of OUT_OF_SEQUENCE: the sequence that would be accepted.
    #[must_use]
    pub fn with_expected(mut self, sequence: u64) -> Self {
        self.expected = Some(sequence);
        self
    }

    /// Of UNKNOWN_PARAMETER and BAD_PARAMETER: which one. Cut like the message, for it is the input's.
    #[must_use]
    pub fn with_parameter(mut self, parameter: impl Into<String>) -> Self {
        let mut parameter = parameter.into();
        parameter.truncate(parameter.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX));
        self.parameter = Some(parameter);
        self
    }

    /// Of UNKNOWN_PARAMETER: the known name that was likely meant.
    #[must_use]
    pub fn with_nearest(mut self, nearest: impl Into<String>) -> Self {
        self.nearest = Some(nearest.into());
        self
    }

    /// When to repeat.
    #[must_use]
    pub fn with_retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// UNKNOWN_PARAMETER for `parameter`, naming the one of `known` that was likely meant, else all of them.
    #[must_use]
    pub fn unknown_parameter<'k>(parameter: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let error = Self::of(Code::UnknownParameter).with_parameter(parameter);
        let unknown = format!("unknown parameter `{}`", shorten(parameter));
        match nearest(parameter, known.iter().copied()) {
            Some(nearest) => error.with_message(format!("{unknown}, did you mean `{nearest}`")).with_nearest(nearest),
            None if known.is_empty() => error.with_message(format!("{unknown}, there are none")),
            None => error.with_message(format!("{unknown}, there are `{}`", known.join("`, `"))),
        }
    }

    /// BAD_PARAMETER for `parameter`; `reason` says what is allowed.
    #[must_use]
    pub fn bad_parameter(parameter: &str, reason: impl fmt::Display) -> Self {
        Self::of(Code::BadParameter)
            .with_parameter(parameter)
            .with_message(format!("`{}`: {reason}", shorten(parameter)))
    }

    /// BAD_PARAMETER for what `aliases` allows once, if both names are one parameter: they could contradict each other.
    #[must_use]
    pub fn given_twice(first: &str, second: &str, aliases: &[&[&str]]) -> Option<Self> {
        if first == second {
            return Some(Self::bad_parameter(second, "given twice"));
        }
        let is_alias = aliases.iter().any(|names| names.contains(&first) && names.contains(&second));
        is_alias
            .then(|| Self::bad_parameter(second, format_args!("is the same parameter as `{first}`, give one of them")))
    }

    /// MALFORMED; `reason` says where and why.
    #[must_use]
    pub fn malformed(reason: impl fmt::Display) -> Self {
        Self::of(Code::Malformed).with_message(reason.to_string())
    }

    /// The code, if this version knows it.
    #[must_use]
    pub fn known_code(&self) -> Option<Code> {
        u16::try_from(self.code).ok().and_then(Code::from_number)
    }

    /// What to do about it, told by the number alone, so that it is right for codes of later versions too.
    #[must_use]
    pub fn class(&self) -> Class {
        u16::try_from(self.code).map_or(Class::Terminal, Class::of_number)
    }

    /// The reason of a WebSocket close frame: `NAME: message`, cut to the 123 bytes that fit.
    #[must_use]
    pub fn close_reason(&self) -> String {
        let mut reason = format!("{}: {}", self.name, self.message);
        reason.truncate(reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX));
        reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl From<CompactError> for Error {
    fn from(error: CompactError) -> Self {
        Self::malformed(format_args!("`data`: {error}"))
    }
}

/// So much of an unknown name as a text should quote.
fn shorten(name: &str) -> &str {
    &name[..name.floor_char_boundary(64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1.
    #[test]
    fn an_error_carries_number_name_sentence_and_class() {
        let error = Error::of(Code::Gone).with_oldest(ResourceVersion::new(0x77aa, 900));
        assert_eq!((error.code, error.name.as_str(), error.class.as_str()), (3301, "GONE", "resync"));
        assert_eq!(error.known_code(), Some(Code::Gone));
        assert_eq!(error.oldest, Some(ResourceVersion::new(0x77aa, 900)));
    }

    /// X3.
    #[test]
    fn an_unknown_number_still_has_a_class() {
        let error = Error { code: 3077, ..Error::default() };
        assert_eq!((error.known_code(), error.class()), (None, Class::Retry));
        assert_eq!(Error { code: 1 << 20, ..Error::default() }.class(), Class::Terminal);
    }

    /// X5.
    #[test]
    fn a_close_reason_is_cut_at_123_bytes_between_characters() {
        let reason = Error::of(Code::Malformed).with_message("ä".repeat(400)).close_reason();
        assert!(reason.starts_with("MALFORMED: ä"));
        assert!((122..=123).contains(&reason.len()));
    }

    /// X4: the input is not sent back at full length.
    #[test]
    fn texts_that_quote_the_input_are_bounded() {
        let long = "x".repeat(1_000_000);
        let error = Error::unknown_parameter(&long, ["filter", "from"]);
        assert!(error.message.len() <= ERROR_MESSAGE_BYTES_MAX);
        assert!(error.parameter.is_some_and(|parameter| parameter.len() <= ERROR_MESSAGE_BYTES_MAX));
    }

    /// X4.
    #[test]
    fn an_unknown_parameter_names_the_nearest() {
        let error = Error::unknown_parameter("fliter", ["filter", "from", "fields"]);
        assert_eq!(error.nearest.as_deref(), Some("filter"));
        assert_eq!(Error::unknown_parameter("x", []).nearest, None);
    }

    /// W2: what nobody meant would send the reader astray.
    #[test]
    fn an_unknown_parameter_that_is_like_none_is_told_which_there_are() {
        let error = Error::unknown_parameter("foo", ["limit", "continue"]);
        assert_eq!(
            (error.nearest.as_deref(), error.message.as_str()),
            (None, "unknown parameter `foo`, there are `limit`, `continue`")
        );
    }
}
