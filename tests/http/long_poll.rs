//! The watch of clients that can only ask.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::client::{get, publish, publish_numbers, send};
use crate::harness::Node;

const WATCH: &str = "/v1/topics/chat:a?watch=true";

/// H2.
#[tokio::test]
async fn without_a_cursor_it_answers_the_snapshot_at_once() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..5).await;
    let poll = get(&node, &format!("{WATCH}&limit=2&timeout=60s")).await.json();
    let events: Vec<_> = poll["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["data"].as_u64()))
        .collect();
    assert_eq!(events, [("put", Some(3)), ("put", Some(4)), ("snapshot-end", None)]);
    assert_eq!(poll["resourceVersion"], poll["events"][2]["resourceVersion"]);
    assert_eq!(poll["limited"], true);
    assert!(get(&node, &format!("{WATCH}&limit=5&timeout=60s")).await.json().get("limited").is_none());
}

/// W3, H2.
#[tokio::test]
async fn what_was_asked_of_any_replica_is_marked_stale() {
    let node = Node::start();
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    for path in [
        WATCH.to_owned(),
        format!("{WATCH}&resourceVersion={version}&timeout=1ms"),
        "/v1/watch?topic=chat:a&topic=chat:b".to_owned(),
        // Who comes from the watch of a topic types it here too.
        "/v1/watch?topic=chat:a&watch=true".to_owned(),
    ] {
        assert_eq!(get(&node, &format!("{path}&consistency=local")).await.json()["stale"], true, "{path}");
        assert!(get(&node, &format!("{path}&consistency=linearizable")).await.json().get("stale").is_none(), "{path}");
    }
}

#[tokio::test]
async fn it_answers_as_soon_as_there_is_an_event() {
    let node = Node::start();
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let path = format!("{WATCH}&resourceVersion={version}&timeout=60s");
    let started = Instant::now();
    let polls = async { tokio::join!(get(&node, &path), get(&node, &path)) };
    let publishing = async {
        // Both wait once the node holds two streams open.
        while !get(&node, "/metrics").await.text.contains("fanfare_http_streams{transport=\"long_poll\"} 2\n") {
            tokio::task::yield_now().await;
        }
        publish(&node, "chat:a", json!({ "data": 1 })).await
    };
    let ((one, two), last) = tokio::join!(polls, publishing);
    assert!(started.elapsed() < Duration::from_secs(20));
    for poll in [one, two] {
        assert_eq!((&poll.json()["events"][0]["data"], &poll.json()["resourceVersion"]), (&json!(1), &json!(last)));
        // H8.
        assert!(poll.header("cache-control").starts_with("public, max-age="), "{poll:?}");
    }
}

/// G6 and G7 of the design: each answer goes on exactly where the one before ended.
#[tokio::test]
async fn a_loop_of_polls_gets_everything_once() {
    let node = Node::start();
    let mut cursor = get(&node, WATCH).await.json()["resourceVersion"].as_str().unwrap().to_owned();
    assert_eq!(cursor, "0.0");
    let polling = async {
        let mut seen = Vec::new();
        while seen.len() < 300 {
            let poll = get(&node, &format!("{WATCH}&resourceVersion={cursor}&limit=7")).await.json();
            let events = poll["events"].as_array().unwrap();
            assert!(events.len() <= 7);
            seen.extend(events.iter().map(|event| event["data"].as_u64().unwrap()));
            poll["resourceVersion"].as_str().unwrap().clone_into(&mut cursor);
        }
        seen
    };
    let publishing = async {
        for n in (0..300).step_by(10) {
            publish_numbers(&node, "chat:a", n..n + 10).await;
        }
    };
    let (seen, ()) = tokio::join!(polling, publishing);
    assert_eq!(seen, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_of_nothing_sees_the_creation() {
    let node = Node::start();
    let path = format!("{WATCH}&resourceVersion=0.0&timeout=60s");
    let (poll, version) = tokio::join!(get(&node, &path), publish(&node, "chat:a", json!({ "data": 0 })));
    assert_eq!(poll.json()["resourceVersion"], json!(version));
}

/// V6 and W11.
#[tokio::test]
async fn a_cursor_that_cannot_be_continued_is_refused() {
    let node = Node::with(&[], "[[namespace]]\nname = \"chat\"\nhistory_count = 3\n[delivery]\nversion_wait_ms = 50\n");
    let first = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let head = publish_numbers(&node, "chat:a", 1..10).await;
    let (epoch, _) = head.split_once('.').unwrap();
    let refused = |version: String| {
        let path = format!("{WATCH}&resourceVersion={version}");
        let node = &node;
        async move { get(node, &path).await }
    };
    let gone = refused(first.clone()).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (410, "GONE"));
    assert_eq!(gone.json()["oldest"], json!(format!("{epoch}.7")));
    let changed = refused("7.1".to_owned()).await;
    assert_eq!((changed.status.as_u16(), changed.code().as_str()), (409, "EPOCH_CHANGED"));
    // V5.
    let ahead = refused(format!("{epoch}.11")).await;
    assert_eq!((ahead.status.as_u16(), ahead.code().as_str()), (503, "VERSION_AHEAD"));
    assert_eq!((ahead.header("retry-after"), &ahead.json()["current"]), ("1", &json!(head)));
    let snapshot = get(&node, &format!("{WATCH}&resourceVersion={first}&onGone=snapshot")).await.json();
    let types: Vec<_> =
        snapshot["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["gone", "put", "put", "put", "snapshot-end"]);
}

/// V6.
#[tokio::test]
async fn a_poll_of_a_topic_that_is_deleted_is_told_so() {
    let node = Node::start();
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let path = format!("{WATCH}&resourceVersion={version}&timeout=60s");
    let deleting = async {
        while !get(&node, "/metrics").await.text.contains("fanfare_http_streams{transport=\"long_poll\"} 1\n") {
            tokio::task::yield_now().await;
        }
        send(&node, Method::DELETE, "/v1/topics/chat:a", &[], "").await
    };
    let (poll, _) = tokio::join!(get(&node, &path), deleting);
    assert_eq!((poll.status.as_u16(), poll.code().as_str()), (409, "EPOCH_CHANGED"));
    assert_eq!(poll.json()["current"], "0.0");
}

#[tokio::test]
async fn a_stopping_node_lets_its_polls_go() {
    let mut node = Node::start();
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let path = format!("{WATCH}&resourceVersion={version}&timeout=60s");
    let stopping = async {
        while !get(&node, "/metrics").await.text.contains("fanfare_http_streams{transport=\"long_poll\"} 1\n") {
            tokio::task::yield_now().await;
        }
        node.terminate();
    };
    let (poll, ()) = tokio::join!(get(&node, &path), stopping);
    assert_eq!((poll.status, poll.json()), (StatusCode::OK, json!({ "events": [], "resourceVersion": version })));
    assert_eq!(node.wait(Duration::from_secs(10)).code(), Some(0));
}

#[tokio::test]
async fn a_head_request_opens_no_watch() {
    let node = Node::start();
    let head = send(&node, Method::HEAD, WATCH, &[], "").await;
    assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
    let head = send(&node, Method::HEAD, "/v1/topics/chat:a", &[], "").await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
}
