//! Many clients that come back at once.

use futures_util::future::join_all;
use serde_json::json;

use crate::client::{View, node, publish, publish_all};
use crate::harness::Node;
use crate::harness::http::Http;

const CLIENTS: usize = 300;
const MISSED: usize = 600;

async fn metric(node: &Node, name: &str) -> u64 {
    let answer = Http::once(node.address(), "GET", "/metrics", &[], "").await;
    let line = answer.text().lines().find(|line| line.starts_with(name)).map(str::to_owned);
    let value = line.as_deref().and_then(|line| line.rsplit(' ').next()).expect("the metric is there");
    value.parse::<f64>().expect("a number") as u64
}

/// The log is read a few times, not once for each.
#[tokio::test]
async fn a_herd_at_one_cursor_shares_what_is_read() {
    let node = node();
    let cursor = publish(&node, "t:a", json!({ "data": "before" })).await;
    for batch in 0..MISSED / 100 {
        publish_all(&node, "t:a", (0..100).map(|n| json!({ "data": batch * 100 + n })).collect()).await;
    }
    let expected: Vec<_> = (0..MISSED).map(|n| format!("put {n}")).collect();
    let clients = (0..CLIENTS).map(|_| async {
        let mut view = View::open(&node, json!({ "topic": "t:a", "resourceVersion": cursor })).await;
        assert_eq!(view.through(&format!("put {}", MISSED - 1)).await, expected);
    });
    join_all(clients).await;
    let read = metric(&node, "fanfare_catch_up_publications_total").await;
    let shared = metric(&node, "fanfare_catch_up_pages_shared_total").await;
    assert!(read < (CLIENTS * MISSED / 10) as u64, "{read} publications were read for {CLIENTS} clients");
    assert!(shared > CLIENTS as u64, "{shared} pages were shared");
}
