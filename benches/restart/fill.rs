//! Filling a node through its front door: sessions that publish in batches, many in flight, as a backend would that has much to
//! say. Each topic is filled by one connection, a batch after the other under one producer, so that a batch that was refused
//! for now can be repeated.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use fanfare_protocol::{Class, Encoding, Message, Producer, Publication, Publish, decode, encode, envelopes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::timeout_at;

use crate::websocket::{self, Opcode};

/// Connections, and batches in flight on each: enough that no side waits for the other.
const CONNECTIONS: usize = 8;
const IN_FLIGHT: usize = 64;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Before a batch is repeated whose refusal does not say when.
const PAUSE_MS: u64 = 10;

/// What is in every topic when it is full.
#[derive(Clone, Copy)]
pub struct Filling {
    pub topics: usize,
    pub batches: u64,
    pub publications_per_batch: usize,
    pub payload_bytes: usize,
}

impl Filling {
    /// Publications of each topic.
    pub fn publications_per_topic(self) -> u64 {
        self.batches * self.publications_per_batch as u64
    }

    /// All publications.
    pub fn publications(self) -> u64 {
        self.publications_per_topic() * self.topics as u64
    }

    /// Fills a node; tells how often a batch had to be repeated.
    pub fn pour(self, address: SocketAddr) -> Result<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, async {
            let next_topic = Rc::new(Cell::new(0));
            let mut clients = Vec::new();
            for number in 0..CONNECTIONS {
                let stream = websocket::open(address, Some(Encoding::Protobuf.subprotocol()))?;
                stream.set_nonblocking(true)?;
                let client = Client::new(self, number, TcpStream::from_std(stream)?, next_topic.clone());
                clients.push(tokio::task::spawn_local(client.run()));
            }
            let mut repeated = 0;
            for client in clients {
                repeated += client.await??;
            }
            Ok(repeated)
        })
    }
}

/// The name of a topic.
pub fn name(topic: usize) -> String {
    format!("bench:{topic}")
}

/// A batch in flight; its place in the table is the id of its request.
#[derive(Clone, Copy)]
struct Slot {
    topic: usize,
    /// From 1: the sequence of the producer.
    batch: u64,
}

struct Client {
    filling: Filling,
    stream: TcpStream,
    next_topic: Rc<Cell<usize>>,
    slots: Vec<Option<Slot>>,
    /// Places whose batch was refused for now, and when it may be repeated.
    paused: Vec<(Instant, usize)>,
    repeated: u64,
    /// Changed a little for each batch.
    message: Message,
    envelope: Vec<u8>,
    output: Vec<u8>,
}

impl Client {
    fn new(filling: Filling, number: usize, stream: TcpStream, next_topic: Rc<Cell<usize>>) -> Self {
        let data: Bytes = format!("\"{}\"", "x".repeat(filling.payload_bytes - 2)).into();
        let publication = Publication { data: Some(data), ..Publication::default() };
        let publish = Publish {
            publications: vec![publication; filling.publications_per_batch],
            producer: Some(Producer { id: format!("{number:032x}.0"), sequence: 0 }),
            ..Publish::default()
        };
        Self {
            filling,
            stream,
            next_topic,
            slots: vec![None; IN_FLIGHT],
            paused: Vec::new(),
            repeated: 0,
            message: publish.into(),
            envelope: Vec::new(),
            output: Vec::new(),
        }
    }

    async fn run(mut self) -> Result<u64> {
        let mut input = BytesMut::new();
        for place in 0..IN_FLIGHT {
            self.take_topic(place);
        }
        while self.slots.iter().any(Option::is_some) {
            self.repeat_due();
            self.stream.write_all(&self.output).await?;
            self.output.clear();
            let wake = self.paused.iter().map(|(at, _)| *at).min();
            let wake_at = wake.unwrap_or_else(|| Instant::now() + PATIENCE);
            match timeout_at(wake_at.into(), self.stream.read_buf(&mut input)).await {
                Ok(count) => ensure!(count? > 0, "closed by the node"),
                Err(_) => ensure!(wake.is_some(), "no answer within {PATIENCE:?}"),
            }
            while let Some(message) = websocket::take(&mut input)? {
                for envelope in envelopes(Encoding::Protobuf, &message) {
                    let answer = decode(Encoding::Protobuf, &envelope?)?;
                    self.answered(usize::try_from(answer.id)?, answer.message)?;
                }
            }
        }
        Ok(self.repeated)
    }

    fn answered(&mut self, id: usize, answer: Message) -> Result<()> {
        let place = id.checked_sub(1).context("an answer without an id")?;
        let slot = self.slots.get_mut(place).and_then(Option::as_mut).context("an answer to nothing in flight")?;
        match answer {
            Message::Published(published) => {
                let last = published.resource_versions.last().context("a batch was answered without its versions")?;
                let expected = slot.batch * self.filling.publications_per_batch as u64;
                ensure!(last.offset == expected, "a batch stands at {} instead of {expected}", last.offset);
                if slot.batch == self.filling.batches {
                    self.take_topic(place);
                } else {
                    slot.batch += 1;
                    self.say(place);
                }
            }
            Message::Error(error) => {
                let is_for_now = matches!(error.class(), Class::Retry | Class::Wait);
                ensure!(is_for_now, "a batch was refused with {}: {}", error.name, error.message);
                let pause = Duration::from_millis(error.retry_after_ms.unwrap_or(PAUSE_MS));
                self.paused.push((Instant::now() + pause, place));
                self.repeated += 1;
            }
            other => bail!("a batch was answered by {}", other.message_type().name()),
        }
        Ok(())
    }

    /// Begins the next topic that nobody fills yet.
    fn take_topic(&mut self, place: usize) {
        let topic = self.next_topic.get();
        self.slots[place] = (topic < self.filling.topics).then_some(Slot { topic, batch: 1 });
        if self.slots[place].is_some() {
            self.next_topic.set(topic + 1);
            self.say(place);
        }
    }

    fn repeat_due(&mut self) {
        let now = Instant::now();
        let paused = std::mem::take(&mut self.paused);
        let (due, later): (Vec<_>, Vec<_>) = paused.into_iter().partition(|(at, _)| *at <= now);
        self.paused = later;
        for (_, place) in due {
            self.say(place);
        }
    }

    fn say(&mut self, place: usize) {
        let Some(Slot { topic, batch }) = self.slots[place] else { return };
        if let Message::Publish(Publish { topic: named, producer: Some(producer), .. }) = &mut self.message {
            named.clear();
            named.push_str(&name(topic));
            producer.sequence = batch;
        }
        self.envelope.clear();
        encode(Encoding::Protobuf, place as u64 + 1, &self.message, &mut self.envelope);
        websocket::put(Opcode::Binary, &self.envelope, &mut self.output);
    }
}
