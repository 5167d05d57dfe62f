//! What a node says when it is asked to stop.

use serde_json::json;

use super::lasting::STOP_PATIENCE;
use crate::harness::{Node, Socket};

/// S9: GOAWAY, then Close, and exit 0 within the deadline.
#[tokio::test]
async fn a_terminated_node_says_goaway_and_exits_cleanly() {
    let mut node = Node::start();
    let mut watcher = Socket::json(node.address()).await;
    watcher.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
    watcher.events().await;
    node.terminate();
    let goaway = watcher.hear().await;
    assert_eq!(goaway["type"], "GOAWAY", "{goaway}");
    assert!(goaway["payload"]["withinMs"].as_u64().is_some_and(|ms| ms > 0), "{goaway}");
    let close = watcher.frame().await.expect("a close frame follows");
    assert_eq!(close.close_code(), Some(3004));
    let status = node.wait(STOP_PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
}

/// S9: what is asked while something is still in flight is turned away, and told when to ask elsewhere.
#[tokio::test]
async fn a_request_after_goaway_is_told_a_slot() {
    let node = Node::start();
    let mut socket = Socket::json(node.address()).await;
    let published = socket.ask("PUBLISH", 1, json!({ "topic": "chat:a", "data": 0 })).await;
    let version = published["payload"]["resourceVersion"].as_str().expect("a version");
    let (epoch, _) = version.split_once('.').expect("EPOCH.OFFSET");
    // It waits for a version that is not there, and the connection for its answer.
    socket.say("SUBSCRIBE", 2, json!({ "topic": "chat:a", "resourceVersion": format!("{epoch}.9") })).await;
    socket.ask("PING", 3, json!({})).await;
    node.terminate();
    assert_eq!(socket.hear().await["type"], "GOAWAY");
    let refused = socket.ask("PUBLISH", 4, json!({ "topic": "chat:a", "data": 1 })).await;
    assert_eq!(refused["payload"]["name"], "GOING_AWAY", "{refused}");
    assert!(refused["payload"]["retryAfterMs"].as_u64().is_some_and(|ms| ms <= 5_000), "{refused}");
}
