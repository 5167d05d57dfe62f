//! Finds the data in `EVENT` envelopes where they lie: a decoder that builds a value for each event would cost more than the
//! server that sent it. Field numbers are those of `protocol/proto/`; unknown fields are stepped over (E5).

use anyhow::Result;
use fanfare_protocol::{EventType, MessageType};

use super::protobuf::{LENGTH, VARINT, field_bytes, key, skip, varint};

const ENVELOPE_TYPE: u64 = key(1, VARINT);
const ENVELOPE_ID: u64 = key(2, VARINT);
const ENVELOPE_PAYLOAD: u64 = key(3, LENGTH);
const BATCH_EVENTS: u64 = key(5, LENGTH);
const EVENT_TYPE: u64 = key(1, VARINT);
const EVENT_DATA: u64 = key(5, LENGTH);

/// An envelope of a message, as far as it is told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope<'a> {
    /// The payload of an `EVENT`.
    Event(&'a [u8]),
    /// A `PUBLISHED`, by its id: what versions it tells is not looked at.
    Published(u64),
    /// Of any other type: the whole of it.
    Other(&'a [u8]),
}

/// Takes the first envelope, with the length before it (E7), off a message that is not empty.
pub(super) fn envelope<'a>(message: &mut &'a [u8]) -> Result<Envelope<'a>> {
    let whole = field_bytes(message)?;
    let (mut rest, mut message_type, mut id, mut payload) = (whole, 0, 0, &[][..]);
    while !rest.is_empty() {
        match varint(&mut rest)? {
            ENVELOPE_TYPE => message_type = varint(&mut rest)?,
            ENVELOPE_ID => id = varint(&mut rest)?,
            ENVELOPE_PAYLOAD => payload = field_bytes(&mut rest)?,
            other => skip(other, &mut rest)?,
        }
    }
    const EVENT: u64 = MessageType::Event as u64;
    const PUBLISHED: u64 = MessageType::Published as u64;
    Ok(match message_type {
        EVENT => Envelope::Event(payload),
        PUBLISHED => Envelope::Published(id),
        _ => Envelope::Other(whole),
    })
}

/// What an event is to a load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Put(&'a [u8]),
    /// The view has a hole, or has ended.
    Broken,
}

/// Tells each event of an `EVENT`'s payload that matters.
pub(super) fn events<'a>(mut payload: &'a [u8], mut each: impl FnMut(Item<'a>)) -> Result<()> {
    while !payload.is_empty() {
        match varint(&mut payload)? {
            BATCH_EVENTS => {
                if let Some(item) = event(field_bytes(&mut payload)?)? {
                    each(item);
                }
            }
            other => skip(other, &mut payload)?,
        }
    }
    Ok(())
}

fn event(mut event: &[u8]) -> Result<Option<Item<'_>>> {
    let (mut event_type, mut data) = (0, &[][..]);
    while !event.is_empty() {
        match varint(&mut event)? {
            EVENT_TYPE => event_type = varint(&mut event)?,
            EVENT_DATA => data = field_bytes(&mut event)?,
            other => skip(other, &mut event)?,
        }
    }
    const PUT: u64 = EventType::Put as u64;
    const GONE: u64 = EventType::Gone as u64;
    const FAILURE: u64 = EventType::Failure as u64;
    Ok(match event_type {
        PUT => Some(Item::Put(data)),
        GONE | FAILURE => Some(Item::Broken),
        _ => None,
    })
}

#[cfg(test)]
#[path = "event/tests.rs"]
mod tests;
