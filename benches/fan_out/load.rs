//! The load: subscribers that count every delivery, and a publisher that keeps so many publications in flight.

use std::net::SocketAddr;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::process::{cpu_nanos, resident_bytes};
use crate::websocket::{self, Opcode};

/// What is said to the server.
#[derive(Clone, Copy)]
pub enum Speech {
    /// The JSON subprotocol.
    Fanfare(Audience),
    /// Every message is broadcast as it is.
    Plain,
}

/// Who is to hear what.
#[derive(Clone, Copy)]
pub enum Audience {
    /// Everyone everything.
    OneView,
    /// The same, through so many different filters.
    Views(usize),
    /// Each what is for it alone, by an equality of its own.
    Distinct,
}

/// What one run measured.
pub struct Run {
    pub micros_per_delivery: f64,
    pub bytes_per_connection: u64,
}

const PAYLOAD_BYTES: usize = 128;

/// Subscribes, publishes, and waits until everyone has everything.
pub fn run(address: SocketAddr, pid: u32, speech: Speech, subscribers: usize, count: u64, in_flight: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let before = resident_bytes(pid);
        let (arrived, mut arrivals) = mpsc::unbounded_channel();
        let mut readers = Vec::with_capacity(subscribers);
        for first in 0..subscribers {
            let mut socket = Socket::open(address);
            socket.subscribe(speech, first).await;
            let is_distinct = matches!(speech, Speech::Fanfare(Audience::Distinct));
            // One of them paces the publisher, where all hear the same.
            let arrived = (first == 0 || is_distinct).then(|| arrived.clone());
            let count = if is_distinct { count / subscribers as u64 } else { count };
            readers.push(tokio::spawn(async move { socket.count(count, arrived).await }));
        }
        let bytes_per_connection = resident_bytes(pid).saturating_sub(before) / subscribers as u64;
        let mut publisher = Socket::open(address);
        let cpu = cpu_nanos(pid);
        let (mut published, mut seen) = (0, 0);
        while published < count {
            while published < count && published - seen < in_flight {
                publisher.publish(speech, published % subscribers as u64).await;
                published += 1;
            }
            seen += arrivals.recv().await.expect("the first subscriber lives");
        }
        let mut deliveries = 0;
        for reader in readers {
            deliveries += reader.await.expect("a reader does not fail");
        }
        let expected = match speech {
            Speech::Fanfare(Audience::Distinct) => count / subscribers as u64 * subscribers as u64,
            Speech::Fanfare(_) | Speech::Plain => count * subscribers as u64,
        };
        assert_eq!(deliveries, expected, "every delivery is counted");
        let micros_per_delivery = (cpu_nanos(pid) - cpu) as f64 / 1_000.0 / deliveries as f64;
        Run { micros_per_delivery, bytes_per_connection }
    })
}

struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Socket {
    fn open(address: SocketAddr) -> Self {
        let stream = websocket::open(address, None).expect("the server listens and shakes hands");
        stream.set_nonblocking(true).expect("a TCP socket");
        let stream = TcpStream::from_std(stream).expect("a runtime is there");
        Self { stream, buffer: BytesMut::new() }
    }

    async fn subscribe(&mut self, speech: Speech, number: usize) {
        let Speech::Fanfare(audience) = speech else { return };
        let lens = match audience {
            Audience::OneView => String::new(),
            Audience::Views(count) => format!(r#","filter":"data.n >= 0 - {}""#, number % count),
            Audience::Distinct => format!(r#","where.data.n":"{number}""#),
        };
        let subscribe =
            format!(r#"{{"type":"SUBSCRIBE","id":1,"payload":{{"topic":"bench:fan","from":"latest"{lens}}}}}"#);
        self.send(subscribe.as_bytes()).await;
        while self.messages() == 0 {
            self.read().await;
        }
    }

    async fn publish(&mut self, speech: Speech, number: u64) {
        match speech {
            Speech::Fanfare(Audience::OneView) => {
                let data = "x".repeat(PAYLOAD_BYTES - 2);
                let text = format!(r#"{{"type":"PUBLISH","payload":{{"topic":"bench:fan","data":"{data}"}}}}"#);
                self.send(text.as_bytes()).await;
            }
            Speech::Fanfare(_) => {
                let number = format!(r#"{{"n":{number},"text":""#);
                let data = format!("{number}{}\"}}", "x".repeat(PAYLOAD_BYTES - 2 - number.len()));
                let text = format!(r#"{{"type":"PUBLISH","payload":{{"topic":"bench:fan","data":{data}}}}}"#);
                self.send(text.as_bytes()).await;
            }
            Speech::Plain => self.send("x".repeat(PAYLOAD_BYTES - 2).as_bytes()).await,
        }
    }

    async fn count(mut self, count: u64, arrived: Option<mpsc::UnboundedSender<u64>>) -> u64 {
        let mut seen = 0;
        loop {
            let new = self.messages();
            seen += new;
            if let Some(arrived) = &arrived {
                // Nobody listens any more once everything is published.
                let _ = arrived.send(new);
            }
            if seen >= count {
                return seen;
            }
            self.read().await;
        }
    }

    /// Events among the whole frames that have arrived: a frame of Fanfare may hold several.
    fn messages(&mut self) -> u64 {
        let mut events = 0;
        while let Some(payload) = websocket::take(&mut self.buffer).expect("the server does not close") {
            events += match payload.starts_with(br#"{"type":"EVENT""#) {
                true => payload.windows(13).filter(|w| w == br#"{"type":"put""#).count() as u64,
                false => 1,
            };
        }
        events
    }

    async fn read(&mut self) {
        assert!(self.stream.read_buf(&mut self.buffer).await.expect("a readable socket") > 0, "closed by the server");
    }

    async fn send(&mut self, payload: &[u8]) {
        let mut out = Vec::new();
        websocket::put(Opcode::Text, payload, &mut out);
        self.stream.write_all(&out).await.expect("the server reads");
    }
}
