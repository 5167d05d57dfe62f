//! Envelopes in and out, whichever encoding they have.

use std::sync::Arc;

use bytes::Bytes;

use super::{Encoding, json, protobuf};
use crate::code::Code;
use crate::limits::ENVELOPES_MAX;
use crate::message::{Incoming, Message};
use crate::shape;
use crate::wire::{Error, Event, MessageType, ResourceVersion};

/// An envelope that cannot be read. The connection lives on: the next envelope begins where it was said.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct DecodeError {
    /// Of the request that the error answers; 0 when it could not be read or none was given.
    pub id: u64,
    /// What to answer.
    pub error: Error,
}

impl DecodeError {
    pub(super) fn new(id: u64, error: Error) -> Self {
        Self { id, error }
    }

    pub(super) fn unknown_type(id: u64, name: impl std::fmt::Display) -> Self {
        let name = name.to_string();
        let quoted = &name[..name.floor_char_boundary(64)];
        Self::new(id, Error::of(Code::UnknownType).with_message(format!("unknown envelope type `{quoted}`")))
    }
}

/// EVENT, without owning its events: a view's batch shares them with the log and with other views.
#[derive(Clone, Copy, Debug)]
pub struct EventBatchRef<'e> {
    /// The number of the view.
    pub view: u32,
    /// The batch covers the versions after this one …
    pub after: ResourceVersion,
    /// … up to and with this one.
    pub through: ResourceVersion,
    /// Whether the snapshot of a `stream` left out older publications.
    pub limited: bool,
    /// In ascending version.
    pub events: &'e [Arc<Event>],
}

/// Splits one WebSocket message (or body) into its envelopes: protobuf by the length before each, JSON by lines. Ends after the first
/// length that cannot be right, and after `ENVELOPES_MAX`. Empty lines are skipped.
pub fn envelopes(encoding: Encoding, message: &Bytes) -> impl Iterator<Item = Result<Bytes, DecodeError>> + use<> {
    let mut rest = message.clone();
    let mut count = 0;
    std::iter::from_fn(move || {
        let envelope = match encoding {
            Encoding::Protobuf => protobuf::next_envelope(&mut rest),
            Encoding::Json => json::next_envelope(&mut rest).map(Ok),
        }?;
        count += 1;
        if count > ENVELOPES_MAX {
            rest.clear();
            let reason = format_args!("a message holds at most {ENVELOPES_MAX} envelopes");
            return Some(Err(DecodeError::new(0, Error::malformed(reason))));
        }
        Some(envelope)
    })
}

/// Reads one envelope: what [`envelopes`] or [`crate::frame::Decoder`] cut out. `data` and other bytes stay slices of it: whoever keeps
/// them for long should copy them, or the whole frame stays in memory.
///
/// # Errors
/// With the error to answer: MALFORMED, UNKNOWN_TYPE, UNKNOWN_PARAMETER, BAD_PARAMETER.
pub fn decode(encoding: Encoding, envelope: &Bytes) -> Result<Incoming, DecodeError> {
    let incoming = match encoding {
        Encoding::Protobuf => protobuf::decode(envelope),
        Encoding::Json => json::decode(envelope),
    }?;
    shape::check(&incoming.message).map_err(|error| DecodeError::new(incoming.id, error))?;
    Ok(incoming)
}

/// Appends one envelope: protobuf with its length before it, JSON without a newline. An `id` of 0 is left out.
pub fn encode(encoding: Encoding, id: u64, message: &Message, out: &mut Vec<u8>) {
    encode_traced(encoding, id, None, message, out);
}

/// As [`encode`], with the W3C Trace Context of the sender.
pub fn encode_traced(encoding: Encoding, id: u64, traceparent: Option<&str>, message: &Message, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Protobuf => protobuf::encode(id, traceparent, message, out),
        Encoding::Json => json::encode(id, traceparent, message, out),
    }
}

/// Appends an EVENT envelope: the bytes that [`encode`] writes for the same batch, without cloning its events.
pub fn encode_event_batch(encoding: Encoding, batch: EventBatchRef<'_>, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Protobuf => protobuf::encode_event_batch(&batch, out),
        Encoding::Json => json::encode_event_batch(&batch, out),
    }
}

/// Whether a message of this type has an empty payload, which writers leave out.
pub(super) fn is_bare(kind: MessageType) -> bool {
    matches!(kind, MessageType::Ping | MessageType::Pong)
}
