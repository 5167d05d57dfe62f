//! A client on a WebSocket, in JSON: what it sends is masked with zeros, what arrives is counted and not parsed.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frame::{Opcode, put};
use super::frames::{open, take};

/// See the module. Panics when the server closes: a bench that lost a client has nothing to report.
pub struct Socket {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Socket {
    /// Opens one, blocking.
    pub fn open(address: SocketAddr) -> Self {
        let stream = open(address, None).expect("the server listens and shakes hands");
        stream.set_nonblocking(true).expect("a TCP socket");
        let stream = TcpStream::from_std(stream).expect("a runtime is there");
        Self { stream, buffer: BytesMut::new() }
    }

    /// Sends one message.
    pub async fn send(&mut self, payload: &str) {
        let mut out = Vec::with_capacity(payload.len() + 16);
        put(Opcode::Text, payload.as_bytes(), &mut out);
        self.stream.write_all(&out).await.expect("the server reads");
    }

    /// The next whole message that has arrived already.
    pub fn take(&mut self) -> Option<Bytes> {
        take(&mut self.buffer).expect("the server does not close")
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Bytes {
        loop {
            if let Some(message) = self.take() {
                return message;
            }
            self.read().await;
        }
    }

    /// Waits until something arrives.
    pub async fn read(&mut self) {
        assert!(self.stream.read_buf(&mut self.buffer).await.expect("a readable socket") > 0, "closed by the server");
    }
}
