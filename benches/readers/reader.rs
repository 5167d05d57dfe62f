//! Who watches, who publishes, and what a publication of this bench looks like: its number, and when it was meant to be sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::websocket::Socket;

/// What every publication is filled up to.
const PAYLOAD_BYTES: usize = 128;

/// A subscriber that checks that it gets every number once and in order.
pub struct Reader {
    socket: Socket,
    next: u64,
}

impl Reader {
    pub fn open(address: SocketAddr) -> Self {
        Self { socket: Socket::open(address), next: 0 }
    }

    /// Asks, without waiting for the answer. `how` are the members of the request behind the topic.
    pub async fn ask(&mut self, topic: &str, how: &str) {
        let request = format!(r#"{{"type":"SUBSCRIBE","id":1,"payload":{{"topic":"{topic}",{how}}}}}"#);
        self.socket.send(&request).await;
    }

    /// The version in the answer.
    pub async fn subscribed(&mut self) -> String {
        let answer = self.socket.next().await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with(r#"{"type":"SUBSCRIBED""#), "{text}");
        let (_, rest) = text.split_once(r#""resourceVersion":""#).expect("where the view stands");
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// Hears everything up to this number; `each` is told for each publication how long after it was due it came, by the
    /// clock that the publisher reads.
    pub async fn hear(&mut self, until: u64, from: Instant, mut each: impl FnMut(Duration)) {
        while self.next < until {
            let message = self.socket.next().await;
            let now = from.elapsed();
            for sent in self.check(&message) {
                each(now.saturating_sub(Duration::from_nanos(sent)));
            }
        }
    }

    /// The times at which the publications in a message were sent.
    fn check(&mut self, message: &Bytes) -> Vec<u64> {
        let text = std::str::from_utf8(message).expect("JSON is UTF-8");
        let mut sent = Vec::new();
        for publication in text.split(r#""data":{"n":"#).skip(1) {
            let (number, rest) = publication.split_once(r#","t":"#).expect("as this bench publishes");
            assert_eq!(number.parse(), Ok(self.next), "lost, doubled or out of order: {text}");
            self.next += 1;
            sent.push(rest.split(',').next().and_then(|t| t.parse().ok()).expect("as this bench publishes"));
        }
        sent
    }

    /// Takes nothing from now on, and stays.
    pub fn stall(self) -> Socket {
        self.socket
    }
}

/// Publishes numbered publications.
pub struct Publisher {
    socket: Socket,
    from: Instant,
    next: u64,
    payload_bytes: usize,
}

impl Publisher {
    pub fn open(address: SocketAddr, from: Instant) -> Self {
        Self { socket: Socket::open(address), from, next: 0, payload_bytes: PAYLOAD_BYTES }
    }

    /// The same with other payloads.
    pub fn of_bytes(self, payload_bytes: usize) -> Self {
        Self { payload_bytes, ..self }
    }

    /// How many it has published.
    pub fn published(&self) -> u64 {
        self.next
    }

    /// A moment as publications tell it.
    pub fn since_start(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.from)
    }

    /// Publishes the next, which was meant to be sent at `at`.
    pub async fn publish(&mut self, topic: &str, at: Duration) {
        let head = format!(r#"{{"n":{},"t":{},"text":""#, self.next, at.as_nanos());
        let text = "x".repeat(self.payload_bytes.saturating_sub(head.len() + 2));
        let request = format!(r#"{{"type":"PUBLISH","payload":{{"topic":"{topic}","data":{head}{text}"}}}}}}"#);
        self.socket.send(&request).await;
        self.next += 1;
    }

    /// Publishes the next now.
    pub async fn publish_now(&mut self, topic: &str) {
        self.publish(topic, self.from.elapsed()).await;
    }
}
