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
