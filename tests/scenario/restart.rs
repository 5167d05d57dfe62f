//! What a client sees of a node that stops and comes back.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Node, Socket};

/// S: GOAWAY, then Close, and exit 0 within the deadline.
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
    let status = node.wait(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "{status}");
}

/// V: the log is in memory, so a restart ends every epoch, and a cursor of before is told so.
#[tokio::test]
async fn a_cursor_from_before_a_restart_is_told_that_the_epoch_changed() {
    let mut node = Node::start();
    let address = node.address().to_string();
    let mut publisher = Socket::json(node.address()).await;
    let answer = publisher.ask("PUBLISH", 1, json!({ "topic": "chat:a", "data": 1 })).await;
    let cursor = answer["payload"]["resourceVersion"].clone();
    node.terminate();
    assert_eq!(node.wait(Duration::from_secs(10)).code(), Some(0));

    let node = Node::at(&address, &[], "");
    let mut watcher = Socket::json(node.address()).await;
    watcher.ask("PUBLISH", 1, json!({ "topic": "chat:a", "data": 2 })).await;
    let close = json!({ "topic": "chat:a", "resourceVersion": cursor, "onGone": "close" });
    let refused = watcher.ask("SUBSCRIBE", 2, close).await;
    assert_eq!(refused["payload"]["name"], "EPOCH_CHANGED", "{refused}");
    assert_eq!(refused["payload"]["class"], "resync");

    let opened = watcher.ask("SUBSCRIBE", 3, json!({ "topic": "chat:a", "resourceVersion": cursor })).await;
    assert_eq!(opened["payload"]["resumed"], false, "{opened}");
    let gone = watcher.events().await;
    assert_eq!(gone["events"][0]["type"], "gone", "{gone}");
    let snapshot = watcher.events().await;
    assert_eq!(snapshot["events"][0]["data"], 2, "{snapshot}");
}
