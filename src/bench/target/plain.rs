//! A server that sends each message as it is to all who are connected: one written by hand, Bun's example, and the like.

use anyhow::Result;

use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

/// See the module.
#[derive(Debug)]
pub(crate) struct Plain {
    door: Door,
}

impl Plain {
    pub(crate) fn new(door: Door) -> Self {
        Self { door }
    }
}

impl Target for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn guarantees(&self) -> String {
        "none that the load generator knows of: every message goes to all who are connected".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities::NONE
    }

    fn greet(&self, _: &mut Vec<u8>) {}

    fn subscribe(&self, _: &str, _: Begin, _: &mut Vec<u8>) {}

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        frame::put(Opcode::Text, publication.data, out);
    }

    fn hear(&self, message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        heard(Heard::Delivery(message));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{door, hear, outgoing, said};
    use super::*;

    #[test]
    fn a_message_is_the_data_and_nothing_else_is_said() {
        let plain = Plain::new(door());
        assert_eq!(said(|out| plain.publish(outgoing("bench:a", b"12"), out)), ["81 12"]);
        assert!(said(|out| plain.subscribe("bench:a", Begin::Latest, out)).is_empty());
        assert!(said(|out| plain.greet(out)).is_empty());
        assert_eq!(hear(&plain, b"12").expect("a text"), ["delivery 12"]);
    }
}
