//! Clients: one that reads whole answers, one that reads an event stream as a browser does, and one that writes bytes.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Node, PATIENCE};

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// The body, which has to be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The name of the code, of a problem that is a whole one.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{self:?}");
        for member in ["type", "title", "detail", "message", "class"] {
            assert!(problem[member].is_string(), "{member} in {self:?}");
        }
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        problem["name"].as_str().expect("a name").to_owned()
    }
}

/// Sends a request and reads the whole answer.
pub async fn send(node: &Node, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = reqwest::Client::new().request(method, node.url(path)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = timeout(PATIENCE, request.send()).await.expect("an answer in time").expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = timeout(PATIENCE, response.text()).await.expect("a body in time").expect("a body");
    Answer { status, headers, text }
}

pub async fn get(node: &Node, path: &str) -> Answer {
    send(node, Method::GET, path, &[], "").await
}

/// Publishes and gives the version.
pub async fn publish(node: &Node, topic: &str, publication: Value) -> String {
    let answer = send(node, Method::POST, &format!("/v1/topics/{topic}"), &[], &publication.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["resourceVersion"].as_str().expect("a version").to_owned()
}

/// Publishes `{"data": n}` for each number, in batches; gives the last version.
pub async fn publish_numbers(node: &Node, topic: &str, numbers: std::ops::Range<u32>) -> String {
    let mut last = String::new();
    let numbers: Vec<_> = numbers.collect();
    for batch in numbers.chunks(500) {
        let publications: Vec<_> = batch.iter().map(|n| serde_json::json!({ "data": n })).collect();
        let body = serde_json::json!({ "publications": publications }).to_string();
        let answer = send(node, Method::POST, &format!("/v1/topics/{topic}"), &[], &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let versions = &answer.json()["resourceVersions"];
        last = versions.as_array().and_then(|v| v.last()?.as_str()).expect("versions").to_owned();
    }
    last
}

/// One event of a stream, as an `EventSource` dispatches it, and the id that it would come back with.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub kind: String,
    pub data: Value,
    pub last_id: String,
}

/// Reads an event stream by the rules of the WHATWG HTML standard, 9.2.6.
pub struct EventSource {
    response: Response,
    buffer: BytesMut,
    /// What was read so far, as it came.
    pub raw: String,
    pub last_id: String,
    pub retry: Option<u64>,
    pub comments: usize,
}

impl EventSource {
    /// Opens a stream; `last_id` is what a browser would send when it comes back.
    pub async fn open(node: &Node, path: &str, last_id: &str) -> Self {
        let mut request = reqwest::Client::new().get(node.url(path)).header("accept", "text/event-stream");
        if !last_id.is_empty() {
            request = request.header("last-event-id", last_id);
        }
        let response = timeout(PATIENCE, request.send()).await.expect("a head in time").expect("a head");
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let last_id = last_id.to_owned();
        Self { response, buffer: BytesMut::new(), raw: String::new(), last_id, retry: None, comments: 0 }
    }

    /// The next event, or `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        let (mut kind, mut data) = (String::new(), Vec::new());
        loop {
            let line = self.line().await?;
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() && data.is_empty() => kind.clear(),
                "" if line.is_empty() => {
                    let data = serde_json::from_str(&data.join("\n")).expect("events are JSON");
                    return Some(Event { kind, data, last_id: self.last_id.clone() });
                }
                "" => self.comments += 1,
                "event" => kind = value.to_owned(),
                "data" => data.push(value.to_owned()),
                "id" => self.last_id = value.to_owned(),
                "retry" => self.retry = value.parse().ok(),
                other => panic!("an unknown field: {other}"),
            }
        }
    }

    /// The next event that is no bookmark.
    pub async fn event(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.kind != "bookmark" {
                return event;
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                let line = String::from_utf8(line[..end].to_vec()).expect("UTF-8");
                return Some(line);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("bytes in time").ok()??;
            self.raw.push_str(&String::from_utf8_lossy(&chunk));
            self.buffer.extend_from_slice(&chunk);
        }
    }
}

/// Writes bytes as they are and reads until the node closes or has answered once.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the node listens");
    // A node that refuses early may close before everything is written.
    let _ = stream.write_all(request).await;
    head_and_body(&mut stream).await
}

/// Reads one answer.
pub async fn head_and_body(stream: &mut TcpStream) -> String {
    let mut buffer = BytesMut::new();
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if buffer.len() >= end + 4 + length {
                buffer.truncate(end + 4 + length);
                break;
            }
        }
        match timeout(PATIENCE, stream.read_buf(&mut buffer)).await.expect("an answer in time") {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    String::from_utf8_lossy(buffer.chunk()).into_owned()
}
