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
