//! Fanfare: over a session as its SDKs publish (protobuf on a WebSocket, each publication with its producer's sequence), and,
//! for the lone client, over HTTP as `curl` does.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use fanfare_protocol::{Encoding, Message, Producer, Publication, Publish, ResourceVersion, decode, encode, envelopes};

use crate::http::{self, Answer, Http};
use crate::node;
use crate::peer::{Directory, Peer, Promise, Running};
use crate::process::{Process, pinned};
use crate::report::Cell;
use crate::websocket::{self, Opcode};
use crate::wire::{Connection, Ticket, Wire, payload};

/// One worker on its one core. The bound of what waits for a shard is above what 256 clients with 100 in flight send to one
/// topic: by default (16,384) the node would refuse some of it, as it should, where the peers queue without a bound.
const SETTINGS: [(&str, &str); 2] = [("FANFARE_SERVER__WORKERS", "1"), ("FANFARE_LIMITS__SHARD_COMMANDS_MAX", "32768")];

/// Which door the clients use, and what an acknowledgement means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fanfare {
    /// As it comes: acknowledged is on disk.
    Session,
    /// Acknowledged is on disk within a second, as with Redis's `everysec`.
    Interval,
    /// As [`Self::Session`], over HTTP.
    Http,
}

impl Fanfare {
    /// Each way.
    pub const ALL: [Self; 3] = [Self::Session, Self::Http, Self::Interval];
}

impl Peer for Fanfare {
    fn name(&self) -> &str {
        match self {
            Self::Session => "fanfare",
            Self::Interval => "fanfare, fsync interval",
            Self::Http => "fanfare, HTTP POST",
        }
    }

    fn promise(&self) -> Option<Promise> {
        (*self == Self::Session).then_some(Promise::Ours)
    }

    fn takes_part(&self, cell: Cell) -> bool {
        match self {
            Self::Session => true,
            Self::Interval => cell.is_landmark(),
            Self::Http => (cell.clients, cell.in_flight) == (1, 1),
        }
    }

    fn start(&self, directory: &Path) -> Result<Running> {
        let directory = Directory::fresh(directory)?;
        let address = Process::free_address()?;
        let mut command = node::configured(pinned(node::PROGRAM), address, &directory.path().join("data"), &SETTINGS);
        if *self == Self::Interval {
            command.env("FANFARE_STORAGE__FSYNC", "interval");
        }
        Ok(Running { process: node::start(command, address)?.process, address, _directory: directory })
    }

    fn connect(&self, address: SocketAddr, client: usize, topic: usize) -> Result<Connection> {
        match self {
            Self::Session | Self::Interval => {
                let stream = websocket::open(address, Some(Encoding::Protobuf.subprotocol()))?;
                Ok(Connection { stream, wire: Box::new(Session::new(client, topic)) })
            }
            Self::Http => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Ok(Connection { stream, wire: Box::new(Post::new(address, topic)) })
            }
        }
    }

    fn stored(&self, address: SocketAddr, topics: usize) -> Result<u64> {
        let mut http = Http::connect(address)?;
        let mut sum = 0;
        for topic in 0..topics {
            let body = http.get(&format!("/v1/topics/{}?limit=1", name(topic)))?;
            let snapshot: serde_json::Value = serde_json::from_slice(&body)?;
            let version = snapshot["resourceVersion"].as_str().context("a snapshot without its version")?;
            sum += version.parse::<ResourceVersion>()?.offset;
        }
        Ok(sum)
    }
}

fn name(topic: usize) -> String {
    format!("bench:{topic}")
}

/// A session that publishes to one topic under one producer.
struct Session {
    message: Message,
    envelope: Vec<u8>,
}

impl Session {
    fn new(client: usize, topic: usize) -> Self {
        let publication = Publication { data: Some(payload().into()), ..Publication::default() };
        // As long as those that the SDKs draw.
        let producer = Producer { id: format!("{client:032x}.0"), sequence: 0 };
        let publish = Publish {
            topic: name(topic),
            publication: Some(publication.into()),
            producer: Some(producer),
            ..Publish::default()
        };
        Self { message: publish.into(), envelope: Vec::new() }
    }
}

impl Wire for Session {
    fn publish(&mut self, ticket: Ticket, out: &mut Vec<u8>) {
        if let Message::Publish(Publish { producer: Some(producer), .. }) = &mut self.message {
            producer.sequence += 1;
        }
        self.envelope.clear();
        // The id 0 would ask for no answer.
        encode(Encoding::Protobuf, u64::from(ticket) + 1, &self.message, &mut self.envelope);
        websocket::put(Opcode::Binary, &self.envelope, out);
    }

    fn answers(&mut self, input: &mut BytesMut, acknowledged: &mut Vec<Ticket>) -> Result<()> {
        while let Some(message) = websocket::take(input)? {
            for envelope in envelopes(Encoding::Protobuf, &message) {
                let answer = decode(Encoding::Protobuf, &envelope?)?;
                match answer.message {
                    Message::Published(_) => acknowledged.push(u32::try_from(answer.id - 1)?),
                    Message::Error(error) => bail!("a publish was refused with {}: {}", error.name, error.message),
                    other => bail!("a publish was answered by {}", other.message_type().name()),
                }
            }
        }
        Ok(())
    }
}

/// A connection that is kept, with one request at a time.
struct Post {
    request: Vec<u8>,
    waiting: Option<Ticket>,
}

impl Post {
    fn new(address: SocketAddr, topic: usize) -> Self {
        let data = payload();
        let body: Bytes = [br#"{"data":"#.as_slice(), &data, b"}"].concat().into();
        let mut request = Vec::new();
        http::put_request(address, "POST", &format!("/v1/topics/{}", name(topic)), &body, &mut request);
        Self { request, waiting: None }
    }
}

impl Wire for Post {
    fn publish(&mut self, ticket: Ticket, out: &mut Vec<u8>) {
        debug_assert!(self.waiting.is_none(), "the lone client has one publication in flight");
        self.waiting = Some(ticket);
        out.extend_from_slice(&self.request);
    }

    fn answers(&mut self, input: &mut BytesMut, acknowledged: &mut Vec<Ticket>) -> Result<()> {
        while let Some(Answer { status, body }) = http::take_answer(input)? {
            if status != 200 {
                bail!("a publish was answered {status}: {}", String::from_utf8_lossy(&body));
            }
            acknowledged.push(self.waiting.take().context("an answer to no request")?);
        }
        Ok(())
    }
}
