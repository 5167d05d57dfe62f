//! Envelopes as JSON objects. The payload is kept as it is until the type is known, for `type` may stand behind it.

use bytes::{Buf, Bytes};
use serde::de::{DeserializeSeed as _, MapAccess};

use super::envelope::{DecodeError, EventBatchRef, is_bare};
use crate::code::Code;
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
    let form = "an envelope must be a JSON object on a line of its own";
    let context = Context { source: Some(envelope), form, ..Context::default() };
    let head: Head = read(&context, envelope, |reader| Seed::new(&context).deserialize(reader))
        .map_err(|error| DecodeError::new(context.id.get(), unreadable(error)))?;
    let kind = MessageType::from_name(&head.kind).ok_or_else(|| DecodeError::unknown_type(head.id, &head.kind))?;
    let payload = head.payload.unwrap_or_else(|| Bytes::from_static(b"{}"));
    let context = Context {
        source: Some(&payload),
        is_strict: kind.is_request() && kind != MessageType::Connect,
        form: "the payload must be a JSON object",
        ..Context::default()
    };
    let message = read(&context, &payload, |reader| Message::read_json(kind, &context, reader))
        .map_err(|error| DecodeError::new(head.id, error))?
        .ok_or_else(|| DecodeError::unknown_type(head.id, &head.kind))?;
    Ok(Incoming { id: head.id, traceparent: head.traceparent, message })
}

/// What is around a message has no parameters: an id that is none makes the envelope one that cannot be read (SPEC.md E3).
fn unreadable(error: Error) -> Error {
    if error.known_code() == Some(Code::BadParameter) { Error::malformed(error.message) } else { error }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(envelope: &'static str) -> Error {
        decode(&Bytes::from_static(envelope.as_bytes())).expect_err("it is refused").error
    }

    /// W2: whoever reads it learns which member it is and what it may be, not what a parser calls it.
    #[test]
    fn a_number_out_of_range_is_told_what_is_allowed() {
        for (envelope, parameter, message) in [
            (
                r#"{"type":"GRANT","id":1,"payload":{"view":1,"events":-1}}"#,
                "events",
                "`events`: expected a whole number from 0 to 9007199254740991",
            ),
            (
                r#"{"type":"GRANT","id":1,"payload":{"view":4294967296,"events":1}}"#,
                "view",
                "`view`: expected a whole number from 0 to 4294967295",
            ),
            (
                r#"{"type":"HISTORY","id":1,"payload":{"topic":"a","limit":0.5}}"#,
                "limit",
                "`limit`: expected a whole number from 0 to 4294967295",
            ),
        ] {
            let error = refusal(envelope);
            assert_eq!(error.known_code(), Some(Code::BadParameter), "{error}");
            assert_eq!((error.parameter.as_deref(), error.message.as_str()), (Some(parameter), message));
        }
    }

    /// E9.
    #[test]
    fn what_is_malformed_says_where() {
        for (envelope, beginning) in [
            ("hello", "an envelope must be a JSON object on a line of its own: expected value at line 1"),
            ("[]", "an envelope must be a JSON object on a line of its own: invalid type: sequence"),
            (r#"{"type":"PING","id":-1}"#, "`id`: expected a whole number from 0 to 9007199254740991"),
            (r#"{"type":7}"#, "`type`: invalid type: integer `7`, expected a string"),
            (r#"{"type":"UNSUBSCRIBE","payload":5}"#, "the payload must be a JSON object: invalid type: integer `5`"),
            (
                r#"{"type":"GRANT","payload":{"events":"1"}}"#,
                "`events`: invalid type: string \"1\", expected a whole number from 0 to",
            ),
            (
                r#"{"type":"PUBLISH","payload":{"topic":"a","publications":[{"data":1},{"data":1,"attributes":{"n":1}}]}}"#,
                "`attributes`: invalid type: integer `1`, expected a string",
            ),
            (
                r#"{"type":"PUBLISH","payload":{"topic":"a","publications":[{"data":1},5]}}"#,
                "`publications`: invalid type: integer `5`, expected an object",
            ),
        ] {
            let error = refusal(envelope);
            assert_eq!(error.known_code(), Some(Code::Malformed), "{error}");
            assert!(error.message.starts_with(beginning), "{envelope}: {error}");
        }
    }
}
