//! Its clients: blocking sockets with buffers on the stack.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// A WebSocket that speaks JSON and allocates nothing once it is open.
pub struct Client(TcpStream);

impl Client {
    /// Opens one.
    pub fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("the engine listens");
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the engine reads");
        // Nothing follows the head before something is asked.
        let (mut head, mut piece) = (Vec::new(), [0; 1_024]);
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut piece).expect("an answer to the handshake");
            assert!(read > 0, "closed in the handshake");
            head.extend_from_slice(&piece[..read]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Sends one text frame of less than 64 KiB.
    pub fn say(&mut self, payload: &[u8]) {
        // A mask of zeros leaves the payload as it is.
        let mut frame = [0; 512];
        let length = u16::try_from(payload.len()).expect("a short payload").to_be_bytes();
        frame[..8].copy_from_slice(&[0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0]);
        frame[8..8 + payload.len()].copy_from_slice(payload);
        self.0.write_all(&frame[..8 + payload.len()]).expect("the engine reads");
    }

    /// Reads one frame, which holds `part` and behind which nothing follows.
    pub fn hear(&mut self, part: &[u8]) {
        let (mut buffer, mut filled) = ([0; 1_024], 0);
        let payload = loop {
            filled += match self.0.read(&mut buffer[filled..]).expect("a frame in time") {
                0 => panic!("the engine closed"),
                read => read,
            };
            let (head, length) = match buffer[1] {
                126 if filled < 4 => continue,
                126 => (4, usize::from(u16::from_be_bytes([buffer[2], buffer[3]]))),
                short => (2, usize::from(short)),
            };
            if filled >= head + length && filled >= 2 {
                assert_eq!((buffer[0], filled), (0x81, head + length), "one whole text message");
                break &buffer[head..head + length];
            }
        };
        let is_there = payload.windows(part.len()).any(|window| window == part);
        assert!(is_there, "{} in {}", String::from_utf8_lossy(part), String::from_utf8_lossy(payload));
    }
}
