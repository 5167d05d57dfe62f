//! nchan in nginx (`benches/peers/nchan`): a WebSocket for each subscription, named in its path, and a POST for each
//! publication, one after the other on a connection without waiting for the answers. Its publishers on WebSockets have one
//! channel each, so they could not take turns with topics.

use anyhow::Result;

use super::{Abilities, Begin, Door, Entrance, Heard, Outgoing, Target};

/// See the module.
#[derive(Debug)]
pub(crate) struct Nchan {
    door: Door,
    /// Before the channel, of whoever publishes.
    post: String,
    /// Between the channel and the length.
    headers: String,
}

impl Nchan {
    pub(crate) fn new(door: Door) -> Self {
        let path = door.path.trim_end_matches('/');
        Self {
            post: format!("POST {path}/publish/"),
            headers: format!(" HTTP/1.1\r\nHost: {}\r\nContent-Length: ", door.host),
            door: Door { path: format!("{path}/subscribe/"), ..door },
        }
    }
}

impl Target for Nchan {
    fn name(&self) -> &'static str {
        "nchan"
    }

    fn guarantees(&self) -> String {
        "ordered, numbered, resumable from a history in memory".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        // The handshake is answered when the subscription stands.
        Abilities { has_topics: true, answers_subscriptions: true, ..Abilities::NONE }
    }

    fn greet(&self, _: &mut Vec<u8>) {}

    fn subscribe(&self, _: &str, _: Begin, _: &mut Vec<u8>) {}

    fn subscriber(&self, topic: &str) -> Entrance {
        let path = format!("{}{topic}", self.door.path);
        Entrance::new(&Door { path, ..self.door.clone() }, &[], false)
    }

    fn publisher(&self) -> Entrance {
        Entrance::http()
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { topic, data, .. } = publication;
        let length = data.len().to_string();
        for part in [&self.post, topic, &self.headers, &length, "\r\n\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(data);
    }

    fn hear(&self, message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        heard(Heard::Delivery(message));
        Ok(())
    }
}
