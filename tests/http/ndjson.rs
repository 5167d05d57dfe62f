//! A line per event, for scripts.

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{publish, publish_numbers, send};
use crate::harness::{Node, PATIENCE};

const ACCEPT: [(&str, &str); 1] = [("accept", "application/x-ndjson")];

struct Lines {
    response: Response,
    buffer: Vec<u8>,
}

impl Lines {
    async fn open(node: &Node, path: &str) -> Self {
        let request = reqwest::Client::new().get(node.url(path)).header(ACCEPT[0].0, ACCEPT[0].1);
        let response = timeout(PATIENCE, request.send()).await.expect("a head in time").expect("a head");
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        Self { response, buffer: Vec::new() }
    }

    async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).expect("each line is JSON");
            }
            let chunk =
                timeout(PATIENCE, self.response.chunk()).await.expect("bytes in time").expect("a living stream");
            self.buffer.extend_from_slice(&chunk.expect("the stream goes on"));
        }
    }
}

/// H2.
#[tokio::test]
async fn events_come_a_line_each() {
    let node = Node::start();
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let mut lines = Lines::open(&node, "/v1/topics/chat:a?watch=true").await;
    let first = lines.next().await;
    assert_eq!((&first["type"], &first["resourceVersion"]), (&json!("put"), &json!(version)));
    assert_eq!(lines.next().await["type"], "snapshot-end");
    publish_numbers(&node, "chat:a", 1..300).await;
    for n in 1..300 {
        assert_eq!(lines.next().await["data"], json!(n));
    }
    let mut lines =
        Lines::open(&node, &format!("/v1/topics/chat:a?watch=true&resourceVersion={version}&from=latest")).await;
    assert_eq!(lines.next().await["data"], 1);
}

/// W11: closes by default, before the first line.
#[tokio::test]
async fn a_cursor_that_is_too_old_is_refused_before_the_stream() {
    let node = Node::with(&[], "[[namespace]]\nname = \"chat\"\nhistory_count = 3\n");
    let first = publish(&node, "chat:a", json!({ "data": 0 })).await;
    publish_numbers(&node, "chat:a", 1..10).await;
    let path = format!("/v1/topics/chat:a?watch=true&resourceVersion={first}");
    let gone = send(&node, Method::GET, &path, &ACCEPT, "").await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (410, "GONE"));
    let mut lines = Lines::open(&node, &format!("{path}&onGone=snapshot")).await;
    assert_eq!(lines.next().await["type"], "gone");
    assert_eq!(lines.next().await["data"], 7);
}
