//! The client's side of a WebSocket, as cheap as it can be: it masks with zeros, which leaves the payload as it is, and
//! copies nothing that arrives. It knows no fragments, which these servers do not send, and answers no pings, which they send
//! to the silent.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, bail, ensure};
use bytes::{Buf as _, Bytes, BytesMut};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Text = 1,
    Binary = 2,
}

const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The last frame of its message.
const FIN: u8 = 0x80;
/// Frames of clients are masked.
const MASKED: u8 = 0x80;

/// Opens one, blocking.
pub fn open(address: SocketAddr, subprotocol: Option<&str>) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let subprotocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let request = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{subprotocol}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    // Byte by byte, so that nothing is taken of what follows the answer.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        ensure!(stream.read(&mut byte)? > 0, "closed in the handshake");
        head.extend_from_slice(&byte);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101"), "no WebSocket: {}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// Appends a message in one frame.
pub fn put(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FIN | opcode as u8);
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        middle @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Takes the next whole message from the front of what arrived.
pub fn take(input: &mut BytesMut) -> Result<Option<Bytes>> {
    while let Some((head, length)) = head(input).filter(|(head, length)| input.len() >= head + length) {
        let opcode = input[0] & 0x0f;
        input.advance(head);
        let payload = input.split_to(length).freeze();
        match opcode {
            CLOSE => bail!("closed by the server: {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default())),
            PING | PONG => {}
            _ => return Ok(Some(payload)),
        }
    }
    Ok(None)
}

/// Lengths of a frame's head and of its payload, once they can be known.
fn head(input: &[u8]) -> Option<(usize, usize)> {
    match input.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(*short))),
    }
}
