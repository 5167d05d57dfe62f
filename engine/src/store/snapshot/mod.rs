//! Snapshots of a shard: its rows as they are, in chunks, from a store that stands still into a generation of another
//! store that nobody reads yet.
//!
//! Chunks hold rows in the order of [tables](super::table::Table) and keys. A place in that order says where a chunk
//! ends, so any chunk can be asked for again, by anyone, of the same view. Rows travel under the checksum that they were
//! first written with; each chunk has one of its own around it. The shard's own row comes last: what has it, is whole.

mod chunk;
mod sink;
mod source;

pub(super) use sink::{Sink, install};
pub(super) use source::{HELD_BYTES_MAX, Nothing, Source};
