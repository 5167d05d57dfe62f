//! A WebSocket as the owner task uses it: frames in, frames out, one future that drives both.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use fanfare_protocol::Encoding;
use futures_util::{Sink, Stream};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

#[cfg(feature = "compression")]
use super::inflate::Inflater;
use super::target::Target;
use crate::error::{Error, ErrorKind};

/// A read takes at most this much at once; tungstenite allocates it per connection.
const READ_BUFFER_BYTES: usize = 32 * 1024;

/// Frames below this size are gathered before they are written.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// For the last frames and the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// An open socket.
#[derive(Debug)]
pub(super) struct WebSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    encoding: Encoding,
    /// Frames that the socket did not take yet. The session bounds them: by requests and bytes in flight.
    outbox: VecDeque<Message>,
    #[cfg(feature = "compression")]
    inflater: Inflater,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message: one or several envelopes, and its size on the wire.
    Frame(Bytes, usize),
    /// A ping or a pong.
    SignOfLife,
    /// The socket is over, for this reason.
    End(Error),
}

impl WebSocket {
    /// Opens a socket. Messages larger than `message_bytes_max` will end it.
    pub(super) async fn open(target: &Target, encoding: Encoding, message_bytes_max: usize) -> Result<Self, Error> {
        #[cfg(feature = "tls")]
        choose_cryptography();
        let mut request = target.uri().into_client_request().map_err(failure)?;
        let subprotocol = HeaderValue::from_static(encoding.subprotocol());
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let is_without_delay = true;
        let (stream, _) = connect_async_with_config(request, Some(config), is_without_delay).await.map_err(failure)?;
        Ok(Self {
            stream,
            encoding,
            outbox: VecDeque::new(),
            #[cfg(feature = "compression")]
            inflater: Inflater::new(message_bytes_max),
        })
    }

    /// Queues a message, which [`Self::next`] sends.
    pub(super) fn send(&mut self, message: Vec<u8>) {
        let message = match self.encoding {
            Encoding::Protobuf => Message::Binary(message.into()),
            Encoding::Json => match Utf8Bytes::try_from(message) {
                Ok(text) => Message::Text(text),
                Err(_) => unreachable!("JSON is written from strings and from serde_json's output, which are UTF-8"),
            },
        };
        self.outbox.push_back(message);
    }

    /// Queues a ping, which [`Self::next`] sends.
    pub(super) fn ping(&mut self) {
        self.outbox.push_back(Message::Ping(Bytes::new()));
    }

    /// Sends what is queued and waits for what comes. May be dropped and called again at any time.
    pub(super) async fn next(&mut self) -> Heard {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Sends what is queued and says goodbye, as far as that takes no longer than a moment.
    pub(super) async fn close(mut self) {
        let goodbye = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        self.outbox.push_back(Message::Close(Some(goodbye)));
        let drained = async { while !matches!(self.next().await, Heard::End(_)) {} };
        // A node that does not answer the goodbye is not waited for.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, drained).await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if let Err(error) = self.poll_send(cx) {
            return Poll::Ready(Heard::End(failure(error)));
        }
        let message = ready!(Pin::new(&mut self.stream).poll_next(cx));
        Poll::Ready(match message {
            Some(Ok(Message::Binary(frame))) => self.read(frame),
            Some(Ok(Message::Text(frame))) => {
                let bytes = frame.len();
                Heard::Frame(frame.into(), bytes)
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::SignOfLife,
            Some(Ok(Message::Close(reason))) => Heard::End(closed(reason.as_ref())),
            Some(Err(error)) => Heard::End(failure(error)),
            None => Heard::End(closed(None)),
        })
    }

    #[cfg(feature = "compression")]
    fn read(&mut self, frame: Bytes) -> Heard {
        let bytes = frame.len();
        match self.inflater.read(frame) {
            Ok(plain) => Heard::Frame(plain, bytes),
            Err(error) => Heard::End(Error::with_source(ErrorKind::Protocol, error)),
        }
    }

    #[cfg(not(feature = "compression"))]
    #[allow(clippy::unused_self, reason = "what it is with the feature")]
    fn read(&mut self, frame: Bytes) -> Heard {
        let bytes = frame.len();
        Heard::Frame(frame, bytes)
    }

    /// Moves what the socket takes. Whether it takes all is of no interest: it wakes us when it can take more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), tungstenite::Error> {
        let mut stream = Pin::new(&mut self.stream);
        while !self.outbox.is_empty() {
            match stream.as_mut().poll_ready(cx)? {
                Poll::Ready(()) => {
                    let Some(message) = self.outbox.pop_front() else { break };
                    stream.as_mut().start_send(message)?;
                }
                Poll::Pending => return Ok(()),
            }
        }
        match stream.poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }
}

/// Why a node closed: a number of the catalogue, or one of RFC 6455.
fn closed(reason: Option<&CloseFrame>) -> Error {
    let Some(CloseFrame { code, reason }) = reason else {
        return Error::with_context(ErrorKind::Unreachable, "the connection was closed");
    };
    let number = u16::from(*code);
    if !(3000..5000).contains(&number) {
        return Error::with_context(
            ErrorKind::Unreachable,
            format!("the connection was closed with {number} {reason}"),
        );
    }
    // The reason is `NAME: message`; the catalogue knows the name.
    let message = reason.split_once(": ").map_or("", |(_, message)| message);
    Error::coded(number.into(), message)
}

/// What tungstenite says, with the node's own words where it refused the handshake.
fn failure(error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Http(response) => refused(&response),
        error => Error::with_source(ErrorKind::Unreachable, error),
    }
}

fn refused(response: &Response<Option<Vec<u8>>>) -> Error {
    let problem = response.body().as_deref().and_then(|body| serde_json::from_slice(body).ok());
    match problem {
        Some(problem @ fanfare_protocol::Error { code: 1.., .. }) => problem.into(),
        _ => Error::with_context(ErrorKind::Unreachable, format!("the handshake was answered {}", response.status())),
    }
}

/// The application may have chosen its own; that choice stands.
#[cfg(feature = "tls")]
fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
