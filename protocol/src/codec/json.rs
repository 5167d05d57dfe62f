//! Envelopes as JSON objects. The payload is kept as it is until the type is known, for `type` may stand behind it.

use bytes::{Buf, Bytes};
use serde::de::{DeserializeSeed as _, MapAccess};

use super::envelope::{DecodeError, EventBatchRef, is_bare};
use crate::json::{Context, Members, Object, Seed, Value, write_batch};
use crate::limits::ID_MAX;
use crate::message::{Incoming, Message};
use crate::wire::{Error, MessageType};

#[derive(Default)]
struct Head {
    kind: String,
    id: u64,
    payload: Option<Bytes>,
    traceparent: Option<String>,
}

impl Members for Head {
    const NAMES: &'static [&'static str] = &["type", "id", "payload", "traceparent"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = value.get()?,
            "id" => {
                let context = value.context();
                self.id = value.integer()?.unwrap_or_default();
                context.id.set(self.id);
            }
            "payload" => self.payload = Some(value.raw()?).filter(|payload| payload.as_ref() != b"null"),
            "traceparent" => self.traceparent = value.get()?,
            _ => value.unknown()?,
        }
        Ok(())
    }
}

/// The next line that is not empty.
pub(super) fn next_envelope(rest: &mut Bytes) -> Option<Bytes> {
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest.split_to(end);
        rest.advance(usize::from(!rest.is_empty()));
        if !line.trim_ascii().is_empty() {
            return Some(line);
        }
    }
    None
}

pub(super) fn decode(envelope: &Bytes) -> Result<Incoming, DecodeError> {
    let context = Context { source: Some(envelope), ..Context::default() };
    let head: Head = read(&context, envelope, |reader| Seed::new(&context).deserialize(reader))
        .map_err(|error| DecodeError::new(context.id.get(), error))?;
    let kind = MessageType::from_name(&head.kind).ok_or_else(|| DecodeError::unknown_type(head.id, &head.kind))?;
    let payload = head.payload.unwrap_or_else(|| Bytes::from_static(b"{}"));
    let context = Context {
        source: Some(&payload),
        is_strict: kind.is_request() && kind != MessageType::Connect,
        ..Context::default()
    };
    let message = read(&context, &payload, |reader| Message::read_json(kind, &context, reader))
        .map_err(|error| DecodeError::new(head.id, error))?
        .ok_or_else(|| DecodeError::unknown_type(head.id, &head.kind))?;
    Ok(Incoming { id: head.id, traceparent: head.traceparent, message })
}

/// Reads one value that fills `input`.
fn read<'i, T>(
    context: &Context<'_>,
    input: &'i Bytes,
    value: impl FnOnce(&mut Reader<'i>) -> serde_json::Result<T>,
) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(input);
    let value = value(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| context.error(&error))
}

type Reader<'i> = serde_json::Deserializer<serde_json::de::SliceRead<'i>>;

pub(super) fn encode(id: u64, traceparent: Option<&str>, message: &Message, out: &mut Vec<u8>) {
    debug_assert!(id <= ID_MAX, "ids are at most 2^53 - 1");
    let kind = message.message_type();
    let mut envelope = Object::open(out);
    envelope.scalar("type", kind.name());
    if id != 0 {
        envelope.scalar("id", &id);
    }
    if !is_bare(kind) {
        envelope.nested("payload", |payload| message.write_json(payload));
    }
    envelope.optional("traceparent", traceparent.as_ref());
    envelope.close();
}

pub(super) fn encode_event_batch(batch: &EventBatchRef<'_>, out: &mut Vec<u8>) {
    let mut envelope = Object::open(out);
    envelope.scalar("type", MessageType::Event.name());
    envelope.nested("payload", |payload| write_batch(batch, payload));
    envelope.close();
}
