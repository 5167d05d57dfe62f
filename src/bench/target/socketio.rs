//! Socket.IO over WebSocket alone, with the server of `benches/peers/socketio`: whoever connects with a topic is in its room
//! once that is answered, `publish` has a topic and data, and `data` is a delivery. Data are JSON, as they are here.

use anyhow::{Result, bail};

use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

/// Where its servers listen, and that Engine.IO 4 is spoken without long polling before.
const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// What comes before the data of a delivery: a message (4), an event (2).
const DELIVERY: &[u8] = b"42[\"data\",";

/// See the module.
#[derive(Debug)]
pub(crate) struct SocketIo {
    door: Door,
}

impl SocketIo {
    pub(crate) fn new(door: Door) -> Self {
        let path = format!("{}{PATH}", door.path.trim_end_matches('/'));
        Self { door: Door { path, ..door } }
    }
}

impl Target for SocketIo {
    fn name(&self) -> &'static str {
        "socketio"
    }

    fn guarantees(&self) -> String {
        "at most once: ordered for each publisher, nothing is kept".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities { has_topics: true, answers_subscriptions: true, answers_greetings: true, ..Abilities::NONE }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        frame::put(Opcode::Text, b"40", out);
    }

    fn subscribe(&self, topic: &str, _: Begin, out: &mut Vec<u8>) {
        frame::put_parts(Opcode::Text, &[b"40{\"topic\":\"", topic.as_bytes(), b"\"}"], out);
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { topic, data, .. } = publication;
        frame::put_parts(Opcode::Text, &[b"42[\"publish\",\"", topic.as_bytes(), b"\",", data, b"]"], out);
    }

    fn hear(&self, message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        if let Some(data) = message.strip_prefix(DELIVERY).and_then(|rest| rest.strip_suffix(b"]")) {
            heard(Heard::Delivery(data));
            return Ok(());
        }
        match message {
            [b'0', ..] => {}
            b"2" => {
                let mut pong = Vec::new();
                frame::put(Opcode::Text, b"3", &mut pong);
                heard(Heard::Owed(&pong));
            }
            [b'4', b'0', ..] => heard(Heard::Subscribed(None)),
            [b'4', b'1' | b'4', ..] | [b'1', ..] => {
                heard(Heard::Refused(format!("the server turned us away with `{}`", String::from_utf8_lossy(message))));
            }
            _ => bail!("the server sent what this program does not know: `{}`", String::from_utf8_lossy(message)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{door, hear, outgoing, said};
    use super::*;

    /// What `benches/peers/socketio` with Socket.IO 4.8.4 sent.
    const HANDSHAKE: &[u8] =
        br#"0{"sid":"SbTGTsK4m8LbWXmvAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

    #[test]
    fn it_says_what_the_protocol_has_for_it() {
        let target = SocketIo::new(door());
        assert_eq!(target.door().path, "/socket.io/?EIO=4&transport=websocket");
        assert_eq!(said(|out| target.greet(out)), ["81 40"]);
        let asked = said(|out| target.subscribe("bench:a", Begin::Latest, out));
        assert_eq!(asked, [r#"81 40{\"topic\":\"bench:a\"}"#]);
        let published = said(|out| target.publish(outgoing("bench:a", b"\"x\""), out));
        assert_eq!(published, [r#"81 42[\"publish\",\"bench:a\",\"x\"]"#]);
    }

    #[test]
    fn it_hears_what_the_server_sends() {
        let target = SocketIo::new(door());
        let heard = |message: &[u8]| hear(&target, message).expect("it is Socket.IO");
        assert!(heard(HANDSHAKE).is_empty());
        assert_eq!(heard(br#"40{"sid":"RE83yYrIVM-qpYo6AAAA"}"#), ["subscribed"]);
        assert_eq!(heard(br#"42["data","x"]"#), [r#"delivery \"x\""#]);
        assert_eq!(heard(b"2"), ["owed 81 3"]);
        for refusal in [&br#"44/nowhere,{"message":"Invalid namespace"}"#[..], b"41", b"1"] {
            assert!(heard(refusal)[0].starts_with("refused"), "{}", refusal.escape_ascii());
        }
        assert!(hear(&target, br#"42["other","x"]"#).is_err());
    }
}
