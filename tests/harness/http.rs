//! An HTTP/1.1 client that sends bytes as they are and shows what comes back, whole or piece by piece.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

/// An answer. Of a stream only the head was read so far.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names are lowercase.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, by its lowercase name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

/// A connection; kept alive from request to request unless the node closes it.
pub struct Http {
    pub stream: TcpStream,
    buffer: BytesMut,
    framing: Framing,
    /// Decoded bytes of a stream that nobody took yet.
    streamed: BytesMut,
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the node listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: BytesMut::new(), framing: Framing::Length(0), streamed: BytesMut::new() }
    }

    /// Connects for one request.
    pub async fn once(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Self::connect(address).await.ask(method, target, headers, body).await
    }

    /// Sends bytes as they are. A node that has had enough may have closed.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request.
    pub async fn say(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) {
        let request = request(self.stream.peer_addr().expect("connected"), method, target, headers, body);
        self.send_bytes(request.as_bytes()).await.expect("the node reads");
    }

    /// Sends a request and reads the whole answer.
    pub async fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.say(method, target, headers, body).await;
        if method == "HEAD" { self.head().await } else { self.answer().await }
    }

    /// Reads a whole answer.
    pub async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        answer.body = match self.framing {
            Framing::Length(length) => {
                while self.buffer.len() < length {
                    assert!(self.read().await > 0, "closed within a body");
                }
                self.buffer.split_to(length).to_vec()
            }
            Framing::Chunked => {
                while self.chunk().await {}
                self.streamed.split().to_vec()
            }
            Framing::ToTheEnd => {
                while self.read().await > 0 {}
                self.buffer.split().to_vec()
            }
        };
        answer
    }

    /// Reads the head of an answer, whose body is then read by [`Http::text_through`].
    pub async fn head(&mut self) -> Answer {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            assert!(self.read().await > 0, "closed before an answer: {:?}", self.buffer);
        };
        let head = String::from_utf8(self.buffer.split_to(end).to_vec()).expect("a head is ASCII");
        self.buffer.advance(4);
        let (status, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let field = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let answer = Answer { status, headers: fields.lines().map(field).collect(), body: Vec::new() };
        let length = answer.header("content-length").map(|length| length.parse().expect("a length"));
        self.framing = match (answer.header("transfer-encoding"), length) {
            _ if answer.status == 204 => Framing::Length(0),
            (Some("chunked"), _) => Framing::Chunked,
            (_, Some(length)) => Framing::Length(length),
            _ => Framing::ToTheEnd,
        };
        answer
    }

    /// Reads on in a stream, through the first `end`, which may be several lines.
    pub async fn text_through(&mut self, end: &str) -> String {
        assert_eq!(self.framing, Framing::Chunked, "a stream comes in chunks");
        loop {
            if let Some(at) = self.streamed.windows(end.len()).position(|w| w == end.as_bytes()) {
                let text = self.streamed.split_to(at + end.len());
                return String::from_utf8(text.to_vec()).expect("a stream is UTF-8");
            }
            assert!(self.chunk().await, "the stream ended: {:?}", self.streamed);
        }
    }

    /// Reads a stream to its end, which has to be a clean one.
    pub async fn text_to_the_end(&mut self) -> String {
        while self.chunk().await {}
        String::from_utf8(self.streamed.split().to_vec()).expect("a stream is UTF-8")
    }

    /// Waits until the node closes; what it still says is thrown away.
    pub async fn closed(&mut self) {
        while self.read().await > 0 {}
    }

    /// Decodes one chunk; false: it was the last.
    async fn chunk(&mut self) -> bool {
        let (length, head) = loop {
            if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let length = std::str::from_utf8(&self.buffer[..at]).expect("the length of a chunk is ASCII");
                break (usize::from_str_radix(length, 16).expect("the length of a chunk is hexadecimal"), at + 2);
            }
            assert!(self.read().await > 0, "closed within a stream");
        };
        while self.buffer.len() < head + length + 2 {
            assert!(self.read().await > 0, "closed within a chunk");
        }
        self.buffer.advance(head);
        self.streamed.extend_from_slice(&self.buffer.split_to(length));
        self.buffer.advance(2);
        length > 0
    }

    /// 0 when the node closed.
    async fn read(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        read.expect("the node says something, or closes, in time").unwrap_or(0)
    }
}

/// The text of a request.
pub fn request(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request + "\r\n" + body
}
