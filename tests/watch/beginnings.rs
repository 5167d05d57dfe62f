//! `0.0`, where every life of a topic begins: who stands there is told of the one there is, and of none that has ended.

use serde_json::json;

use crate::client::{NAMESPACES, View, node, publish};
use crate::harness::Node;
use crate::harness::http::Http;

/// V4, W8: clients that come to `0.0` share what is read for them, but not over the end of the topic.
#[tokio::test]
async fn nothing_of_a_topic_that_was_deleted_is_told_to_who_begins_after_it() {
    // What is read for one client is kept for the others of its worker.
    let node = Node::with(&[], &format!("[server]\nworkers = 1\n{NAMESPACES}"));
    let beginning = json!({ "topic": "t:a", "resourceVersion": "0.0" });
    for life in 0..5 {
        publish(&node, "t:a", json!({ "data": life })).await;
        for _ in 0..3 {
            let mut view = View::open(&node, beginning.clone()).await;
            assert_eq!(view.events().await, [format!("put {life}")]);
        }
        let deleted = Http::once(node.address(), "DELETE", "/v1/topics/t:a", &[], "").await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
    }
    let answer = Http::once(node.address(), "GET", "/metrics", &[], "").await;
    let metrics = answer.text();
    let shared = metrics.lines().find_map(|line| line.strip_prefix("fanfare_catch_up_pages_shared_total "));
    assert_eq!(shared, Some("10"), "the second and the third of each life");
}

/// W20: who is told that it lags looks for what is slow, and whoever watches the metric does.
#[tokio::test]
async fn the_end_of_a_topic_makes_nobody_lag() {
    let node = node();
    publish(&node, "t:a", json!({ "data": 1 })).await;
    let mut view = View::open(&node, json!({ "topic": "t:a" })).await;
    assert_eq!(view.events().await, ["put 1", "snapshot-end"]);
    let deleted = Http::once(node.address(), "DELETE", "/v1/topics/t:a", &[], "").await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let next = view.socket.hear().await;
    assert_eq!((&next["type"], &next["payload"]["events"][0]["type"]), (&json!("EVENT"), &json!("gone")), "{next}");
}
