//! What an entry carries: a time and the commands that waited for it.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};

use super::codec::Malformed;
use crate::shard::{Entry, EntryTime};

/// Commands on their way through the log: as they were proposed, or as they were read back. Encoded when they are
/// appended and taken apart when they are applied, each once and never on the way to another node.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Commands {
    /// By this node, just now. Shared with whoever waits for the outcome, who may have to propose them again.
    Proposed { time: EntryTime, commands: Arc<Vec<Bytes>> },
    /// Out of the log, of this node or of another.
    Encoded(Bytes),
}

impl Commands {
    /// `shard_ms | wall_ms | count | count lengths | commands`, integers little-endian.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Encoded(bytes) => out.put_slice(bytes),
            Self::Proposed { time, commands } => {
                out.reserve(encoded_len(commands));
                out.put_u64_le(time.shard_ms);
                out.put_i64_le(time.wall_ms);
                out.put_u32_le(length(commands.len()));
                for command in commands.iter() {
                    out.put_u32_le(length(command.len()));
                }
                for command in commands.iter() {
                    out.put_slice(command);
                }
            }
        }
    }

    /// The entry of that place; its commands share the memory of what was read.
    pub(super) fn into_entry(self, index: u64) -> Result<Entry, Malformed> {
        let mut bytes = match self {
            Self::Proposed { time, commands } => {
                let commands = Arc::unwrap_or_clone(commands);
                return Ok(Entry { index, time, commands });
            }
            Self::Encoded(bytes) => bytes,
        };
        let time = EntryTime { shard_ms: bytes.try_get_u64_le()?, wall_ms: bytes.try_get_i64_le()? };
        let count = bytes.try_get_u32_le()? as usize;
        let table = count.checked_mul(size_of::<u32>()).filter(|len| *len <= bytes.len()).ok_or(Malformed::Short)?;
        let mut lengths = bytes.split_to(table);
        let mut commands = Vec::with_capacity(count);
        for _ in 0..count {
            let len = lengths.try_get_u32_le()? as usize;
            if len > bytes.len() {
                return Err(Malformed::Short);
            }
            commands.push(bytes.split_to(len));
        }
        if bytes.is_empty() { Ok(Entry { index, time, commands }) } else { Err(Malformed::Long) }
    }

    /// What it takes in the log, in bytes.
    pub(super) fn encoded_len(&self) -> usize {
        match self {
            Self::Encoded(bytes) => bytes.len(),
            Self::Proposed { commands, .. } => encoded_len(commands),
        }
    }
}

fn encoded_len(commands: &[Bytes]) -> usize {
    let head = 2 * size_of::<u64>() + size_of::<u32>();
    head + commands.iter().map(|command| size_of::<u32>() + command.len()).sum::<usize>()
}

/// Lengths and counts are bounded by the batcher, far below 4 GiB.
fn length(len: usize) -> u32 {
    u32::try_from(len).expect("an entry is far smaller than 4 GiB")
}

/// Only a size: commands belong to users and to no log.
impl fmt::Display for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.encoded_len())
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
