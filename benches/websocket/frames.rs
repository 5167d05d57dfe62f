//! The client's side of a WebSocket, for benches that block: the load generator's frames, one after the other.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, bail, ensure};
use bytes::{Buf as _, Bytes, BytesMut};

use super::frame::{self, Opcode};

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

/// Takes the next whole message from the front of what arrived. It answers no pings, which these servers send to the silent.
pub fn take(input: &mut BytesMut) -> Result<Option<Bytes>> {
    while let Some(frame) = frame::first(input)? {
        let (opcode, bytes, payload) = (frame.opcode, frame.bytes, frame.payload.len());
        input.advance(bytes - payload);
        let payload = input.split_to(payload).freeze();
        match opcode {
            Opcode::Close => {
                bail!("closed by the server: {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default()))
            }
            Opcode::Ping | Opcode::Pong => {}
            Opcode::Text | Opcode::Binary => return Ok(Some(payload)),
        }
    }
    Ok(None)
}
