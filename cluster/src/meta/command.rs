//! What may be asked of the meta group. Commands are read back from disk by later versions, so they are prost messages
//! with fixed numbers: **a number is never reused, a new field is optional, and a changed meaning gets a new
//! [`FORMAT`]**.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::answer::Refused;

/// The format that this version writes and understands.
const FORMAT: u32 = 1;

/// One command as it is committed.
#[derive(Clone, PartialEq, Eq, Message)]
struct Command {
    /// 1: [`FORMAT`] of the writer. One that is not known is refused, not guessed at.
    #[prost(uint32, tag = "1")]
    format: u32,
    /// 2 to 15: what to do.
    #[prost(oneof = "Verb", tags = "2, 3")]
    verb: Option<Verb>,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub(super) enum Verb {
    /// 2.
    #[prost(message, tag = "2")]
    PutNamespace(Put),
    /// 3.
    #[prost(message, tag = "3")]
    SeedNamespaces(Seed),
}

/// Adds or replaces a row.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Put {
    /// 1.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// 2.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
    /// 3: only if the row stands at this version; 0: only if there is none.
    #[prost(uint64, optional, tag = "3")]
    pub(super) if_version: Option<u64>,
}

/// The first rows of a table. Changes nothing where there ever were any.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Seed {
    /// 1: of a name that comes twice, the last.
    #[prost(message, repeated, tag = "1")]
    pub(super) rows: Vec<Named>,
}

/// A row to be.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Named {
    /// 1.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// 2.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

impl Verb {
    /// As a command.
    pub(super) fn into_command(self) -> Bytes {
        Command { format: FORMAT, verb: Some(self) }.encode_to_vec().into()
    }

    /// Reads a command back. Only a defect, or a newer node, writes what cannot be read.
    pub(super) fn decode(command: Bytes) -> Result<Self, Refused> {
        match Command::decode(command) {
            Ok(Command { format: FORMAT, verb: Some(verb) }) => Ok(verb),
            Ok(_) | Err(_) => Err(Refused::Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These bytes are in write-ahead logs: if this test fails, the format has changed and [`FORMAT`] must too.
    #[test]
    fn the_bytes_of_a_command_stay_what_they_are() {
        let put = Put { name: "a".to_owned(), value: Bytes::from_static(b"x"), if_version: Some(0) };
        let expected = [8, 1, 18, 8, 10, 1, b'a', 18, 1, b'x', 24, 0];
        assert_eq!(Verb::PutNamespace(put).into_command(), expected.as_slice());
        let row = Named { name: "a".to_owned(), value: Bytes::from_static(b"x") };
        let expected = [8, 1, 26, 8, 10, 6, 10, 1, b'a', 18, 1, b'x'];
        assert_eq!(Verb::SeedNamespaces(Seed { rows: vec![row] }).into_command(), expected.as_slice());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bytes in [&b"\xff\xff"[..], b"", b"\x08\x01", b"\x08\x02\x12\x03\x0a\x01t"] {
            assert_eq!(Verb::decode(Bytes::from_static(bytes)), Err(Refused::Unreadable), "{bytes:?}");
        }
    }
}
