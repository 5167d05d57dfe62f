//! What a test asks of a node.

use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::{Http, Node};

/// A `[[namespace]]` of each kind that can be restored, and one that cannot.
pub const NAMESPACES: &str = "\
[[namespace]]\nname = \"chat\"\n[[namespace]]\nname = \"fleet\"\nkind = \"state\"\n\
[[namespace]]\nname = \"typing\"\ndurability = \"ephemeral\"\n";

pub async fn get(node: &Node, target: &str) -> Answer {
    Http::once(node.address(), "GET", target, &[], "").await
}

/// Sends a publication, or several.
pub async fn post(node: &Node, topic: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    Http::once(node.address(), "POST", &format!("/v1/topics/{topic}"), headers, &body.to_string()).await
}

/// Publishes and gives the version.
pub async fn publish(node: &Node, topic: &str, body: Value) -> String {
    let answer = post(node, topic, &[], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["resourceVersion"].as_str().expect("a version").to_owned()
}

pub async fn delete(node: &Node, topic: &str) {
    let answer = Http::once(node.address(), "DELETE", &format!("/v1/topics/{topic}"), &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

pub fn offset(version: &str) -> u64 {
    version.split_once('.').and_then(|(_, offset)| offset.parse().ok()).expect("a version")
}

pub fn epoch(version: &str) -> &str {
    version.split_once('.').expect("a version").0
}

/// A little of everything that a directory can hold. Gives the version of the topic that was deleted.
pub async fn fill(node: &Node) -> String {
    for number in 0..40 {
        publish(node, "chat:lobby", json!({ "data": { "number": number, "text": "x".repeat(number * 40) } })).await;
        let key = format!("truck-{}", number % 7);
        publish(node, "fleet:berlin", json!({ "key": key, "data": [number], "attributes": { "a": "b" } })).await;
    }
    publish(node, "fleet:berlin", json!({ "key": "truck-3", "delete": true })).await;
    publish(node, "fleet:berlin", json!({ "key": "brief", "data": 1, "ttl": "1h" })).await;
    publish(node, "chat:brief", json!({ "data": "leaves", "ttl": "1h" })).await;
    publish(node, "undeclared", json!({ "dataBase64": "AAECAw==", "contentType": "bytes" })).await;
    for sequence in 1..=40 {
        let producer = json!({ "id": "p", "sequence": sequence });
        publish(node, "chat:produced", json!({ "data": sequence, "producer": producer })).await;
    }
    let first = post(node, "chat:once", &[("idempotency-key", "k")], &json!({ "data": "once" })).await;
    assert_eq!(first.status, 200);
    publish(node, "typing:lobby", json!({ "data": "gone with the node" })).await;
    let deleted = publish(node, "chat:deleted", json!({ "data": "gone" })).await;
    delete(node, "chat:deleted").await;
    deleted
}
