//! Envelopes as protobuf. Written field by field, because the payload would else be encoded into a buffer of its own first.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint};
use prost::encoding::{encoded_len_varint, int32, key_len, message, skip_field, string, uint32, uint64};

use super::envelope::{DecodeError, EventBatchRef};
use crate::limits::{ID_MAX, ITEM_BYTES_MIN, ITEMS_SLACK, PUBLICATIONS_MAX, VIEWS_MAX};
use crate::message::{Incoming, Message};
use crate::wire::{Envelope, Error, MessageType};

/// Field numbers of `Envelope`.
const TYPE: u32 = 1;
const ID: u32 = 2;
const PAYLOAD: u32 = 3;
const TRACEPARENT: u32 = 4;

/// Cuts the next envelope off. After a length that cannot be right the rest is dropped.
pub(super) fn next_envelope(rest: &mut Bytes) -> Option<Result<Bytes, DecodeError>> {
    if rest.is_empty() {
        return None;
    }
    let length = decode_varint(rest).ok().and_then(|length| usize::try_from(length).ok());
    match length {
        Some(length) if length <= rest.len() => Some(Ok(rest.split_to(length))),
        _ => {
            rest.clear();
            Some(Err(DecodeError::new(
                0,
                Error::malformed("the length before an envelope is not that of what follows"),
            )))
        }
    }
}

pub(super) fn decode(envelope: &Bytes) -> Result<Incoming, DecodeError> {
    let Envelope { r#type, id, payload, traceparent } =
        Envelope::decode(envelope.clone()).map_err(|error| DecodeError::new(0, Error::malformed(error)))?;
    if id > ID_MAX {
        return Err(DecodeError::new(0, Error::malformed("`id` is greater than 2^53 - 1")));
    }
    let fail = |error| DecodeError::new(id, error);
    let kind = MessageType::try_from(r#type).map_err(|_| DecodeError::unknown_type(id, r#type))?;
    check_counts(kind, &payload).map_err(fail)?;
    let message = Message::read_protobuf(kind, payload).map_err(|error| fail(Error::malformed(error)))?;
    let message = message.ok_or_else(|| DecodeError::unknown_type(id, r#type))?;
    Ok(Incoming { id, traceparent, message })
}

/// Counts the elements of the lists whose elements are much larger in memory than on the wire, before prost makes room for them.
fn check_counts(kind: MessageType, payload: &Bytes) -> Result<(), Error> {
    let items_max = payload.len() / ITEM_BYTES_MIN + ITEMS_SLACK;
    let (field, parameter, count_max) = match kind {
        MessageType::Publish => (3, "publications", PUBLICATIONS_MAX),
        MessageType::Subscribe | MessageType::Subscribed => (2, "views", VIEWS_MAX),
        MessageType::Event => (5, "events", items_max),
        MessageType::HistoryPage => (2, "items", items_max),
        MessageType::PresenceState => (2, "members", items_max),
        _ => return Ok(()),
    };
    let count = count_field(field, payload).map_err(Error::malformed)?;
    if count > count_max {
        return Err(Error::bad_parameter(parameter, format_args!("at most {count_max} at once")));
    }
    Ok(())
}

fn count_field(field: u32, mut payload: &[u8]) -> Result<usize, prost::DecodeError> {
    let mut count = 0;
    while !payload.is_empty() {
        let (tag, wire_type) = decode_key(&mut payload)?;
        count += usize::from(tag == field);
        skip_field(wire_type, tag, &mut payload, DecodeContext::default())?;
    }
    Ok(count)
}

pub(super) fn encode(id: u64, traceparent: Option<&str>, message: &Message, out: &mut Vec<u8>) {
    debug_assert!(id <= ID_MAX, "ids are at most 2^53 - 1");
    let kind = message.message_type() as i32;
    let traceparent = traceparent.map(str::to_owned);
    let payload_bytes = message.protobuf_bytes();
    let id_bytes = if id == 0 { 0 } else { uint64::encoded_len(ID, &id) };
    let traceparent_bytes = traceparent.as_ref().map_or(0, |text| string::encoded_len(TRACEPARENT, text));
    let length = int32::encoded_len(TYPE, &kind) + id_bytes + payload_len(payload_bytes) + traceparent_bytes;

    out.reserve(encoded_len_varint(length as u64) + length);
    encode_varint(length as u64, out);
    int32::encode(TYPE, &kind, out);
    if id != 0 {
        uint64::encode(ID, &id, out);
    }
    if payload_bytes > 0 {
        encode_key(PAYLOAD, WireType::LengthDelimited, out);
        encode_varint(payload_bytes as u64, out);
        message.write_protobuf(out);
    }
    if let Some(traceparent) = &traceparent {
        string::encode(TRACEPARENT, traceparent, out);
    }
}

pub(super) fn encode_event_batch(batch: &EventBatchRef<'_>, out: &mut Vec<u8>) {
    let kind = MessageType::Event as i32;
    let payload_bytes = batch_len(batch);
    let length = int32::encoded_len(TYPE, &kind) + payload_len(payload_bytes);

    out.reserve(encoded_len_varint(length as u64) + length);
    encode_varint(length as u64, out);
    int32::encode(TYPE, &kind, out);
    encode_key(PAYLOAD, WireType::LengthDelimited, out);
    encode_varint(payload_bytes as u64, out);
    if batch.view != 0 {
        uint32::encode(1, &batch.view, out);
    }
    message::encode(2, &batch.after, out);
    message::encode(3, &batch.through, out);
    if batch.limited {
        prost::encoding::bool::encode(4, &batch.limited, out);
    }
    for event in batch.events {
        message::encode(5, event.as_ref(), out);
    }
}

fn batch_len(batch: &EventBatchRef<'_>) -> usize {
    let view_bytes = if batch.view == 0 { 0 } else { uint32::encoded_len(1, &batch.view) };
    let limited_bytes = if batch.limited { prost::encoding::bool::encoded_len(4, &batch.limited) } else { 0 };
    let events_bytes: usize = batch.events.iter().map(|event| message::encoded_len(5, event.as_ref())).sum();
    view_bytes
        + message::encoded_len(2, &batch.after)
        + message::encoded_len(3, &batch.through)
        + limited_bytes
        + events_bytes
}

/// The field `payload` with its key and length; an empty one is left out.
fn payload_len(payload_bytes: usize) -> usize {
    if payload_bytes == 0 { 0 } else { key_len(PAYLOAD) + encoded_len_varint(payload_bytes as u64) + payload_bytes }
}
