//! The one socket of a client, in whatever state it is: closed, on its way, open.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;

use bytes::Bytes;
use fanfare_protocol::Encoding;
use tokio::task::JoinHandle;

use super::target::Target;
use super::websocket::{Heard, WebSocket};
use crate::error::Error;
use crate::token::TokenSource;

/// How to reach the node.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) encoding: Encoding,
    pub(crate) tokens: TokenSource,
    pub(crate) message_bytes_max: usize,
}

/// What a wire has to tell.
#[derive(Debug)]
pub(crate) enum Signal {
    /// It is open; this token is to be shown.
    Opened(Option<String>),
    /// A message: one or several envelopes, and its size on the wire.
    Frame(Bytes, usize),
    /// The node is there, and says nothing.
    SignOfLife,
    /// It is closed, or could not be opened.
    End(Error),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Wire {
    address: Address,
    state: State,
    /// The last goodbye that was begun.
    goodbye: Option<JoinHandle<()>>,
}

/// A socket on its way, with the token to show there.
type Attempt = Pin<Box<dyn Future<Output = Result<(WebSocket, Option<String>), Error>> + Send>>;

enum State {
    Closed,
    Opening(Attempt),
    Open(Box<WebSocket>),
}

impl Wire {
    pub(crate) fn new(address: Address) -> Self {
        Self { address, state: State::Closed, goodbye: None }
    }

    /// Begins to fetch a token and to open a socket; [`Self::next`] tells how it went.
    pub(crate) fn dial(&mut self) {
        let Address { target, encoding, tokens, message_bytes_max } = self.address.clone();
        self.state = State::Opening(Box::pin(async move {
            let token = tokens.token().await?;
            let socket = WebSocket::open(&target, encoding, message_bytes_max).await?;
            Ok((socket, token))
        }));
    }

    /// What the wire brings next; nothing while it is closed. Sends meanwhile. May be dropped and called again at any
    /// time.
    pub(crate) async fn next(&mut self) -> Signal {
        let heard = match &mut self.state {
            State::Closed => pending().await,
            State::Opening(attempt) => match attempt.await {
                Ok((socket, token)) => {
                    self.state = State::Open(Box::new(socket));
                    return Signal::Opened(token);
                }
                Err(error) => Heard::End(error),
            },
            State::Open(socket) => socket.next().await,
        };
        match heard {
            Heard::Frame(frame, bytes) => Signal::Frame(frame, bytes),
            Heard::SignOfLife => Signal::SignOfLife,
            Heard::End(error) => {
                self.state = State::Closed;
                Signal::End(error)
            }
        }
    }

    /// Queues a message. Without a socket it is dropped, as it would be with one that breaks.
    pub(crate) fn send(&mut self, message: Vec<u8>) {
        if let State::Open(socket) = &mut self.state {
            socket.send(message);
        }
    }

    /// Queues a ping.
    pub(crate) fn ping(&mut self) {
        if let State::Open(socket) = &mut self.state {
            socket.ping();
        }
    }

    /// Closes. The goodbye is said in the background: a node that does not answer it must not hold anything up.
    pub(crate) fn hang_up(&mut self) {
        if let State::Open(socket) = std::mem::replace(&mut self.state, State::Closed) {
            self.goodbye = Some(tokio::spawn(socket.close()));
        }
    }

    /// Waits for the goodbye, which is bounded in time.
    pub(crate) async fn closed(self) {
        if let Some(goodbye) = self.goodbye {
            // Should it have panicked, the socket is closed as well.
            let _ = goodbye.await;
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Closed",
            Self::Opening(_) => "Opening",
            Self::Open(_) => "Open",
        })
    }
}
