//! What the meta group says to a command.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::state::{NAME_BYTES_MAX, NAMESPACES_MAX, VALUE_BYTES_MAX};

/// A command that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The table is another one.
    Changed {
        /// Of the table, and of the row that was put.
        version: u64,
    },
    /// It held that already.
    Unchanged {
        /// Of the row; of the table where it had been seeded before.
        version: u64,
    },
}

impl Outcome {
    /// The version from which on it holds.
    #[must_use]
    pub const fn version(self) -> u64 {
        match self {
            Self::Changed { version } | Self::Unchanged { version } => version,
        }
    }
}

/// Why a command changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The row does not stand at the version that the command names.
    #[error("the row stands at version {current}: read it, decide, put again")]
    Conflict {
        /// 0: there is no such row.
        current: u64,
    },
    /// As many rows as there may be.
    #[error("the table has {NAMESPACES_MAX} rows, as many as it may")]
    TableFull,
    /// A name or a value of a length that no row has.
    #[error("a row has a name of 1 to {NAME_BYTES_MAX} bytes and a value of at most {VALUE_BYTES_MAX}")]
    BadRow,
    /// A defect, or a command of a newer node.
    #[error("the command cannot be read by this node")]
    Unreadable,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Encoded {
    #[prost(oneof = "Said", tags = "1, 2, 3, 4")]
    said: Option<Said>,
}

#[derive(Clone, PartialEq, Eq, Oneof)]
enum Said {
    #[prost(uint64, tag = "1")]
    Changed(u64),
    #[prost(uint64, tag = "2")]
    Unchanged(u64),
    #[prost(uint64, tag = "3")]
    Conflict(u64),
    /// 1: the table is full, 2: a bad row; any other: the command could not be read.
    #[prost(uint32, tag = "4")]
    Refused(u32),
}

const TABLE_FULL: u32 = 1;
const BAD_ROW: u32 = 2;
const UNREADABLE: u32 = 3;

pub(super) fn encode(answer: Result<Outcome, Refused>) -> Bytes {
    let said = match answer {
        Ok(Outcome::Changed { version }) => Said::Changed(version),
        Ok(Outcome::Unchanged { version }) => Said::Unchanged(version),
        Err(Refused::Conflict { current }) => Said::Conflict(current),
        Err(Refused::TableFull) => Said::Refused(TABLE_FULL),
        Err(Refused::BadRow) => Said::Refused(BAD_ROW),
        Err(Refused::Unreadable) => Said::Refused(UNREADABLE),
    };
    Encoded { said: Some(said) }.encode_to_vec().into()
}

/// An answer that cannot be read is one of a newer node.
pub(super) fn decode(answer: Bytes) -> Result<Outcome, Refused> {
    match Encoded::decode(answer).ok().and_then(|answer| answer.said) {
        Some(Said::Changed(version)) => Ok(Outcome::Changed { version }),
        Some(Said::Unchanged(version)) => Ok(Outcome::Unchanged { version }),
        Some(Said::Conflict(current)) => Err(Refused::Conflict { current }),
        Some(Said::Refused(TABLE_FULL)) => Err(Refused::TableFull),
        Some(Said::Refused(BAD_ROW)) => Err(Refused::BadRow),
        Some(Said::Refused(_)) | None => Err(Refused::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_back_as_itself() {
        for answer in [
            Ok(Outcome::Changed { version: 7 }),
            Ok(Outcome::Unchanged { version: 0 }),
            Err(Refused::Conflict { current: 0 }),
            Err(Refused::TableFull),
            Err(Refused::BadRow),
            Err(Refused::Unreadable),
        ] {
            assert_eq!(decode(encode(answer)), answer);
        }
        assert_eq!(decode(Bytes::from_static(b"\xff")), Err(Refused::Unreadable));
    }
}
