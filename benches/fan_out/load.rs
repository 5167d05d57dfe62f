//! The load: subscribers that count every delivery, and a publisher that keeps so many publications in flight.

use std::net::SocketAddr;

use tokio::sync::mpsc;

use crate::node;
use crate::process::{cpu_nanos, resident_bytes};
use crate::websocket::Socket;

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
    /// Each a topic of its own: what [`Self::Distinct`] would cost if equalities were free.
    Topics,
}

impl Audience {
    /// Whether each publication is for one of them alone.
    pub fn is_distinct(self) -> bool {
        matches!(self, Self::Distinct | Self::Topics)
    }

    fn topic(self, number: u64) -> String {
        if matches!(self, Self::Topics) { format!("bench:fan-{number}") } else { "bench:fan".to_owned() }
    }
}

/// What one run measured.
pub struct Run {
    pub micros_per_delivery: f64,
    pub bytes_per_connection: u64,
    /// Of a node; nothing of the baseline.
    pub writes_per_delivery: f64,
}

const PAYLOAD_BYTES: usize = 128;

/// Subscribes, publishes, and waits until everyone has everything.
pub fn run(address: SocketAddr, pid: u32, speech: Speech, subscribers: usize, count: u64, in_flight: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let before = resident_bytes(pid);
        let (arrived, mut arrivals) = mpsc::unbounded_channel();
        let mut publisher = Client::open(address);
        publisher.create(speech, subscribers as u64).await;
        let mut readers = Vec::with_capacity(subscribers);
        for first in 0..subscribers {
            let mut client = Client::open(address);
            client.subscribe(speech, first).await;
            let is_distinct = matches!(speech, Speech::Fanfare(audience) if audience.is_distinct());
            // One of them paces the publisher, where all hear the same.
            let arrived = (first == 0 || is_distinct).then(|| arrived.clone());
            let count = if is_distinct { count / subscribers as u64 } else { count };
            readers.push(tokio::spawn(async move { client.count(count, arrived).await }));
        }
        let bytes_per_connection = resident_bytes(pid).saturating_sub(before) / subscribers as u64;
        // The baseline has no metrics.
        let writes = || node::metric(address, "fanfare_hub_writes_total").unwrap_or_default();
        let (cpu, written) = (cpu_nanos(pid), writes());
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
            Speech::Fanfare(audience) if audience.is_distinct() => count / subscribers as u64 * subscribers as u64,
            Speech::Fanfare(_) | Speech::Plain => count * subscribers as u64,
        };
        assert_eq!(deliveries, expected, "every delivery is counted");
        let micros_per_delivery = (cpu_nanos(pid) - cpu) as f64 / 1_000.0 / deliveries as f64;
        let writes_per_delivery = (writes() - written) as f64 / deliveries as f64;
        Run { micros_per_delivery, bytes_per_connection, writes_per_delivery }
    })
}

/// A client of either server.
struct Client(Socket);

impl Client {
    fn open(address: SocketAddr) -> Self {
        Self(Socket::open(address))
    }

    async fn subscribe(&mut self, speech: Speech, number: usize) {
        let Speech::Fanfare(audience) = speech else { return };
        let lens = match audience {
            Audience::OneView | Audience::Topics => String::new(),
            Audience::Views(count) => format!(r#","filter":"data.n >= 0 - {}""#, number % count),
            Audience::Distinct => format!(r#","where.data.n":"{number}""#),
        };
        let topic = audience.topic(number as u64);
        let subscribe =
            format!(r#"{{"type":"SUBSCRIBE","id":1,"payload":{{"topic":"{topic}","from":"latest"{lens}}}}}"#);
        self.0.send(&subscribe).await;
        while self.messages() == 0 {
            self.0.read().await;
        }
    }

    /// Publishes once to each topic: that it comes into being is not what is measured.
    async fn create(&mut self, speech: Speech, subscribers: u64) {
        let Speech::Fanfare(audience) = speech else { return };
        let topics = if matches!(audience, Audience::Topics) { subscribers } else { 1 };
        for number in 0..topics {
            let topic = audience.topic(number);
            self.0.send(&format!(r#"{{"type":"PUBLISH","id":1,"payload":{{"topic":"{topic}","data":0}}}}"#)).await;
            while self.messages() == 0 {
                self.0.read().await;
            }
        }
    }

    async fn publish(&mut self, speech: Speech, number: u64) {
        match speech {
            Speech::Fanfare(Audience::OneView) => {
                let data = "x".repeat(PAYLOAD_BYTES - 2);
                let text = format!(r#"{{"type":"PUBLISH","payload":{{"topic":"bench:fan","data":"{data}"}}}}"#);
                self.0.send(&text).await;
            }
            Speech::Fanfare(audience) => {
                let topic = audience.topic(number);
                let number = format!(r#"{{"n":{number},"text":""#);
                let data = format!("{number}{}\"}}", "x".repeat(PAYLOAD_BYTES - 2 - number.len()));
                let text = format!(r#"{{"type":"PUBLISH","payload":{{"topic":"{topic}","data":{data}}}}}"#);
                self.0.send(&text).await;
            }
            Speech::Plain => self.0.send(&"x".repeat(PAYLOAD_BYTES - 2)).await,
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
            self.0.read().await;
        }
    }

    /// Events among the whole frames that have arrived: a frame of Fanfare may hold several.
    fn messages(&mut self) -> u64 {
        let mut events = 0;
        while let Some(payload) = self.0.take() {
            events += match payload.starts_with(br#"{"type":"EVENT""#) {
                true => payload.windows(13).filter(|w| w == br#"{"type":"put""#).count() as u64,
                false => 1,
            };
        }
        events
    }
}
