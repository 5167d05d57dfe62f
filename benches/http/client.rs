//! HTTP/1.1 as far as a bench needs it: requests on one connection, answers whose end is told. Blocking; whoever wants to wait
//! for many at once cuts the answers out of his own buffer with [`take_answer`].

#![allow(dead_code, reason = "each bench uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a request was answered.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A connection that is kept.
pub struct Http {
    stream: TcpStream,
    address: SocketAddr,
    input: BytesMut,
    output: Vec<u8>,
}

impl Http {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, address, input: BytesMut::new(), output: Vec::new() })
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Result<Answer> {
        self.output.clear();
        put_request(self.address, method, target, body, &mut self.output);
        self.stream.write_all(&self.output)?;
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some(answer) = take_answer(&mut self.input)? {
                return Ok(answer);
            }
            let count = self.stream.read(&mut piece)?;
            ensure!(count > 0, "{method} {target}: closed before the answer");
            self.input.extend_from_slice(&piece[..count]);
        }
    }

    /// Asks for what must be there.
    pub fn get(&mut self, target: &str) -> Result<Vec<u8>> {
        let Answer { status, body } = self.ask("GET", target, &[])?;
        ensure!(status == 200, "GET {target} was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}

/// Whether something at the address answers this path with 200.
pub fn is_ok(address: SocketAddr, path: &str) -> bool {
    Http::connect(address).and_then(|mut http| http.get(path)).is_ok()
}

/// Appends a request.
pub fn put_request(address: SocketAddr, method: &str, target: &str, body: &[u8], out: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    let _ = write!(out, "{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
}

/// Takes the next whole answer from the front of what arrived.
pub fn take_answer(input: &mut BytesMut) -> Result<Option<Answer>> {
    let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&input[..end]).context("a head that is no text")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("no status in `{head}`"))?;
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let header =
        |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    let found = match (header("content-length"), header("transfer-encoding")) {
        (Some(length), _) => sized(&input[end + 4..], length.parse()?),
        (None, Some("chunked")) => chunked(&input[end + 4..])?,
        (None, _) => bail!("an answer whose end cannot be known"),
    };
    Ok(found.map(|(body, bytes)| {
        input.advance(end + 4 + bytes);
        Answer { status, body }
    }))
}

/// The body, if it is there as a whole, and its length on the wire.
fn sized(input: &[u8], length: usize) -> Option<(Vec<u8>, usize)> {
    input.get(..length).map(|body| (body.to_vec(), length))
}

/// The same of a body in pieces, each with its length before it; the last one is empty.
fn chunked(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    while let Some(end) = input[at..].windows(2).position(|bytes| bytes == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&input[at..at + end])?, 16)?;
        at += end + 2;
        let Some(piece) = input.get(at..at + length + 2) else { break };
        body.extend_from_slice(&piece[..length]);
        at += length + 2;
        if length == 0 {
            return Ok(Some((body, at)));
        }
    }
    Ok(None)
}
