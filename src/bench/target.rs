//! Whom the load generator speaks to. A target knows how its server is spoken to, and nothing of what is measured.

mod bare;
mod centrifuge;
mod entrance;
mod event;
mod fanfare;
mod mqtt;
mod nats;
mod nchan;
mod plain;
mod protobuf;
mod socketio;
#[cfg(test)]
mod wire;

use anyhow::Result;
use clap::ValueEnum;
use fanfare_protocol::ResourceVersion;

pub(crate) use bare::Bare;
pub(crate) use centrifuge::Centrifuge;
pub(crate) use entrance::Entrance;
pub(crate) use fanfare::Fanfare;
pub(crate) use mqtt::Mqtt;
pub(crate) use nats::Nats;
pub(crate) use nchan::Nchan;
pub(crate) use plain::Plain;
pub(crate) use socketio::SocketIo;

pub(crate) use super::client::handshake::Door;

/// The servers that this program speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetName {
    /// A node.
    Fanfare,
    /// Any WebSocket server that sends each message, as it is, to all who are connected.
    Plain,
    /// A WebSocket server of topics written by hand: `+TOPIC` subscribes, `TOPIC DATA` publishes, a delivery is the data.
    Bare,
    /// NATS over WebSocket.
    Nats,
    /// Socket.IO, with rooms as topics.
    #[value(name = "socketio")]
    SocketIo,
    /// The library under Centrifugo, in protobuf.
    Centrifuge,
    /// A broker of MQTT 3.1.1 over WebSocket, at most once.
    #[value(alias = "mosquitto")]
    Mqtt,
    /// nchan in nginx: subscribed to over WebSocket, published to over HTTP.
    Nchan,
}

/// What a server said, as far as a load generator listens.
#[derive(Debug)]
pub(crate) enum Heard<'a> {
    /// What a greeting asked for stands: a subscription, at a version where the server has such.
    Subscribed(Option<ResourceVersion>),
    /// A delivery: the data of a publication.
    Delivery(&'a [u8]),
    /// The publication with this ticket was accepted.
    Accepted(u64),
    /// The server asks for a sign of life: this frame has to be said.
    Owed(&'a [u8]),
    /// Something was refused, or a subscription ended: the run is worth nothing.
    Refused(String),
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With what comes.
    Latest,
    /// After this version.
    After(ResourceVersion),
}

/// One publication.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) data: &'a [u8],
    /// Asks for an answer; 0 asks for none.
    pub(crate) ticket: u64,
    /// Publisher and sequence, where repeating it has to be harmless.
    pub(crate) producer: Option<(&'a str, u64)>,
}

/// See the module.
pub(crate) trait Target {
    /// `fanfare`
    fn name(&self) -> &'static str;

    /// What it promises about a delivery.
    fn guarantees(&self) -> String;

    fn door(&self) -> &Door;

    /// What this server cannot do is not measured on it.
    fn abilities(&self) -> Abilities;

    /// Appends what a connection that only publishes says first, so that the server knows it is there.
    fn greet(&self, out: &mut Vec<u8>);

    /// Appends a subscription. A server that knows no topics needs none.
    fn subscribe(&self, topic: &str, begin: Begin, out: &mut Vec<u8>);

    /// How a connection begins that hears a topic from now on.
    fn subscriber(&self, topic: &str) -> Entrance {
        let mut greeting = Vec::new();
        self.subscribe(topic, Begin::Latest, &mut greeting);
        Entrance::new(self.door(), &greeting, self.abilities().answers_subscriptions)
    }

    /// How one begins that only publishes.
    fn publisher(&self) -> Entrance {
        let mut greeting = Vec::new();
        self.greet(&mut greeting);
        Entrance::new(self.door(), &greeting, self.abilities().answers_greetings)
    }

    /// Appends a publication.
    fn publish(&self, publication: Outgoing<'_>, out: &mut Vec<u8>);

    /// Reads one WebSocket message.
    ///
    /// # Errors
    /// When the server does not speak what it should.
    fn hear(&self, message: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Result<()>;
}

/// See [`Target::abilities`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abilities {
    /// There are topics, each of its own subscribers.
    pub(crate) has_topics: bool,
    /// Tells when a subscription stands, or has it stand as soon as the connection is open.
    pub(crate) answers_subscriptions: bool,
    /// Tells when whoever only publishes is known to it, and wants nothing published before.
    pub(crate) answers_greetings: bool,
    /// Tells when a publication is accepted.
    pub(crate) answers_publications: bool,
    /// Can go on after a version.
    pub(crate) resumes: bool,
}

impl Abilities {
    /// What every server can: send publications to whoever is connected.
    pub(crate) const NONE: Self = Self {
        has_topics: false,
        answers_subscriptions: false,
        answers_greetings: false,
        answers_publications: false,
        resumes: false,
    };
}
