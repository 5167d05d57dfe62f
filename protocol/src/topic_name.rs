//! The one grammar of topic names. Whoever holds a `TopicName` may put it into URLs, logs and maps without another look.
//! Does not know which topics exist or who may read them. Rule: SPEC.md V8.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::limits::TOPIC_BYTES_MAX;

/// The namespace of names without a `:`.
const NAMESPACE_DEFAULT: &str = "default";

/// A valid name of a topic. Cheap to clone: all clones share one allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

/// Why a text is not the name of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTopicName {
    /// No byte at all.
    #[error("a topic name has at least one character")]
    Empty,
    /// Longer than `TOPIC_BYTES_MAX`.
    #[error("a topic name has at most {TOPIC_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("{0:?} is not allowed in a topic name: use `A-Z a-z 0-9 _ - . : ~ @ {{ }}`")]
    Character(char),
}

impl TopicName {
    /// Checks the name.
    ///
    /// # Errors
    /// When it is empty, longer than 255 bytes or has a character outside `A-Z a-z 0-9 _ - . : ~ @ { }`.
    pub fn parse(name: &str) -> Result<Self, BadTopicName> {
        if name.is_empty() {
            return Err(BadTopicName::Empty);
        }
        if name.len() > TOPIC_BYTES_MAX {
            return Err(BadTopicName::TooLong(name.len()));
        }
        if name.bytes().all(is_allowed) {
            return Ok(Self(Arc::from(name)));
        }
        let refused = name.chars().find(|character| !u8::try_from(*character).is_ok_and(is_allowed));
        Err(BadTopicName::Character(refused.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first `:`, or `default` without one.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or(NAMESPACE_DEFAULT, |(namespace, _)| namespace)
    }

    /// What alone chooses the shard: the part in the first `{…}`, or the whole name if there is none or it is empty.
    #[must_use]
    pub fn routing_key(&self) -> &str {
        let braced = self.0.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        match braced {
            Some((key, _)) if !key.is_empty() => key,
            _ => &self.0,
        }
    }

    /// Whether it belongs to the system: names that begin with `_`.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.0.starts_with('_')
    }
}

/// No byte of a character outside ASCII is.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'~' | b'@' | b'{' | b'}')
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for TopicName {
    type Err = BadTopicName;

    fn from_str(name: &str) -> Result<Self, BadTopicName> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::parse(text).expect("the test gives a valid name")
    }

    /// V8.
    #[test]
    fn the_namespace_is_the_part_before_the_first_colon() {
        assert_eq!(name("chat:lobby:2").namespace(), "chat");
        assert_eq!(name("lobby").namespace(), "default");
        assert_eq!(name(":x").namespace(), "");
    }

    /// V8.
    #[test]
    fn braces_choose_the_shard_when_something_is_in_them() {
        assert_eq!(name("chat:{acme}:a").routing_key(), "acme");
        assert_eq!(name("a{b}{c}").routing_key(), "b");
        for whole in ["chat:lobby", "a{}b", "a{b", "a}b{"] {
            assert_eq!(name(whole).routing_key(), whole);
        }
    }

    /// V8.
    #[test]
    fn names_outside_the_grammar_are_refused() {
        assert_eq!(TopicName::parse(""), Err(BadTopicName::Empty));
        assert_eq!(TopicName::parse(&"a".repeat(256)), Err(BadTopicName::TooLong(256)));
        assert!(TopicName::parse(&"a".repeat(255)).is_ok());
        for (text, character) in [("a b", ' '), ("a/b", '/'), ("ä", 'ä'), ("a\n", '\n'), ("a*", '*'), ("a%20", '%')] {
            assert_eq!(TopicName::parse(text), Err(BadTopicName::Character(character)));
        }
        assert!(name("_shards").is_internal());
    }
}
