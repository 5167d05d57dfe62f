//! A stream of several topics, as a client sees it.

use serde_json::Value;

use crate::client::short;
use crate::harness::Node;
use crate::harness::http::Http;

pub const FORMS: [&str; 2] = ["text/event-stream", "application/x-ndjson"];

/// A stream of several topics: what it says, line by line or event by event.
pub struct Line {
    http: Http,
    is_sse: bool,
}

impl Line {
    /// Stands behind the snapshots of `s:a` and `t:a`.
    pub async fn open(node: &Node, form: &str, parameters: &str) -> Self {
        let mut line = Self::begin(node, form, parameters).await;
        line.through("s:a snapshot-end").await;
        line.through("t:a snapshot-end").await;
        line
    }

    /// Has told nothing yet.
    pub async fn begin(node: &Node, form: &str, parameters: &str) -> Self {
        let mut http = Http::connect(node.address()).await;
        let path = format!("/v1/watch?topic=s:a&topic=t:a&{parameters}");
        http.say("GET", &path, &[("accept", form)], "").await;
        assert_eq!(http.head().await.status, 200);
        Self { http, is_sse: form == FORMS[0] }
    }

    async fn event(&mut self) -> Value {
        loop {
            let text = self.http.text_through(if self.is_sse { "\n\n" } else { "\n" }).await;
            let data =
                if self.is_sse { text.lines().find_map(|line| line.strip_prefix("data: ")) } else { Some(&*text) };
            if let Some(data) = data {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }

    /// `TOPIC KIND KEY DATA` of each, up to and with one that ends so.
    pub async fn through(&mut self, end: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        while all.last().is_none_or(|last| !last.ends_with(end)) {
            let event = self.event().await;
            all.extend(short(&event).map(|text| format!("{} {text}", event["topic"].as_str().unwrap_or_default())));
        }
        all
    }
}
