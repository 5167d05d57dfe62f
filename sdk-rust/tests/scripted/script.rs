//! A WebSocket server that a test speaks for, in JSON, so that scripts can be read.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use fanfare_client::{Client, ClientBuilder, Encoding};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

const PATIENCE: Duration = Duration::from_secs(20);

/// Where clients arrive.
pub(crate) struct Server(TcpListener);

/// One of them.
pub(crate) struct Visitor {
    socket: WebSocketStream<TcpStream>,
    /// Envelopes that came in one message with the last one.
    more: VecDeque<Value>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    /// A client of this server that reconnects fast.
    pub(crate) fn client(&self) -> ClientBuilder {
        let url = format!("http://{}", self.0.local_addr().expect("the port's address"));
        let (first, max) = (Duration::from_millis(1), Duration::from_millis(20));
        Client::builder(url).encoding(Encoding::Json).reconnect_delay(first, max)
    }

    /// The next client that arrives, after the handshake.
    pub(crate) async fn accept(&self) -> Visitor {
        let (stream, _) = within("a client", self.0.accept()).await.expect("the listener lives");
        let socket = accept_hdr_async(stream, take_json).await.expect("a handshake");
        Visitor { socket, more: VecDeque::new() }
    }

    /// The next client that arrives and says CONNECT, with what it said. It is welcome.
    pub(crate) async fn welcome(&self) -> (Visitor, Value) {
        let mut visitor = self.accept().await;
        let connect = visitor.hear("CONNECT").await;
        visitor.answer(&connect, "CONNECTED", &json!({"connectionId": "c", "nodeId": "n"})).await;
        (visitor, connect["payload"].clone())
    }

    /// Answers the next client with this instead of a handshake.
    pub(crate) async fn refuse(&self, response: &str) {
        let (mut stream, _) = within("a client", self.0.accept()).await.expect("the listener lives");
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        assert!(read > 0, "a request was made");
        stream.write_all(response.as_bytes()).await.expect("the client listens");
    }
}

impl Visitor {
    /// The next envelope, which has to be of this type.
    pub(crate) async fn hear(&mut self, kind: &str) -> Value {
        while self.more.is_empty() {
            let message = within(kind, self.socket.next()).await.expect("the client is there").expect("a message");
            let Message::Text(text) = message else { continue };
            self.more.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an envelope a line")));
        }
        let envelope = self.more.pop_front().expect("there is one");
        assert_eq!(envelope["type"], kind, "{envelope}");
        envelope
    }

    pub(crate) async fn answer(&mut self, request: &Value, kind: &str, payload: &Value) {
        self.say(&json!({"type": kind, "id": request["id"], "payload": payload}).to_string()).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the client listens");
    }

    #[cfg(feature = "compression")]
    pub(crate) async fn say_binary(&mut self, message: Vec<u8>) {
        self.socket.send(Message::binary(message)).await.expect("the client listens");
    }

    /// Closes with a code, and waits until the client has gone.
    pub(crate) async fn close(mut self, code: u16, reason: &'static str) {
        self.socket
            .close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            .await
            .expect("the client listens");
        self.left().await;
    }

    /// Waits until the client has gone.
    pub(crate) async fn left(mut self) {
        within("the client to leave", async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
    }
}

/// The outcome, unless patience ends before.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

#[allow(clippy::result_large_err, clippy::unnecessary_wraps, reason = "the signature is tungstenite's")]
fn take_json(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    assert_eq!(request.uri().path(), "/v1/ws");
    assert_eq!(request.headers()["sec-websocket-protocol"], "fanfare.v1.json");
    let subprotocol = HeaderValue::from_static("fanfare.v1.json");
    response.headers_mut().insert("sec-websocket-protocol", subprotocol);
    Ok(response)
}
