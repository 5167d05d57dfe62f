//! A node, over sessions in protobuf as the SDKs speak them.

use anyhow::{Result, anyhow};
use bytes::Bytes;
use fanfare_protocol::{
    Connect, Encoding, From as Place, Message, Producer, Publication, Publish, Subscribe, Subscribed, View, ViewState,
    Watch, decode, encode,
};

use super::event::{self, Envelope, Item};
use super::{Abilities, Begin, Door, Heard, Outgoing, Target};
use crate::bench::client::frame::{self, Opcode};

/// The id of a subscription: a connection opens one.
const SUBSCRIBE_ID: u64 = 1;

/// How it is called in a node's log.
const CLIENT: &str = concat!("fanfare-bench/", env!("CARGO_PKG_VERSION"));

/// See the module.
#[derive(Debug)]
pub(crate) struct Fanfare {
    door: Door,
    token: Option<String>,
}

impl Fanfare {
    /// Behind a node's URL.
    pub(crate) fn new(door: Door) -> Self {
        let path = format!("{}/v1/ws", door.path.trim_end_matches('/'));
        let token = door.token;
        Self { door: Door { path, subprotocol: Some(Encoding::Protobuf.subprotocol()), token: None, ..door }, token }
    }
}

impl Target for Fanfare {
    fn name(&self) -> &'static str {
        "fanfare"
    }

    fn guarantees(&self) -> String {
        "ordered, numbered, resumable from its history; durable as the namespace says".to_owned()
    }

    fn door(&self) -> &Door {
        &self.door
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            has_topics: true,
            answers_subscriptions: true,
            answers_publications: true,
            resumes: true,
            ..Abilities::NONE
        }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        // Nobody has to be asked who he is: then this only says who it is, and is not answered.
        put(0, &Connect { token: self.token.clone(), client: Some(CLIENT.to_owned()), features: None }.into(), out);
    }

    fn subscribe(&self, topic: &str, begin: Begin, out: &mut Vec<u8>) {
        if self.token.is_some() {
            self.greet(out);
        }
        let mut watch = Watch { topic: topic.to_owned(), ..Watch::default() };
        match begin {
            Begin::Latest => watch.from = Place::Latest.into(),
            Begin::After(version) => watch.resource_version = Some(version),
        }
        put(SUBSCRIBE_ID, &Subscribe { watch: Some(watch), ..Subscribe::default() }.into(), out);
    }

    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>) {
        let Outgoing { topic, data, ticket, producer } = publication;
        let producer = producer.map(|(id, sequence)| Producer { id: id.to_owned(), sequence });
        let publication = Publication { data: Some(Bytes::copy_from_slice(data)), ..Publication::default() };
        let publish =
            Publish { topic: topic.to_owned(), publication: Some(publication.into()), producer, ..Publish::default() };
        put(ticket, &publish.into(), out);
    }

    fn hear(&self, mut message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        while !message.is_empty() {
            match event::envelope(&mut message)? {
                Envelope::Event(payload) => event::events(payload, |item| match item {
                    Item::Put(data) => heard(Heard::Delivery(data)),
                    Item::Broken => {
                        heard(Heard::Refused("the node said that a view has a hole or has ended".to_owned()));
                    }
                })?,
                Envelope::Published(id) => heard(Heard::Accepted(id)),
                Envelope::Other(envelope) => other(envelope, heard)?,
            }
        }
        Ok(())
    }
}

/// What is not said for every delivery may cost an allocation.
fn other(envelope: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
    let incoming = decode(Encoding::Protobuf, &Bytes::copy_from_slice(envelope));
    let incoming = incoming.map_err(|error| anyhow!(error).context("the node sent what cannot be read"))?;
    match incoming.message {
        Message::Subscribed(Subscribed { watched: Some(watched), .. }) => match watched.error {
            Some(error) => heard(Heard::Refused(refusal("SUBSCRIBE", &error))),
            None => heard(Heard::Subscribed(watched.resource_version)),
        },
        Message::Error(error) => heard(Heard::Refused(refusal("a request", &error))),
        Message::View(View { state, .. }) => {
            // One that lags is told so, and catches up.
            let is_over = state != ViewState::Lagging as i32 && state != ViewState::Live as i32;
            if is_over {
                heard(Heard::Refused("the node ended a view".to_owned()));
            }
        }
        Message::Goaway(_) => heard(Heard::Refused("the node is stopping".to_owned())),
        _ => {}
    }
    Ok(())
}

fn refusal(what: &str, error: &fanfare_protocol::Error) -> String {
    format!("the node refused {what} with {}: {}", error.name, error.message)
}

fn put(id: u64, message: &Message, out: &mut Vec<u8>) {
    let mut envelope = Vec::with_capacity(256);
    encode(Encoding::Protobuf, id, message, &mut envelope);
    frame::put(Opcode::Binary, &envelope, out);
}

#[cfg(test)]
#[path = "fanfare/tests.rs"]
mod tests;
