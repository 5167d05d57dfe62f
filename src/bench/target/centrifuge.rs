//! The library under Centrifugo, in its protobuf of version 2 (`benches/peers/centrifuge`): commands and replies, each with its
//! length before it. Field numbers are those of its `client.proto`.

use anyhow::Result;

use super::protobuf::{LENGTH, VARINT, field_bytes, key, put_bytes, put_number, put_varint, skip, varint};
use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

const PATH: &str = "/connection/websocket?format=protobuf";

/// Ids of what a greeting asks for; those of publications follow.
const CONNECT_ID: u64 = 1;
const SUBSCRIBE_ID: u64 = 2;
const PUBLISH_ID: u64 = 3;

/// Methods of commands.
const CONNECT: u64 = 0;
const SUBSCRIBE: u64 = 1;
const PUBLISH: u64 = 3;

const REPLY_ID: u64 = key(1, VARINT);
const REPLY_ERROR: u64 = key(2, LENGTH);
const REPLY_RESULT: u64 = key(3, LENGTH);
const PUSH_TYPE: u64 = key(1, VARINT);
const PUSH_DATA: u64 = key(3, LENGTH);
const PUBLICATION_DATA: u64 = key(4, LENGTH);

/// The type of a push that is a delivery, and of one that ends a subscription.
const PUBLICATION: u64 = 0;
const UNSUBSCRIBED: u64 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Centrifuge {
    door: Door,
}

impl Centrifuge {
    pub(crate) fn new(door: Door) -> Self {
        let path = format!("{}{PATH}", door.path.trim_end_matches('/'));
        Self { door: Door { path, ..door } }
    }
}

impl Target for Centrifuge {
    fn name(&self) -> &'static str {
        "centrifuge"
    }

    fn guarantees(&self) -> String {
        "ordered, numbered, resumable from a history in memory".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities { has_topics: true, answers_subscriptions: true, answers_publications: true, ..Abilities::NONE }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        put(CONNECT_ID, CONNECT, &[], out);
    }

    fn subscribe(&self, topic: &str, _: Begin, out: &mut Vec<u8>) {
        self.greet(out);
        put(SUBSCRIBE_ID, SUBSCRIBE, &[topic.as_bytes()], out);
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { topic, data, ticket, .. } = publication;
        // It answers every publication, asked or not.
        put(PUBLISH_ID + ticket, PUBLISH, &[topic.as_bytes(), data], out);
    }

    fn hear(&self, mut message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        while !message.is_empty() {
            reply(field_bytes(&mut message)?, heard)?;
        }
        Ok(())
    }
}

/// Appends a command, in a message of its own; its parameters begin with these fields.
fn put(id: u64, method: u64, fields: &[&[u8]], out: &mut Vec<u8>) {
    let (mut parameters, mut command, mut length) = (Vec::new(), Vec::new(), Vec::new());
    for (number, field) in (1..).zip(fields) {
        put_bytes(number, field, &mut parameters);
    }
    put_number(1, id, &mut command);
    put_number(2, method, &mut command);
    put_bytes(3, &parameters, &mut command);
    put_varint(command.len() as u64, &mut length);
    frame::put_parts(Opcode::Binary, &[&length, &command], out);
}

fn reply(mut reply: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
    let (mut id, mut error, mut result) = (0, None, &[][..]);
    while !reply.is_empty() {
        match varint(&mut reply)? {
            REPLY_ID => id = varint(&mut reply)?,
            REPLY_ERROR => error = Some(field_bytes(&mut reply)?),
            REPLY_RESULT => result = field_bytes(&mut reply)?,
            other => skip(other, &mut reply)?,
        }
    }
    match (id, error) {
        (_, Some(error)) => {
            heard(Heard::Refused(format!("the server refused a command: {}", String::from_utf8_lossy(error))));
        }
        (0, None) => push(result, heard)?,
        (SUBSCRIBE_ID, None) => heard(Heard::Subscribed(None)),
        (id, None) if id > PUBLISH_ID => heard(Heard::Accepted(id - PUBLISH_ID)),
        _ => {}
    }
    Ok(())
}

/// What comes without having been asked for.
fn push(mut push: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
    let (mut push_type, mut publication) = (PUBLICATION, &[][..]);
    while !push.is_empty() {
        match varint(&mut push)? {
            PUSH_TYPE => push_type = varint(&mut push)?,
            PUSH_DATA => publication = field_bytes(&mut push)?,
            other => skip(other, &mut push)?,
        }
    }
    match push_type {
        PUBLICATION => {
            while !publication.is_empty() {
                match varint(&mut publication)? {
                    PUBLICATION_DATA => heard(Heard::Delivery(field_bytes(&mut publication)?)),
                    other => skip(other, &mut publication)?,
                }
            }
        }
        UNSUBSCRIBED => heard(Heard::Refused("the server ended a subscription".to_owned())),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::wire::{door, hear, outgoing, said};
    use super::*;

    fn centrifuge() -> Centrifuge {
        Centrifuge::new(door())
    }

    /// Which `benches/peers/centrifuge` with centrifuge 0.15 took.
    #[test]
    fn it_says_what_the_protocol_has_for_it() {
        assert_eq!(centrifuge().door().path, "/connection/websocket?format=protobuf");
        let connect = r"82 \x06\x08\x01\x10\x00\x1a\x00";
        assert_eq!(said(|out| centrifuge().greet(out)), [connect]);
        let asked = said(|out| centrifuge().subscribe("bench:a", Begin::Latest, out));
        assert_eq!(asked, [connect, r"82 \x0f\x08\x02\x10\x01\x1a\t\n\x07bench:a"]);
        let published = said(|out| centrifuge().publish(outgoing("bench:a", b"\"x\""), out));
        assert_eq!(published, [r#"82 \x14\x08\x03\x10\x03\x1a\x0e\n\x07bench:a\x12\x03\"x\""#]);
    }

    /// What it sent.
    #[test]
    fn it_hears_what_the_server_sends() {
        let heard = |message: &[u8]| hear(&centrifuge(), message).expect("it is Centrifuge's protobuf");
        assert!(heard(b",\x08\x01\x1a(\n$3406114e-c66d-4033-ab42-e67b40038500*\x00").is_empty());
        assert_eq!(heard(b"\x0c\x08\x02\x1a\x08\x18\x012\x04ZBTW"), ["subscribed"]);
        let delivery = b"\x14\x1a\x12\x12\x07bench:a\x1a\x07\"\x03\"x\"0\x01";
        let accepted = b"\x04\x08\x08\x1a\x00";
        assert_eq!(heard(&[&delivery[..], accepted].concat()), [r#"delivery \"x\""#, "accepted 5"]);
        let refusal = b"\x1c\x08\x04\x12\x16\x08i\x12\x12already subscribed\x1a\x00";
        assert!(heard(refusal)[0].contains("already subscribed"));
        for end in 1..delivery.len() {
            assert!(hear(&centrifuge(), &delivery[..end]).is_err(), "{end}");
        }
    }
}
