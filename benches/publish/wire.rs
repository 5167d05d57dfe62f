//! One client's side of a protocol: how a publication is said, and how its acknowledgement is heard.

use std::net::TcpStream;

use anyhow::Result;
use bytes::BytesMut;

/// Names a publication in flight on its connection: below the number in flight, used again once it was answered.
pub type Ticket = u32;

/// Bytes of each publication.
pub const PAYLOAD_BYTES: usize = 128;

/// See the module.
pub trait Wire {
    /// Appends one publication.
    fn publish(&mut self, ticket: Ticket, out: &mut Vec<u8>);

    /// Takes all whole answers from the front of what arrived, and appends the tickets that they acknowledge.
    ///
    /// # Errors
    /// When a publication was refused: a bench that loses some measures something else.
    fn answers(&mut self, input: &mut BytesMut, acknowledged: &mut Vec<Ticket>) -> Result<()>;
}

/// A connection that is ready to publish.
pub struct Connection {
    pub stream: TcpStream,
    pub wire: Box<dyn Wire>,
}

/// What is published: a JSON string, so that a server that reads JSON has it to read.
pub fn payload() -> Vec<u8> {
    let mut payload = vec![b'x'; PAYLOAD_BYTES];
    payload[0] = b'"';
    payload[PAYLOAD_BYTES - 1] = b'"';
    payload
}

/// The line that ends in CR LF at the front of what arrived, without its end, and its length with it.
pub fn line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = input.windows(2).position(|bytes| bytes == b"\r\n")?;
    Some((&input[..end], end + 2))
}
