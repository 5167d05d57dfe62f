//! `/v1/admin/namespaces`: what it answers, to whom, and what it refuses.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Answer, get, raw, send};
use crate::harness::Node;

const NAMESPACES: &str = "/v1/admin/namespaces";
const CHAT: &str = "/v1/admin/namespaces/chat";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn put(node: &Node, path: &str, body: &Value) -> Answer {
    send(node, Method::PUT, path, &[JSON], &body.to_string()).await
}

#[tokio::test]
async fn namespaces_are_listed_shown_and_declared() {
    let node = Node::start();
    let items = get(&node, NAMESPACES).await.json()["items"].clone();
    let names: Vec<_> = items.as_array().expect("items").iter().map(|item| &item["namespace"]["name"]).collect();
    assert_eq!(names, ["chat", "default", "doc", "fleet", "ticks", "typing"]);
    let chat = get(&node, CHAT).await;
    assert_eq!((&chat.json(), chat.header("cache-control")), (&items[0], "no-store"));

    let mut namespace = chat.json()["namespace"].clone();
    assert_eq!(put(&node, CHAT, &namespace).await.json()["outcome"], "unchanged", "what is shown can be sent back");
    namespace["history_count"] = json!(5);
    let changed = put(&node, CHAT, &namespace).await;
    assert_eq!((changed.status, &changed.json()["outcome"]), (StatusCode::OK, &json!("changed")));
    assert_eq!(changed.json()["differences"], json!([{ "key": "history_count", "from": 1000, "to": 5 }]));
    assert_eq!(get(&node, CHAT).await.json()["namespace"], namespace);

    let created = put(&node, "/v1/admin/namespaces/orders", &json!({ "kind": "state" })).await;
    assert_eq!((created.status, &created.json()["outcome"]), (StatusCode::CREATED, &json!("created")));
    assert!(created.json()["version"].as_u64() > changed.json()["version"].as_u64());
    assert_eq!(get(&node, "/v1/admin/namespaces/nobody").await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let node = Node::start();
    for (body, status, code, parameter) in [
        (json!({ "historycount": 5 }), 422, "UNKNOWN_PARAMETER", "historycount"),
        (json!({ "history_count": 0 }), 422, "BAD_PARAMETER", "history_count"),
        (json!({ "history_count": "5" }), 422, "BAD_PARAMETER", "history_count"),
        (json!({ "history_bytes": 5 }), 422, "BAD_PARAMETER", "history_bytes"),
        (json!({ "publication_bytes_max": 1_000_000 }), 422, "BAD_PARAMETER", "publication_bytes_max"),
        (json!({ "kind": "state" }), 422, "BAD_PARAMETER", "kind"),
        (json!({ "name": "other" }), 422, "BAD_PARAMETER", "name"),
        (json!({ "presence": true }), 501, "NOT_SUPPORTED", "presence"),
    ] {
        let answer = put(&node, CHAT, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}");
        assert_eq!(answer.json()["parameter"], parameter, "{body}");
    }
    assert_eq!(put(&node, CHAT, &json!({ "historycount": 5 })).await.json()["nearest"], "history_count");
    assert_eq!(put(&node, CHAT, &json!([])).await.code(), "MALFORMED");
    assert_eq!(put(&node, "/v1/admin/namespaces/_own", &json!({})).await.code(), "BAD_PARAMETER");
    let large = json!({ "kind": "x".repeat(20_000) });
    assert_eq!(put(&node, CHAT, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(get(&node, &format!("{NAMESPACES}?prefix=a")).await.code(), "UNKNOWN_PARAMETER");
    let wrong = send(&node, Method::POST, CHAT, &[JSON], "{}").await;
    assert_eq!((wrong.code().as_str(), wrong.header("allow")), ("METHOD_NOT_ALLOWED", "GET, HEAD, PUT"));
}

/// A page that the user happens to look at must not change what a node on his machine retains.
#[tokio::test]
async fn no_page_of_another_origin_gets_in_even_if_it_is_listed() {
    let node = Node::with(&[], "server.allowed_origins = [\"*\"]\n");
    for origin in ["https://evil.example", "http://localhost:5173", "null"] {
        for (method, body) in [(Method::GET, ""), (Method::PUT, "{}")] {
            let answer = send(&node, method.clone(), CHAT, &[("origin", origin), JSON], body).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "ORIGIN_NOT_ALLOWED"), "{origin}");
        }
        let preflight = [("origin", origin), ("access-control-request-method", "PUT")];
        let answer = send(&node, Method::OPTIONS, CHAT, &preflight, "").await;
        assert!(!answer.header("access-control-allow-methods").contains("PUT"), "{origin}");
    }
    let own = node.url("");
    let answer = send(&node, Method::PUT, CHAT, &[("origin", own.as_str()), JSON], "{}").await;
    assert_eq!(answer.status, StatusCode::CREATED, "the node's own page may");
    let request = format!("GET {CHAT} HTTP/1.1\r\nHost: evil.example:8000\r\n\r\n");
    assert!(raw(node.address(), request.as_bytes()).await.contains("ORIGIN_NOT_ALLOWED"));
}

#[tokio::test]
async fn a_body_that_a_page_could_send_unasked_is_refused() {
    let node = Node::start();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let answer = send(&node, Method::PUT, CHAT, &[("content-type", kind)], "{}").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{kind}");
    }
}

/// Behind a proxy of this machine everybody's address is loopback.
#[tokio::test]
async fn what_a_proxy_passes_on_is_refused() {
    let node = Node::start();
    let answer = send(&node, Method::GET, NAMESPACES, &[("x-forwarded-for", "203.0.113.7")], "").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "FORBIDDEN"));
}
