//! A namespace for each test of a kind, publishing, and views as a client sees them.

use serde_json::{Value, json};

use crate::harness::http::Http;
use crate::harness::{Node, Socket};

/// `s:…` are topics of keys, everything else streams.
pub const NAMESPACES: &str = "[[namespace]]\nname = \"s\"\nkind = \"state\"\n[[namespace]]\nname = \"t\"\n";

pub fn node() -> Node {
    Node::with(&[], NAMESPACES)
}

/// Publishes over HTTP; gives the version.
pub async fn publish(node: &Node, topic: &str, publication: Value) -> String {
    let path = format!("/v1/topics/{topic}");
    let answer = Http::once(node.address(), "POST", &path, &[], &publication.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["resourceVersion"].as_str().expect("a version").to_owned()
}

/// Publishes all of them in one entry.
pub async fn publish_all(node: &Node, topic: &str, publications: Vec<Value>) {
    let path = format!("/v1/topics/{topic}");
    let body = json!({ "publications": publications }).to_string();
    let answer = Http::once(node.address(), "POST", &path, &[], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A view on a WebSocket of its own.
pub struct View {
    pub socket: Socket,
    pub number: u64,
    pub subscribed: Value,
    requests: u64,
}

impl View {
    pub async fn open(node: &Node, watch: Value) -> Self {
        let mut socket = Socket::json(node.address()).await;
        let answer = socket.ask("SUBSCRIBE", 1, watch).await;
        assert_eq!(answer["type"], "SUBSCRIBED", "{answer}");
        let number = answer["payload"]["view"].as_u64().expect("a number");
        Self { socket, number, subscribed: answer["payload"].clone(), requests: 1 }
    }

    /// Why a watch is not opened.
    pub async fn refused(node: &Node, watch: Value) -> Value {
        let mut socket = Socket::json(node.address()).await;
        let answer = socket.ask("SUBSCRIBE", 1, watch).await;
        assert_eq!(answer["type"], "ERROR", "{answer}");
        answer["payload"].clone()
    }

    pub async fn ask(&mut self, kind: &str, payload: Value) -> Value {
        self.requests += 1;
        self.socket.ask(kind, self.requests, payload).await
    }

    /// The next batch: it belongs to this view and joins what came before.
    pub async fn batch(&mut self) -> Value {
        let batch = self.socket.events().await;
        assert_eq!(batch["view"], self.number, "{batch}");
        batch
    }

    /// The next events, in short: `put KEY DATA`, `delete KEY`; bookmarks are passed over.
    pub async fn events(&mut self) -> Vec<String> {
        loop {
            let batch = self.batch().await;
            let events: Vec<_> = batch["events"].as_array().expect("a list").iter().filter_map(short).collect();
            if !events.is_empty() {
                return events;
            }
        }
    }

    /// Events up to and with this one, in short.
    pub async fn through(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().is_none_or(|event| event != last) {
            all.extend(self.events().await);
        }
        all
    }
}

/// An event in short.
pub fn short(event: &Value) -> Option<String> {
    let kind = event["type"].as_str().expect("a type");
    if kind == "bookmark" {
        return None;
    }
    let parts = [kind.to_owned(), text(&event["key"]), text(&event["data"])];
    Some(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `{"key": key, "data": data}`
#[allow(clippy::needless_pass_by_value, reason = "`json!` makes a value")]
pub fn keyed(key: &str, data: Value) -> Value {
    json!({ "key": key, "data": data })
}
