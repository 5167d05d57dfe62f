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

#[cfg(test)]
mod tests {
    use super::super::wire::{door, hear, outgoing};
    use super::*;

    #[test]
    fn a_topic_is_in_the_path_of_whoever_subscribes() {
        let subscriber = Nchan::new(door()).subscriber("bench:a");
        let handshake = subscriber.handshake.expect("a WebSocket");
        assert!(handshake.starts_with(b"GET /subscribe/bench:a HTTP/1.1\r\nHost: h:1\r\n"), "{handshake:?}");
        assert!(subscriber.greeting.is_empty() && !subscriber.awaits_answer);
        let below = Nchan::new(Door { path: "/nchan/".to_owned(), ..door() }).subscriber("a");
        assert!(below.handshake.expect("a WebSocket").starts_with(b"GET /nchan/subscribe/a "));
    }

    #[test]
    fn a_publication_is_a_request_of_http() {
        let nchan = Nchan::new(door());
        assert!(nchan.publisher().handshake.is_none());
        let mut out = Vec::new();
        nchan.publish(outgoing("bench:a", b"\"1\""), &mut out);
        nchan.publish(outgoing("bench:b", b"\"22\""), &mut out);
        // What nchan 1.3.6 answered with 201 twice.
        let expected = "POST /publish/bench:a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 3\r\n\r\n\"1\"\
                        POST /publish/bench:b HTTP/1.1\r\nHost: h:1\r\nContent-Length: 4\r\n\r\n\"22\"";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        assert_eq!(hear(&nchan, b"\"1\"").expect("a text"), ["delivery \\\"1\\\""]);
    }
}
