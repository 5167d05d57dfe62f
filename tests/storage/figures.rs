//! What `/metrics` says of namespaces, whenever they were declared and however often the node was started.

use std::fs;

use serde_json::json;

use crate::client::{delete, get, publish};
use crate::command::{path, run};
use crate::files::{Scratch, node_on};
use crate::harness::Node;

/// The value of a metric of a namespace, if it is on the page.
async fn figure(node: &Node, name: &str, namespace: &str) -> Option<u64> {
    let page = get(node, "/metrics").await;
    let line = format!("fanfare_{name}{{namespace=\"{namespace}\"}} ");
    page.text().lines().find_map(|found| found.strip_prefix(&line)?.parse().ok())
}

#[tokio::test]
async fn namespaces_that_are_declared_later_have_figures_and_topics_are_counted_over_a_restart() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut node = node_on(&data, "[[namespace]]\nname = \"chat\"\n");
    publish(&node, "chat:a", json!({ "data": 1 })).await;
    publish(&node, "late:a", json!({ "data": 1 })).await;
    assert_eq!(figure(&node, "topics", "chat").await, Some(1));
    assert_eq!((figure(&node, "topics", "late").await, figure(&node, "topics", "default").await), (None, Some(1)));

    let late = scratch.path("late.toml");
    fs::write(&late, "[[namespace]]\nname = \"late\"\n").expect("it can be written");
    run(&["namespace", "apply", path(&late), "--url", &node.url("")]).done();
    for topic in ["late:b", "late:c"] {
        publish(&node, topic, json!({ "data": 1 })).await;
    }
    assert_eq!(figure(&node, "publications_total", "late").await, Some(2));
    assert_eq!(figure(&node, "topics", "late").await, Some(2));

    node.kill();
    let node = node_on(&data, "");
    delete(&node, "late:c").await;
    assert_eq!(figure(&node, "topics", "late").await, Some(1));
    assert_eq!(figure(&node, "topics", "default").await, Some(1), "what was there before is counted where it was");
    assert_eq!(figure(&node, "topics", "chat").await, Some(1));
}
