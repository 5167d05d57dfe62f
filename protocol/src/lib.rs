//! The words both ends of a Fanfare connection agree on: messages, their two encodings, versions, codes, limits. `SPEC.md` has the rules,
//! `proto/` the messages, `catalogue/` the codes and metrics, `conformance/` examples that every implementation reads.
//!
//! Pure: no clock, no socket, no runtime. Whatever bytes come in, decoding gives a value or a typed error, and never allocates more than a
//! small multiple of them. Does not decide anything: who may do what, and what is current, is the engine's.
//!
//! Start at [`decode`] and [`encode`].

mod code;
mod codec;
mod compact;
mod duration;
mod error;
pub mod frame;
pub mod json;
pub mod limits;
mod message;
pub mod metric;
mod resource_version;
mod shape;
pub mod spelling;
mod topic_name;
mod watch;

/// The types that prost makes of `proto/`; their fields are documented there.
#[allow(missing_docs, clippy::all, reason = "generated")]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/fanfare.v1.rs"));
}

/// `proto/` as a `FileDescriptorSet`: what protobuf runtimes that compile nothing need to read our messages.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

pub use code::{Class, Code};
pub use codec::{DecodeError, Encoding, EventBatchRef, decode, encode, encode_event_batch, encode_traced, envelopes};
pub use compact::{CompactError, compact};
pub use duration::{BadDuration, parse_duration_ms};
pub use message::{Incoming, Message};
pub use resource_version::BadResourceVersion;
pub use topic_name::{BadTopicName, TopicName};
pub use wire::*;
