//! The door for raw TCP: a session from the first byte on, without a handshake.
//!
//! No browser comes here, whatever a page may try: the first bytes of an HTTP request announce a frame that is larger
//! than any may be. So no origin is asked for.

use std::rc::Rc;

use fanfare_protocol::{Error, Message};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{admission, socket};
use crate::connection::Source;
use crate::hub::Hub;
use crate::telemetry::CodeLabel;
use crate::view::{SessionWire, put_envelope};

/// Starts a session on a socket that was just accepted, or tells it why not.
pub(super) async fn accept(hub: Rc<Hub>, stream: TcpStream) {
    match admission::admit(&hub) {
        Ok(()) => socket::open(&hub, stream, Source::Tcp, Vec::new()),
        Err(error) => refuse(&hub, stream, error).await,
    }
}

async fn refuse(hub: &Hub, mut stream: TcpStream, error: Error) {
    let telemetry = &hub.node().telemetry;
    telemetry.error(&error);
    telemetry.connections_refused.of(CodeLabel::of(&error)).inc();
    let mut frame = Vec::new();
    put_envelope(SessionWire::Tcp, 0, &Message::Error(error), &mut frame);
    // Whoever hangs up before the refusal arrives does not need it.
    let _ = stream.write_all(&frame).await;
    let _ = stream.shutdown().await;
}
