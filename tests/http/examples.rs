//! The examples of the contract, as `curl` prints them: epochs and times apart.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{EventSource, get, publish, send};
use crate::harness::Node;

/// H4: `curl -d` says that its body is a form.
#[tokio::test]
async fn curl_publishes_without_naming_a_content_type() {
    let node = Node::start();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = send(&node, Method::POST, "/v1/topics/chat:lobby", &form, r#"{"data":{"text":"hi"}}"#).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    let version = answer.json()["resourceVersion"].as_str().unwrap().to_owned();
    assert!(version.ends_with(".1"), "{version}");
    assert_eq!(answer.text, format!(r#"{{"resourceVersion":"{version}"}}"#));

    // H1.
    let snapshot = get(&node, "/v1/topics/chat:lobby").await;
    let time = snapshot.json()["items"][0]["time"].as_u64().unwrap();
    let expected = format!(
        r#"{{"topic":"chat:lobby","resourceVersion":"{version}","items":[{{"resourceVersion":"{version}","data":{{"text":"hi"}},"time":{time}}}]}}"#
    );
    assert_eq!(snapshot.text, expected);

    // H3.
    let mut stream = EventSource::open(&node, "/v1/topics/chat:lobby?watch=true", "").await;
    stream.event().await;
    stream.event().await;
    let expected = format!(
        "retry: 1000\n\n\
         id: {version}\nevent: put\ndata: {{\"type\":\"put\",\"resourceVersion\":\"{version}\",\"data\":{{\"text\":\"hi\"}},\"time\":{time}}}\n\n\
         id: {version}\nevent: snapshot-end\ndata: {{\"type\":\"snapshot-end\",\"resourceVersion\":\"{version}\"}}\n\n"
    );
    assert_eq!(stream.raw, expected);

    // H2.
    let path = format!("/v1/topics/chat:lobby?watch=true&resourceVersion={version}&timeout=100ms");
    let poll = get(&node, &path).await;
    assert_eq!(poll.text, format!(r#"{{"events":[],"resourceVersion":"{version}"}}"#));
    assert_eq!(poll.header("cache-control"), "no-store");
}

/// H4: a batch has contiguous versions, one for each publication in its order.
#[tokio::test]
async fn a_batch_is_answered_by_its_versions() {
    let node = Node::start();
    let body = json!({ "publications": [{ "data": 1 }, { "data": 2, "attributes": { "a": "b" } }] }).to_string();
    let answer = send(&node, Method::POST, "/v1/topics/chat:a", &[], &body).await;
    let versions = answer.json()["resourceVersions"].clone();
    let offsets: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap().split_once('.').unwrap().1.to_owned())
        .collect();
    assert_eq!(offsets, ["1", "2"]);
}

/// P: one key, one entry; another body under it is refused.
#[tokio::test]
async fn an_idempotency_key_makes_a_repetition_harmless() {
    let node = Node::start();
    let key = [("idempotency-key", "k-1")];
    let first = send(&node, Method::POST, "/v1/topics/chat:a", &key, r#"{"data":1}"#).await;
    let again = send(&node, Method::POST, "/v1/topics/chat:a", &key, r#"{"data": 1, "idempotencyKey": "k-1"}"#).await;
    assert_eq!((first.status, &first.text), (StatusCode::OK, &again.text));
    let other = send(&node, Method::POST, "/v1/topics/chat:a", &key, r#"{"data":2}"#).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "IDEMPOTENCY_MISMATCH"));
    let two = send(&node, Method::POST, "/v1/topics/chat:a", &key, r#"{"data":1,"idempotencyKey":"k-2"}"#).await;
    assert_eq!((two.status.as_u16(), two.code().as_str()), (422, "BAD_PARAMETER"));
    assert_eq!(get(&node, "/v1/topics/chat:a").await.json()["items"].as_array().unwrap().len(), 1);
}

/// H5.
#[tokio::test]
async fn a_key_of_a_state_topic_is_deleted() {
    let node = Node::start();
    publish(&node, "fleet:a", json!({ "key": "bus/7 +", "data": { "lat": 1 } })).await;
    let stale = publish(&node, "fleet:a", json!({ "key": "bus 8", "data": { "lat": 2 } })).await;
    let deleted = send(&node, Method::DELETE, "/v1/topics/fleet:a?key=bus%2F7%20%2B", &[], "").await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
    let snapshot = get(&node, "/v1/topics/fleet:a").await.json();
    assert_eq!(snapshot["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&snapshot["items"][0]["key"], &snapshot["resourceVersion"]),
        (&json!("bus 8"), &deleted.json()["resourceVersion"])
    );
    let conflict = json!({ "key": "bus 8", "data": 3, "ifVersion": "1.1" }).to_string();
    let conflict = send(&node, Method::POST, "/v1/topics/fleet:a", &[], &conflict).await;
    assert_eq!((conflict.status.as_u16(), conflict.code().as_str()), (412, "VERSION_CONFLICT"));
    assert_eq!(conflict.json()["current"], json!(stale));
    let stream = send(&node, Method::DELETE, "/v1/topics/chat:a?key=a", &[], "").await;
    assert!([404, 422].contains(&stream.status.as_u16()), "{stream:?}");
}

/// H5.
#[tokio::test]
async fn a_topic_is_deleted_whole() {
    let node = Node::start();
    let head = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let deleted = send(&node, Method::DELETE, "/v1/topics/chat:a", &[], "").await;
    assert_eq!((deleted.status, &deleted.json()["resourceVersion"]), (StatusCode::OK, &json!(head)));
    assert_eq!(get(&node, "/v1/topics/chat:a").await.json()["resourceVersion"], "0.0");
    let again = send(&node, Method::DELETE, "/v1/topics/chat:a", &[], "").await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (404, "NOT_FOUND"));
    let next = publish(&node, "chat:a", json!({ "data": 0 })).await;
    assert_ne!(next, head);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_empty_at_zero() {
    let node = Node::start();
    assert_eq!(
        get(&node, "/v1/topics/chat:none").await.text,
        r#"{"topic":"chat:none","resourceVersion":"0.0","items":[]}"#
    );
    assert_eq!(get(&node, "/v1/topics").await.text, r#"{"items":[]}"#);
}
