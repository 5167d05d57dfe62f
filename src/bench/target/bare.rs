//! The least that a server with topics can speak: each message is a text. `+TOPIC` subscribes and is repeated once that
//! stands, `TOPIC DATA` publishes, a delivery is the data.

use anyhow::Result;

use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

/// See the module.
#[derive(Debug)]
pub(crate) struct Bare {
    door: Door,
}

impl Bare {
    pub(crate) fn new(door: Door) -> Self {
        Self { door }
    }
}

impl Target for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn guarantees(&self) -> String {
        "none that the load generator knows of: what is published goes to whoever is there".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities { has_topics: true, answers_subscriptions: true, ..Abilities::NONE }
    }

    fn greet(&self, _: &mut Vec<u8>) {}

    fn subscribe(&self, topic: &str, _: Begin, out: &mut Vec<u8>) {
        frame::put_parts(Opcode::Text, &[b"+", topic.as_bytes()], out);
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        frame::put_parts(Opcode::Text, &[publication.topic.as_bytes(), b" ", publication.data], out);
    }

    fn hear(&self, message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        heard(if message.starts_with(b"+") { Heard::Subscribed(None) } else { Heard::Delivery(message) });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{door, hear, outgoing, said};
    use super::*;

    /// As `benches/peers/bun` and `benches/peers/floor` have it.
    #[test]
    fn a_topic_is_asked_for_and_repeated_and_data_come_as_they_are() {
        let bare = Bare::new(door());
        assert_eq!(said(|out| bare.subscribe("bench:a", Begin::Latest, out)), ["81 +bench:a"]);
        assert_eq!(said(|out| bare.publish(outgoing("bench:a", b"\"x y\""), out)), ["81 bench:a \\\"x y\\\""]);
        assert!(said(|out| bare.greet(out)).is_empty());
        assert_eq!(hear(&bare, b"+bench:a").expect("a text"), ["subscribed"]);
        assert_eq!(hear(&bare, b"\"x y\"").expect("a text"), ["delivery \\\"x y\\\""]);
    }
}
