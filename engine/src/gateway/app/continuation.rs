//! What `continue` holds: all that is needed to give the next page, so that a node keeps nothing between two pages and
//! any node can give the next one. Opaque to clients; forging one shows nothing that a plain request would not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanfare_protocol::{Error, ResourceVersion, TopicName};

/// The first byte tells what is continued, and in which format.
const SNAPSHOT: u8 = 1;
const LIST: u8 = 2;

/// A snapshot in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SnapshotPage {
    /// Where the snapshot stands: the same on all of its pages.
    pub(super) version: ResourceVersion,
    /// The offset at which the last page ended: of a `stream`, read backwards, everything above it was given; of
    /// other kinds everything up to it.
    pub(super) offset: u64,
}

impl SnapshotPage {
    pub(super) fn token(&self) -> String {
        let mut bytes = vec![SNAPSHOT];
        bytes.extend_from_slice(&self.version.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.version.offset.to_be_bytes());
        bytes.extend_from_slice(&self.offset.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// # Errors
    /// `BAD_PARAMETER` when it is not such a token.
    pub(super) fn parse(token: &str) -> Result<Self, Error> {
        let bytes = decode(token, SNAPSHOT)?;
        let number = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
        let (Some(epoch), Some(version), Some(offset), 24) = (number(0), number(8), number(16), bytes.len()) else {
            return Err(bad());
        };
        // An offset beyond the version would read what the snapshot does not hold.
        if offset > version {
            return Err(bad());
        }
        Ok(Self { version: ResourceVersion::new(epoch, version), offset })
    }
}

/// The token behind the topic that a page of a list ended with.
pub(super) fn list_token(last: &TopicName) -> String {
    let mut bytes = vec![LIST];
    bytes.extend_from_slice(last.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The topic that the page before ended with.
///
/// # Errors
/// `BAD_PARAMETER` when it is not such a token.
pub(super) fn parse_list_token(token: &str) -> Result<TopicName, Error> {
    let bytes = decode(token, LIST)?;
    let name = String::from_utf8(bytes).map_err(|_| bad())?;
    TopicName::parse(&name).map_err(|_| bad())
}

fn decode(token: &str, kind: u8) -> Result<Vec<u8>, Error> {
    let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    if bytes.first() != Some(&kind) {
        return Err(bad());
    }
    bytes.remove(0);
    Ok(bytes)
}

fn bad() -> Error {
    Error::bad_parameter("continue", "expected the token of the page before, as it was received")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        let page = SnapshotPage { version: ResourceVersion::new(u64::MAX, 1_042), offset: 942 };
        assert_eq!(SnapshotPage::parse(&page.token()), Ok(page));
        let topic = TopicName::parse("chat:{a}~b@c.d").unwrap();
        assert_eq!(parse_list_token(&list_token(&topic)), Ok(topic));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let page = SnapshotPage { version: ResourceVersion::new(7, 5), offset: 5 };
        let beyond = SnapshotPage { offset: 6, ..page };
        let topic = TopicName::parse("chat:lobby").unwrap();
        let short = &page.token()[..20];
        for token in ["", "!", "AQ", short, &format!("{}AA", page.token()), &beyond.token(), &list_token(&topic)] {
            assert_eq!(SnapshotPage::parse(token), Err(bad()), "{token}");
        }
        for token in
            ["", "Ag", &page.token(), &URL_SAFE_NO_PAD.encode(b"\x02a b"), &URL_SAFE_NO_PAD.encode(b"\x02\xff")]
        {
            assert_eq!(parse_list_token(token), Err(bad()), "{token}");
        }
    }
}
