//! A cursor over several topics: what `GET /v1/watch` hands out and takes back (rule W21 of the protocol's `SPEC.md`).
//!
//! Base64url of: a format byte, 32 bits that name the topics, and for each topic, in the order of their names, whether it has
//! begun, its epoch and its offset. A topic whose snapshot was not told whole has not begun, and begins again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanfare_protocol::{ResourceVersion, TopicName};
use xxhash_rust::xxh3::xxh3_64;

const FORMAT: u8 = 1;
const EPOCH_BYTES: usize = 8;
const NAMES_BYTES: usize = 4;

/// Why a text is no cursor of these topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCursor {
    /// It was not made here, or not for this.
    #[error("this is no cursor of several topics")]
    Unreadable,
    /// It was made for others.
    #[error("this cursor is of other topics")]
    OtherTopics,
}

/// Where each of several topics stands, in the order of their names; `None` before it has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombinedCursor {
    names: [u8; NAMES_BYTES],
    /// In the order of the names.
    places: Vec<Option<ResourceVersion>>,
}

impl CombinedCursor {
    /// Before the beginning of all of them; `topics` are sorted.
    #[must_use]
    pub fn new(topics: &[TopicName]) -> Self {
        Self { names: names_of(topics), places: vec![None; topics.len()] }
    }

    /// As a client hands it back.
    ///
    /// # Errors
    /// When it is none, or of other topics than these, which are sorted.
    pub fn parse(text: &str, topics: &[TopicName]) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor::Unreadable)?;
        let (head, mut rest) = bytes.split_first_chunk::<{ 1 + NAMES_BYTES }>().ok_or(BadCursor::Unreadable)?;
        let [format, names @ ..] = *head;
        if format != FORMAT {
            return Err(BadCursor::Unreadable);
        }
        if names != names_of(topics) {
            return Err(BadCursor::OtherTopics);
        }
        let mut places = Vec::with_capacity(topics.len());
        for _ in topics {
            places.push(place(&mut rest).ok_or(BadCursor::Unreadable)?);
        }
        if rest.is_empty() { Ok(Self { names, places }) } else { Err(BadCursor::Unreadable) }
    }

    /// Where the topic at that place in the order of names stands.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<ResourceVersion> {
        self.places.get(index).copied().flatten()
    }

    /// Everything of a topic up to this version was told.
    pub fn reach(&mut self, index: usize, version: ResourceVersion) {
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(version);
        }
    }

    /// Which topic has the first turn: the first one at the beginning, and then one that differs from cursor to cursor.
    #[must_use]
    pub fn turn(&self) -> usize {
        let has_begun = self.places.iter().any(Option::is_some);
        let count = self.places.len().max(1) as u64;
        let turn = if has_begun { xxh3_64(self.to_string().as_bytes()) % count } else { 0 };
        usize::try_from(turn).unwrap_or_default()
    }

    /// A topic has to begin anew.
    pub fn forget(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            *place = None;
        }
    }
}

impl std::fmt::Display for CombinedCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.names);
        for place in &self.places {
            let Some(ResourceVersion { epoch, offset }) = place else {
                bytes.push(0);
                continue;
            };
            bytes.push(1);
            bytes.extend_from_slice(&epoch.to_be_bytes());
            prost::encoding::encode_varint(*offset, &mut bytes);
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn names_of(topics: &[TopicName]) -> [u8; NAMES_BYTES] {
    let mut text = String::new();
    for topic in topics {
        text.push_str(topic.as_str());
        text.push('\n');
    }
    let [.., a, b, c, d] = xxh3_64(text.as_bytes()).to_be_bytes();
    [a, b, c, d]
}

/// `None` when the bytes are none; inside, whether it has begun.
fn place(rest: &mut &[u8]) -> Option<Option<ResourceVersion>> {
    let (has_begun, behind) = rest.split_first()?;
    *rest = behind;
    match has_begun {
        0 => Some(None),
        1 => {
            let (epoch, behind) = rest.split_first_chunk::<EPOCH_BYTES>()?;
            *rest = behind;
            let offset = prost::encoding::decode_varint(rest).ok()?;
            Some(Some(ResourceVersion::new(u64::from_be_bytes(*epoch), offset)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topics(count: usize) -> Vec<TopicName> {
        (0..count).map(|n| TopicName::parse(&format!("t:{n:03}")).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_as_written(places in prop::collection::vec(any::<Option<(u64, u64)>>(), 1..64)) {
            let topics = topics(places.len());
            let mut cursor = CombinedCursor::new(&topics);
            for (index, place) in places.iter().enumerate() {
                if let Some((epoch, offset)) = place {
                    cursor.reach(index, ResourceVersion::new(*epoch, *offset));
                }
            }
            prop_assert_eq!(CombinedCursor::parse(&cursor.to_string(), &topics), Ok(cursor));
        }

        #[test]
        fn whatever_a_client_sends_never_panics(text in "[A-Za-z0-9_-]{0,80}", count in 1..5usize) {
            let _ = CombinedCursor::parse(&text, &topics(count));
        }
    }

    #[test]
    fn a_cursor_of_other_topics_is_told_so() {
        let text = CombinedCursor::new(&topics(2)).to_string();
        assert_eq!(CombinedCursor::parse(&text, &topics(3)), Err(BadCursor::OtherTopics));
        assert_eq!(CombinedCursor::parse("6f1c.7", &topics(2)), Err(BadCursor::Unreadable));
        assert_eq!(CombinedCursor::parse(&format!("{text}AA"), &topics(2)), Err(BadCursor::Unreadable));
    }
}
