//! The load: subscribers that count every delivery, and a publisher that keeps so many publications in flight.

use std::fs;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// What is said to the server.
#[derive(Clone, Copy)]
pub enum Speech {
    /// The JSON subprotocol.
    Fanfare,
    /// Every message is broadcast as it is.
    Plain,
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
            let mut socket = Socket::open(address).await;
            socket.subscribe(speech).await;
            // One of them paces the publisher.
            let arrived = (first == 0).then(|| arrived.clone());
            readers.push(tokio::spawn(async move { socket.count(count, arrived).await }));
        }
        let bytes_per_connection = resident_bytes(pid).saturating_sub(before) / subscribers as u64;
        let mut publisher = Socket::open(address).await;
        let cpu = cpu_micros(pid);
        let (mut published, mut seen) = (0, 0);
        while published < count {
            while published < count && published - seen < in_flight {
                publisher.publish(speech).await;
                published += 1;
            }
            seen = arrivals.recv().await.expect("the first subscriber lives");
        }
        let mut deliveries = 0;
        for reader in readers {
            deliveries += reader.await.expect("a reader does not fail");
        }
        assert_eq!(deliveries, count * subscribers as u64, "every delivery is counted");
        let micros_per_delivery = (cpu_micros(pid) - cpu) / deliveries as f64;
        Run { micros_per_delivery, bytes_per_connection }
    })
}

struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Socket {
    async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut buffer = BytesMut::new();
        loop {
            assert!(stream.read_buf(&mut buffer).await.expect("an answer") > 0, "closed in the handshake");
            if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                assert!(buffer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&buffer));
                buffer.advance(end + 4);
                return Self { stream, buffer };
            }
        }
    }

    async fn subscribe(&mut self, speech: Speech) {
        if matches!(speech, Speech::Fanfare) {
            self.send(br#"{"type":"SUBSCRIBE","id":1,"payload":{"topic":"bench:fan","from":"latest"}}"#).await;
            while self.messages() == 0 {
                self.read().await;
            }
        }
    }

    async fn publish(&mut self, speech: Speech) {
        let data = "x".repeat(PAYLOAD_BYTES - 2);
        match speech {
            Speech::Fanfare => {
                let text = format!(r#"{{"type":"PUBLISH","payload":{{"topic":"bench:fan","data":"{data}"}}}}"#);
                self.send(text.as_bytes()).await;
            }
            Speech::Plain => self.send(data.as_bytes()).await,
        }
    }

    async fn count(mut self, count: u64, arrived: Option<mpsc::UnboundedSender<u64>>) -> u64 {
        let mut seen = 0;
        loop {
            seen += self.messages();
            if let Some(arrived) = &arrived {
                // Nobody listens any more once everything is published.
                let _ = arrived.send(seen);
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
        while let Some((head, length)) = frame(&self.buffer).filter(|(head, length)| self.buffer.len() >= head + length)
        {
            let payload = &self.buffer[head..head + length];
            let is_text = self.buffer[0] == 0x81;
            events += match payload.starts_with(br#"{"type":"EVENT""#) {
                true => payload.windows(13).filter(|w| w == br#"{"type":"put""#).count() as u64,
                false => u64::from(is_text),
            };
            self.buffer.advance(head + length);
        }
        events
    }

    async fn read(&mut self) {
        assert!(self.stream.read_buf(&mut self.buffer).await.expect("a readable socket") > 0, "closed by the server");
    }

    async fn send(&mut self, payload: &[u8]) {
        let mut out = vec![0x81];
        match payload.len() {
            n @ 0..=125 => out.push(0x80 | n as u8),
            n => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
        }
        // A mask of zeros leaves the payload as it is.
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(payload);
        self.stream.write_all(&out).await.expect("the server reads");
    }
}

fn frame(buffer: &[u8]) -> Option<(usize, usize)> {
    match buffer.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(*short))),
    }
}

/// CPU time that all threads of a process have taken, in microseconds.
fn cpu_micros(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the server lives");
    let nanos = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1_000.0
}

fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells the resident set");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number of KiB") * 1024
}
