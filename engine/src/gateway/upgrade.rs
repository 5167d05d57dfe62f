//! The handshake of WebSockets, outside of actix-web.
//!
//! Requests with `Upgrade: websocket` leave actix-http here with their raw socket: its dispatcher and two 8 KiB
//! buffers are freed, and what remains of a connection is its actor. Because App middleware never sees them,
//! origin, limits and draining are checked here by the same functions that the routes call.

use std::rc::Rc;

use actix_codec::Framed;
use actix_http::{Method, Request, RequestHead, h1, header, ws};
use bytes::BytesMut;
use fanfare_protocol::{Code, Encoding, Error, Watch};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{admission, handshake, origin, problem, socket};
use crate::connection::Source;
use crate::hub::Hub;
use crate::telemetry::CodeLabel;

/// Answers the handshake and starts the connection, or refuses it with a problem.
///
/// # Errors
/// None: a client that cannot be answered is gone.
pub async fn upgrade(
    hub: Rc<Hub>,
    (request, framed): (Request, Framed<TcpStream, h1::Codec>),
) -> Result<(), actix_http::Error> {
    let mut parts = framed.into_parts();
    let accepted = accept(&hub, request.head(), request.path(), request.uri().query());
    // The head pins the 8 KiB buffer that it was parsed from.
    drop(request);
    match accepted {
        Ok(Accepted { encoding, head, watches }) => {
            if parts.io.write_all(&head).await.is_err() {
                hub.node().connections.close();
                return Ok(());
            }
            // An empty buffer still holds what it was read into.
            let read_ahead = if parts.read_buf.is_empty() { BytesMut::new() } else { parts.read_buf };
            socket::open(&hub, parts.io, Source::WebSocket(encoding, read_ahead), watches);
        }
        Err(error) => {
            let telemetry = &hub.node().telemetry;
            telemetry.error(&error);
            telemetry.connections_refused.of(CodeLabel::of(&error)).inc();
            // Whoever hangs up before the refusal arrives does not need it.
            let _ = parts.io.write_all(&refusal(&error)).await;
            let _ = parts.io.shutdown().await;
        }
    }
    Ok(())
}

struct Accepted {
    encoding: Encoding,
    head: Vec<u8>,
    watches: Vec<Watch>,
}

/// Counts the connection when it is accepted.
fn accept(hub: &Hub, head: &RequestHead, path: &str, query: Option<&str>) -> Result<Accepted, Error> {
    let node = hub.node();
    if head.method == Method::CONNECT {
        return Err(Error::of(Code::MethodNotAllowed));
    }
    match path {
        "/v1/ws" => {}
        _ if path.starts_with("/v1/yjs/") => return Err(Error::of(Code::NotSupported)),
        _ => return Err(Error::of(Code::NotFound).with_message("WebSockets are served at `/v1/ws`")),
    }
    let watches = handshake::watches(hub, query.unwrap_or_default())?;
    let text = |name: header::HeaderName| head.headers.get(name).and_then(|v| v.to_str().ok());
    let server = &node.config.server;
    if !origin::allowed(text(header::ORIGIN), text(header::HOST), server.is_loopback(), &server.allowed_origins) {
        return Err(Error::of(Code::OriginNotAllowed));
    }
    ws::verify_handshake(head).map_err(|e| Error::of(Code::Malformed).with_message(format!("handshake: {e}")))?;
    // A list may be spread over several headers (RFC 6455, 11.3.4).
    let offered: Vec<_> =
        head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|v| v.to_str().ok()).collect();
    let encoding = subprotocol(&offered)?;
    admission::admit(hub)?;
    let key = head.headers.get(header::SEC_WEBSOCKET_KEY).map_or(&[][..], header::HeaderValue::as_bytes);
    let head = switching(&ws::hash_key(key), (!offered.is_empty()).then_some(encoding));
    Ok(Accepted { encoding, head, watches })
}

/// The first known subprotocol of those that the client offers; JSON when it offers none.
fn subprotocol(offered: &[&str]) -> Result<Encoding, Error> {
    if offered.is_empty() {
        return Ok(Encoding::Json);
    }
    let known = [Encoding::Protobuf, Encoding::Json];
    let chosen = offered
        .iter()
        .flat_map(|list| list.split(','))
        .find_map(|name| known.into_iter().find(|e| e.subprotocol() == name.trim()));
    chosen.ok_or_else(|| {
        let message = "the subprotocols are `fanfare.v1.protobuf` and `fanfare.v1.json`";
        Error::of(Code::NotAcceptable).with_message(message)
    })
}

fn switching(accept: &[u8], subprotocol: Option<Encoding>) -> Vec<u8> {
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n");
    head.extend_from_slice(b"sec-websocket-accept: ");
    head.extend_from_slice(accept);
    if let Some(encoding) = subprotocol {
        head.extend_from_slice(b"\r\nsec-websocket-protocol: ");
        head.extend_from_slice(encoding.subprotocol().as_bytes());
    }
    head.extend_from_slice(b"\r\n\r\n");
    head
}

fn refusal(error: &Error) -> Vec<u8> {
    let status = problem::status(error);
    let body = problem::body(error);
    let mut out = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\nsec-websocket-version: 13\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        problem::CONTENT_TYPE,
        body.len(),
    );
    if let Some(seconds) = problem::retry_after_s(error) {
        out.push_str(&format!("retry-after: {seconds}\r\n"));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(&body);
    out
}
