//! MQTT 3.1.1 over WebSocket, at most once (QoS 0): nothing is acknowledged but subscriptions.

use anyhow::{Context as _, Result, bail};

use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

/// First bytes of packets; publications are neither repeated nor kept.
const CONNECT: u8 = 0x10;
const CONNECTED: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBSCRIBED: u8 = 0x90;

/// Protocol level 4, a clean session, no keep-alive; the name, which follows, may be left to the server.
const CONNECT_HEAD: [u8; 10] = [0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
/// Of the subscription, of which a connection has one.
const PACKET_ID: [u8; 2] = [0, 1];
/// At most once.
const QOS: u8 = 0;
/// What stands for a subscription that was refused.
const REFUSED: u8 = 0x80;

/// See the module.
#[derive(Debug)]
pub(crate) struct Mqtt {
    door: Door,
}

impl Mqtt {
    pub(crate) fn new(door: Door) -> Self {
        Self { door: Door { subprotocol: Some("mqtt"), ..door } }
    }
}

impl Target for Mqtt {
    fn name(&self) -> &'static str {
        "mqtt"
    }

    fn guarantees(&self) -> String {
        "at most once: ordered for each publisher, nothing is kept".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities { has_topics: true, answers_subscriptions: true, ..Abilities::NONE }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        put(CONNECT, &[&CONNECT_HEAD, &[0, 0]], out);
    }

    fn subscribe(&self, topic: &str, _: Begin, out: &mut Vec<u8>) {
        self.greet(out);
        put(SUBSCRIBE, &[&PACKET_ID, &length(topic), topic.as_bytes(), &[QOS]], out);
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        put(PUBLISH, &[&length(publication.topic), publication.topic.as_bytes(), publication.data], out);
    }

    fn hear(&self, mut message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        while let [kind, rest @ ..] = message {
            let body;
            (body, message) = split(rest).context("the broker sent a packet that is longer than its message")?;
            match (*kind, body) {
                (PUBLISH, [high, low, rest @ ..]) => {
                    let topic = usize::from(u16::from_be_bytes([*high, *low]));
                    heard(Heard::Delivery(rest.get(topic..).context("the broker sent a publication without a topic")?));
                }
                (CONNECTED, [_, 0]) => {}
                (SUBSCRIBED, [_, _, granted]) if *granted != REFUSED => heard(Heard::Subscribed(None)),
                (CONNECTED | SUBSCRIBED, _) => heard(Heard::Refused("the broker turned us away".to_owned())),
                _ => bail!("the broker sent a packet that begins with {kind:#04x}, which this program does not know"),
            }
        }
        Ok(())
    }
}

/// Before a text.
fn length(text: &str) -> [u8; 2] {
    // Names of topics are far shorter.
    (text.len() as u16).to_be_bytes()
}

/// Appends a packet, in a message of its own.
fn put(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let body = parts.concat();
    let (mut head, mut length) = (vec![kind], body.len());
    while length > 0x7f {
        head.push(length as u8 | 0x80);
        length >>= 7;
    }
    head.push(length as u8);
    frame::put_parts(Opcode::Binary, &[&head, &body], out);
}

/// A packet's body, which begins with its length, and what follows it.
fn split(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0;
    for (index, byte) in input.iter().enumerate().take(4) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return input[index + 1..].split_at_checked(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::wire::{door, hear, outgoing, said};
    use super::*;

    fn mqtt() -> Mqtt {
        Mqtt::new(door())
    }

    /// MQTT 3.1.1, 3.1 (CONNECT), 3.8 (SUBSCRIBE) and 3.3 (PUBLISH), each of which Mosquitto 2.0.11 took.
    #[test]
    fn it_says_what_the_standard_has_for_it() {
        assert_eq!(mqtt().door().subprotocol, Some("mqtt"));
        let connect = r"82 \x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";
        assert_eq!(said(|out| mqtt().greet(out)), [connect]);
        let asked = said(|out| mqtt().subscribe("bench:a", Begin::Latest, out));
        assert_eq!(asked, [connect, r"82 \x82\x0c\x00\x01\x00\x07bench:a\x00"]);
        let published = said(|out| mqtt().publish(outgoing("bench:a", b"\"x\""), out));
        assert_eq!(published, [r#"82 0\x0c\x00\x07bench:a\"x\""#]);
    }

    /// What Mosquitto 2.0.11 sent.
    #[test]
    fn it_hears_what_a_broker_sends() {
        let heard = |message: &[u8]| hear(&mqtt(), message).expect("it is MQTT");
        assert!(heard(b"\x20\x02\x00\x00").is_empty());
        assert_eq!(heard(b"\x90\x03\x00\x01\x00"), ["subscribed"]);
        let two = b"0\x0c\x00\x07bench:a\"x\"0\x0b\x00\x07bench:a12";
        assert_eq!(heard(two), [r#"delivery \"x\""#, "delivery 12"]);
        for refusal in [&b"\x20\x02\x00\x05"[..], b"\x90\x03\x00\x01\x80"] {
            assert_eq!(heard(refusal), ["refused: the broker turned us away"]);
        }
    }

    /// Table 2.4 of the standard.
    #[test]
    fn a_length_has_as_many_bytes_as_it_needs() {
        for (length, bytes) in
            [(127, &[0x7f][..]), (128, &[0x80, 0x01]), (16_383, &[0xff, 0x7f]), (16_384, &[0x80, 0x80, 0x01])]
        {
            let mut out = Vec::new();
            put(PUBLISH, &[&vec![b'x'; length]], &mut out);
            let packet = &out[out.len() - length - bytes.len() - 1..];
            assert_eq!(packet[..=bytes.len()], [&[PUBLISH], bytes].concat());
            assert_eq!(split(&packet[1..]).map(|(body, rest)| (body.len(), rest.len())), Some((length, 0)));
        }
        assert!(hear(&mqtt(), b"0\x0c\x00\x07bench").is_err());
        assert!(hear(&mqtt(), b"0\xff\xff\xff\xff\x01").is_err());
    }
}
