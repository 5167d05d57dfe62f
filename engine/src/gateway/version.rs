//! Which HTTP a connection speaks: 1.1, or 2 with prior knowledge (RFC 9113, 3.3), told apart by its first bytes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_http::Protocol;
use actix_http::error::DispatchError;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How a connection of HTTP/2 begins (RFC 9113, 3.4), as far as it is looked at.
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// A connection, what it speaks, and where it comes from: what an HTTP service is given.
pub(super) type Spoken = (TcpStream, Protocol, Option<SocketAddr>);

/// Looks at the first bytes without taking them. One who says nothing in time is sent away: whoever waits for its request
/// afterwards has not begun to count.
///
/// # Errors
/// When nothing comes in time, or the connection breaks.
pub(super) async fn of(stream: TcpStream, patience: Duration) -> Result<Spoken, DispatchError> {
    let mut first = [0; PREFACE.len()];
    let silent = || io::Error::new(io::ErrorKind::TimedOut, "the client said nothing");
    let length = timeout(patience, stream.peek(&mut first)).await.map_err(|_| silent()).and_then(|peeked| peeked);
    let is_two = length.map_err(DispatchError::Io)? == PREFACE.len() && first == PREFACE;
    let peer = stream.peer_addr().ok();
    Ok((stream, if is_two { Protocol::Http2 } else { Protocol::Http1 }, peer))
}
