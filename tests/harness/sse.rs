//! A client of the session over SSE and POST: each POST on a connection of its own, so that any worker may get it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::http::{Answer, Http};
use super::talk;

/// An open stream.
pub struct SseSession {
    pub stream: Http,
    pub address: SocketAddr,
    /// The head of the answer.
    pub head: Answer,
    /// As the first event names it.
    pub session: String,
}

impl talk::Hears for SseSession {
    async fn next(&mut self) -> Value {
        self.hear().await
    }
}

impl SseSession {
    /// Opens a stream; `lines` is the body.
    pub async fn open(address: SocketAddr, lines: &str) -> Self {
        let mut stream = Http::connect(address).await;
        stream.say("POST", "/v1/sse", &[], lines).await;
        let head = stream.head().await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        assert_eq!(stream.text_through("\n\n").await, "retry: 1000\n\n");
        let first = stream.text_through("\n\n").await;
        let data = first.strip_prefix("event: session\ndata: ").expect("the first event names the session");
        let named: Value = serde_json::from_str(data).expect("JSON");
        let session = named["session"].as_str().expect("a name").to_owned();
        Self { stream, address, head, session }
    }

    /// Posts these lines.
    pub async fn post(&self, lines: &str) -> Answer {
        post(self.address, &self.session, lines).await
    }

    /// Posts one envelope.
    pub async fn say(&self, kind: &str, id: u64, payload: Value) {
        let taken = self.post(&line(kind, id, &payload)).await;
        assert_eq!((taken.status, taken.body.len()), (202, 0), "{taken:?}");
    }

    /// The next envelope; comments are passed over.
    pub async fn hear(&mut self) -> Value {
        loop {
            let event = self.stream.text_through("\n\n").await;
            if event != ":\n\n" {
                let data = event.strip_prefix("data: ").and_then(|event| event.strip_suffix("\n\n"));
                return serde_json::from_str(data.expect("an event is its data alone")).expect("envelopes are JSON");
            }
        }
    }

    /// The next envelope with this id; others are skipped.
    pub async fn answer(&mut self, id: u64) -> Value {
        talk::answer(self, id).await
    }

    /// The next event batch; other envelopes are skipped.
    pub async fn events(&mut self) -> Value {
        talk::events(self).await
    }

    /// Says a request and gives its answer.
    pub async fn ask(&mut self, kind: &str, id: u64, payload: Value) -> Value {
        self.say(kind, id, payload).await;
        self.answer(id).await
    }
}

/// Posts lines to a session.
pub async fn post(address: SocketAddr, session: &str, lines: &str) -> Answer {
    Http::once(address, "POST", &format!("/v1/sse/{session}"), &[], lines).await
}

/// An envelope on its line.
pub fn line(kind: &str, id: u64, payload: &Value) -> String {
    json!({ "type": kind, "id": id, "payload": payload }).to_string() + "\n"
}
