//! A WebSocket client that shows and sends bytes as they are, so that it can also break the rules.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use fanfare_protocol::{Encoding, Incoming};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, batch, talk};

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8A;

/// One frame from the server; none is ever fragmented or masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The close code, if it is a close frame.
    pub fn close_code(&self) -> Option<u16> {
        let code = self.payload.get(..2).filter(|_| self.first == CLOSE)?;
        Some(u16::from_be_bytes([code[0], code[1]]))
    }
}

/// A connection whose handshake is done.
pub struct Socket {
    pub stream: TcpStream,
    buffer: BytesMut,
    waiting: Vec<Value>,
    decoded: VecDeque<Incoming>,
}

impl talk::Hears for Socket {
    async fn next(&mut self) -> Value {
        self.hear().await
    }
}

impl Socket {
    /// Connects without a subprotocol: JSON.
    pub async fn json(address: SocketAddr) -> Self {
        Self::with(address, "").await
    }

    /// Connects with the binary subprotocol.
    pub async fn protobuf(address: SocketAddr) -> Self {
        Self::with(address, "Sec-WebSocket-Protocol: fanfare.v1.protobuf\r\n").await
    }

    async fn with(address: SocketAddr, headers: &str) -> Self {
        let (head, socket) = Self::handshake(address, "/v1/ws", headers).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        socket
    }

    /// Sends a handshake and gives the head of the answer, whatever it is.
    pub async fn handshake(address: SocketAddr, path: &str, headers: &str) -> (String, Self) {
        let mut stream = TcpStream::connect(address).await.expect("the node listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("the node reads");
        let mut buffer = BytesMut::new();
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            let read = timeout(PATIENCE, stream.read_buf(&mut buffer)).await.expect("an answer in time");
            assert!(read.expect("a readable socket") > 0, "closed in the handshake");
        };
        let head = String::from_utf8_lossy(&buffer.split_to(end)).into_owned();
        (head, Self { stream, buffer, waiting: Vec::new(), decoded: VecDeque::new() })
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the node reads");
    }

    /// Sends one masked frame.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send_bytes(&frame(first, payload)).await;
    }

    /// Sends a JSON envelope.
    pub async fn say(&mut self, kind: &str, id: u64, payload: Value) {
        let envelope = json!({ "type": kind, "id": id, "payload": payload });
        self.send_frame(TEXT, envelope.to_string().as_bytes()).await;
    }

    /// The next frame, or `None` when the node closed the connection.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = cut(&mut self.buffer) {
                return Some(frame);
            }
            match timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("a frame in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next envelope in JSON; pings are answered on the way.
    pub async fn hear(&mut self) -> Value {
        loop {
            if !self.waiting.is_empty() {
                return self.waiting.remove(0);
            }
            let frame = self.frame().await.expect("the connection lives");
            match frame.first {
                first @ (TEXT | BINARY) => {
                    let payload = if first == BINARY { batch::inflated(&frame.payload) } else { frame.payload };
                    let text = String::from_utf8(payload).expect("text is UTF-8");
                    self.waiting = text.lines().map(|l| serde_json::from_str(l).expect("envelopes are JSON")).collect();
                }
                PING => self.send_frame(PONG, &frame.payload).await,
                PONG => {}
                _ => panic!("an unexpected frame: {frame:?}"),
            }
        }
    }

    /// The next envelope of a connection that speaks protobuf.
    pub async fn hear_binary(&mut self) -> Incoming {
        loop {
            if let Some(incoming) = self.decoded.pop_front() {
                return incoming;
            }
            let frame = self.frame().await.expect("the connection lives");
            assert_eq!(frame.first, BINARY, "the protobuf subprotocol sends binary messages: {frame:?}");
            let is_packed = frame.payload.first() == Some(&batch::MARK);
            let message = Bytes::from(if is_packed { batch::inflated(&frame.payload) } else { frame.payload });
            for envelope in fanfare_protocol::envelopes(Encoding::Protobuf, &message) {
                let envelope = envelope.expect("the length of an envelope is right");
                let incoming = fanfare_protocol::decode(Encoding::Protobuf, &envelope);
                self.decoded.push_back(incoming.expect("what a node says can be decoded"));
            }
        }
    }

    /// Reads to the end: what the node said in-band last, and its close code. Panics when no Close comes.
    pub async fn end(&mut self) -> (Option<Value>, u16) {
        let mut last = self.waiting.pop();
        loop {
            let frame = self.frame().await.expect("a Close comes before the end");
            match (frame.close_code(), frame.first) {
                (Some(code), _) => {
                    assert_eq!(self.frame().await, None, "nothing follows a Close but the end");
                    return (last, code);
                }
                (None, TEXT) => {
                    let text = String::from_utf8(frame.payload).expect("text is UTF-8");
                    last = text.lines().last().map(|line| serde_json::from_str(line).expect("envelopes are JSON"));
                }
                (None, _) => {}
            }
        }
    }

    /// The next envelope with this id; others are skipped.
    pub async fn answer(&mut self, id: u64) -> Value {
        talk::answer(self, id).await
    }

    /// The next event batch; other envelopes are skipped.
    pub async fn events(&mut self) -> Value {
        talk::events(self).await
    }

    /// Says a request and gives its answer.
    pub async fn ask(&mut self, kind: &str, id: u64, payload: Value) -> Value {
        self.say(kind, id, payload).await;
        self.answer(id).await
    }
}

/// One masked frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn cut(buffer: &mut BytesMut) -> Option<Frame> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let (length, head) = match second {
        126 => (u64::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let length = usize::try_from(length).expect("a frame fits memory");
    if buffer.len() < head + length {
        return None;
    }
    buffer.advance(head);
    Some(Frame { first, payload: buffer.split_to(length).to_vec() })
}
