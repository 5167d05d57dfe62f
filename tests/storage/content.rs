//! Everything that a node says of its durable topics and namespaces.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{epoch, get};
use crate::harness::Node;

/// A topic as it is read from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    pub kind: String,
    pub version: String,
    /// Its snapshot, whole.
    pub items: Value,
    /// Its history, whole.
    pub history: Vec<Value>,
}

pub type Topics = BTreeMap<String, Topic>;

impl Topic {
    /// The same under another epoch.
    pub fn under(&self, epoch_of: &str) -> Self {
        let (from, to) = (format!("\"{}.", epoch(&self.version)), format!("\"{}.", epoch(epoch_of)));
        let renewed = |value: &Value| -> Value {
            serde_json::from_str(&value.to_string().replace(&from, &to)).expect("it is still JSON")
        };
        Self {
            kind: self.kind.clone(),
            version: self.version.replacen(epoch(&self.version), epoch(epoch_of), 1),
            items: renewed(&self.items),
            history: self.history.iter().map(renewed).collect(),
        }
    }
}

/// All topics but the ephemeral ones.
pub async fn topics(node: &Node) -> Topics {
    let listed = get(node, "/v1/topics").await.json();
    assert_eq!(listed.get("continue"), None, "a test has fewer topics than a page");
    let mut topics = Topics::new();
    for item in listed["items"].as_array().expect("items") {
        let member = |name: &str| item[name].as_str().expect("a text").to_owned();
        let (name, version, kind) = (member("topic"), member("resourceVersion"), member("kind"));
        if name.starts_with("typing:") {
            continue;
        }
        let snapshot = get(node, &format!("/v1/topics/{name}?limit=1000")).await.json();
        let history = history(node, &name).await;
        topics.insert(name, Topic { kind, version, items: snapshot["items"].clone(), history });
    }
    topics
}

/// A topic's history from its oldest publication on.
pub async fn history(node: &Node, topic: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut target = format!("/v1/topics/{topic}/history?limit=500");
    loop {
        let page = get(node, &target).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        events.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["continue"].as_str() {
            Some(token) => target = format!("/v1/topics/{topic}/history?limit=500&continue={token}"),
            None => return events,
        }
    }
}

/// The policies, without their versions.
pub async fn namespaces(node: &Node) -> Value {
    let listed = get(node, "/v1/admin/namespaces").await.json();
    let items = listed["items"].as_array().expect("items");
    json!(items.iter().map(|item| item["namespace"].clone()).collect::<Vec<_>>())
}
