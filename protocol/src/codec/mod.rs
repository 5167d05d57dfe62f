//! The two encodings of an envelope: protobuf, prefixed by its length, and JSON, one object a line. Both carry the same messages, so that
//! whatever handles them does not know which one a client speaks. Rules: SPEC.md, section E.

mod encoding;
mod envelope;
mod json;
mod protobuf;

pub use encoding::Encoding;
pub use envelope::{DecodeError, EventBatchRef, decode, encode, encode_event_batch, encode_traced, envelopes};
