//! A client of raw TCP, which is written and asserted about in JSON, and can also break the rules.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use fanfare_protocol::{Encoding, Incoming, decode, encode, frame};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{PATIENCE, batch, talk};

/// Longer than any frame that a node sends.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection.
pub struct Tcp {
    pub stream: TcpStream,
    buffer: BytesMut,
}

impl talk::Hears for Tcp {
    async fn next(&mut self) -> Value {
        self.hear().await
    }
}

impl Tcp {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the node listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: BytesMut::new() }
    }

    /// Connects with a receive buffer that is soon full.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a TCP socket");
        socket.set_recv_buffer_size(16 * 1024).expect("a smaller buffer");
        let stream = socket.connect(address).await.expect("the node listens");
        Self { stream, buffer: BytesMut::new() }
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the node reads");
    }

    /// Sends an envelope.
    pub async fn say(&mut self, kind: &str, id: u64, payload: Value) {
        self.send_bytes(&frame_of(kind, id, &payload)).await;
    }

    /// The next envelope, or `None` when the node closed; its PINGs are not answered.
    pub async fn envelope(&mut self) -> Option<Value> {
        let decoder = frame::Decoder::new(FRAME_BYTES_MAX);
        loop {
            if let Some(envelope) = decoder.decode(&mut self.buffer).expect("the frames of a node are right") {
                let is_packed = envelope.first() == Some(&batch::MARK);
                return Some(shown(&if is_packed { batch::inflated(&envelope).into() } else { envelope }));
            }
            match timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("a frame in time") {
                Ok(0) | Err(_) => {
                    assert_eq!(decoder.finish(&self.buffer), Ok(()), "a node ends between frames");
                    return None;
                }
                Ok(_) => {}
            }
        }
    }

    /// The next envelope; PINGs are answered on the way.
    pub async fn hear(&mut self) -> Value {
        loop {
            let envelope = self.envelope().await.expect("the connection lives");
            match envelope["type"].as_str() {
                Some("PING") => self.say("PONG", envelope["id"].as_u64().expect("an id"), json!({})).await,
                _ => return envelope,
            }
        }
    }

    /// Reads to the end: what the node said last.
    pub async fn end(&mut self) -> Option<Value> {
        let mut last = None;
        while let Some(envelope) = self.envelope().await {
            last = Some(envelope);
        }
        last
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

/// The frame of an envelope.
pub fn frame_of(kind: &str, id: u64, payload: &Value) -> Vec<u8> {
    let envelope = Bytes::from(json!({ "type": kind, "id": id, "payload": payload }).to_string());
    let Incoming { message, .. } = decode(Encoding::Json, &envelope).expect("the test says what can be said");
    let (mut delimited, mut out) = (Vec::new(), Vec::new());
    encode(Encoding::Protobuf, id, &message, &mut delimited);
    frame::encode_delimited(&delimited, &mut out);
    out
}

fn shown(envelope: &Bytes) -> Value {
    let incoming = decode(Encoding::Protobuf, envelope).expect("what a node says can be decoded");
    let mut out = Vec::new();
    encode(Encoding::Json, incoming.id, &incoming.message, &mut out);
    serde_json::from_slice(&out).expect("envelopes are JSON")
}
