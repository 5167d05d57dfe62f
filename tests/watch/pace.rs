//! `interval`, `debounce`, `maxEventsPerSecond`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{View, keyed, node, publish, publish_all};

/// W15: the latest of each key, and nothing of what it replaced.
#[tokio::test]
async fn keys_are_conflated_over_an_interval() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "s:a", "interval": "400ms" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    publish(&node, "s:a", keyed("a", json!(0))).await;
    assert_eq!(view.events().await, ["put a 0"], "the first goes at once");
    let mut all: Vec<_> = (1..=20).flat_map(|n| [keyed("a", json!(n)), keyed("b", json!(-n))]).collect();
    all.extend([keyed("c", json!(1)), json!({ "key": "c", "delete": true })]);
    publish_all(&node, "s:a", all).await;
    let batch = view.batch().await;
    let shown: Vec<_> = batch["events"].as_array().unwrap().iter().filter_map(crate::client::short).collect();
    // `c` came and went, and who took a snapshot in between has it.
    assert_eq!(shown, ["put a 20", "put b -20", "delete c"]);
    assert_eq!(batch["through"].as_str().unwrap().rsplit('.').next(), Some("43"));
}

#[tokio::test]
async fn a_stream_is_batched_and_nothing_left_out() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a", "interval": "300ms" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    for n in 0..30 {
        publish(&node, "t:a", json!({ "data": n })).await;
    }
    let expected: Vec<_> = (0..30).map(|n| format!("put {n}")).collect();
    let mut shown = Vec::new();
    let mut batches = 0;
    while shown.len() < expected.len() {
        shown.extend(view.events().await);
        batches += 1;
    }
    assert_eq!(shown, expected);
    assert!(batches <= 3, "{batches} batches within two intervals");
}

#[tokio::test]
async fn quiet_is_waited_for() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "s:a", "debounce": "300ms" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    for n in 0..10 {
        publish(&node, "s:a", keyed("a", json!(n))).await;
    }
    let last = Instant::now();
    assert_eq!(view.events().await, ["put a 9"]);
    assert!(last.elapsed() >= Duration::from_millis(250), "after the quiet, not before: {:?}", last.elapsed());
}

/// W15: a `stream` loses nothing by a ceiling, and a second has no more than it.
#[tokio::test]
async fn a_ceiling_makes_a_stream_lag_and_conflates_keys() {
    let node = node();
    for (topic, count) in [("t:a", 30), ("s:a", 30)] {
        let mut view = View::open(&node, json!({ "topic": topic, "maxEventsPerSecond": 20 })).await;
        assert_eq!(view.events().await, ["snapshot-end"]);
        let is_stream = topic == "t:a";
        let publication = |n| if is_stream { json!({ "data": n }) } else { keyed(&format!("k{}", n % 3), json!(n)) };
        let began = Instant::now();
        publish_all(&node, topic, (0..count).map(publication).collect()).await;
        if is_stream {
            let shown = view.through(&format!("put {}", count - 1)).await;
            assert_eq!(shown, (0..count).map(|n| format!("put {n}")).collect::<Vec<_>>());
            assert!(began.elapsed() >= Duration::from_millis(900), "30 events at 20 a second: {:?}", began.elapsed());
        } else {
            let shown = view.through(&format!("put k2 {}", count - 1)).await;
            let last: Vec<_> = (count - 3..count).map(|n| format!("put k{} {n}", n % 3)).collect();
            assert_eq!(shown, last, "what was replaced is left out");
        }
    }
}
