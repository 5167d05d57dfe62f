//! Filters and fields.

use serde_json::json;

use crate::client::{View, keyed, node, publish};
use crate::harness::Socket;
use crate::harness::http::Http;

#[tokio::test]
async fn a_stream_is_shown_as_far_as_it_matches() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a", "filter": "data.n >= 2 && data.n < 5" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    for n in 0..6 {
        publish(&node, "t:a", json!({ "data": { "n": n } })).await;
    }
    assert_eq!(view.through("put {\"n\":4}").await, ["put {\"n\":2}", "put {\"n\":3}", "put {\"n\":4}"]);
    // A snapshot shows the same.
    let mut late = View::open(&node, json!({ "topic": "t:a", "filter": "data.n >= 2 && data.n < 5" })).await;
    assert_eq!(late.number, view.number, "equal views are one");
    assert_eq!(late.through("snapshot-end").await, ["put {\"n\":2}", "put {\"n\":3}", "put {\"n\":4}", "snapshot-end"]);
}

/// W14.
#[tokio::test]
async fn a_key_that_no_longer_matches_is_deleted_where_it_was_shown_and_only_there() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "s:a", "where.data.on": "true" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    for (key, on) in [("a", true), ("b", false), ("a", true), ("a", false), ("b", false), ("a", false), ("c", true)] {
        publish(&node, "s:a", keyed(key, json!({ "on": on }))).await;
    }
    let shown = view.through("put c {\"on\":true}").await;
    assert_eq!(shown, ["put a {\"on\":true}", "put a {\"on\":true}", "delete a", "put c {\"on\":true}"]);
    publish(&node, "s:a", json!({ "key": "b", "delete": true })).await;
    publish(&node, "s:a", json!({ "key": "c", "delete": true })).await;
    assert_eq!(view.events().await, ["delete c"]);
}

/// W14: whoever reads the history from a cursor does not know what a key was, but that another one was never shown.
#[tokio::test]
async fn of_keys_that_a_view_does_not_ask_for_nothing_is_told() {
    let node = node();
    let cursor = publish(&node, "s:a", keyed("a", json!(0))).await;
    publish(&node, "s:a", keyed("b", json!(1))).await;
    publish(&node, "s:a", json!({ "key": "b", "delete": true })).await;
    let quiet = format!("/v1/topics/s:a?watch=true&where.key=a&timeout=50ms&resourceVersion={cursor}");
    let answer = Http::once(node.address(), "GET", &quiet, &[], "").await;
    assert_eq!(answer.json()["events"], json!([]), "{}", answer.text());
    publish(&node, "s:a", keyed("a", json!(2))).await;
    publish(&node, "s:a", keyed("a", json!(-2))).await;
    for (name, text, shown) in
        [("where.key", "a", ["put a 2", "put a -2"]), ("filter", "key == 'a' && data > 0", ["put a 2", "delete a"])]
    {
        let mut view = View::open(&node, json!({ "topic": "s:a", name: text, "resourceVersion": cursor })).await;
        assert_eq!(view.through(shown[1]).await, shown, "{name}");
    }
}

/// W7, W8: every frame says what it covers, and a version between two frames resumes.
#[tokio::test]
async fn a_filtered_view_is_resumed_from_any_version() {
    let node = node();
    let mut versions = vec![publish(&node, "t:a", json!({ "data": { "n": 0, "odd": false } })).await];
    for n in 1..10 {
        versions.push(publish(&node, "t:a", json!({ "data": { "n": n, "odd": n % 2 == 1 } })).await);
    }
    for (at, version) in versions.iter().enumerate() {
        let watch = json!({ "topic": "t:a", "where.data.odd": "true", "fields": "n", "resourceVersion": version });
        let mut view = View::open(&node, watch).await;
        assert_eq!((&view.subscribed["resumed"], &view.subscribed["resourceVersion"]), (&json!(true), &json!(version)));
        publish(&node, "t:b", json!({ "data": 1 })).await;
        let missed: Vec<_> = (at + 1..10).filter(|n| n % 2 == 1).map(|n| format!("put {{\"n\":{n}}}")).collect();
        if let Some(last) = missed.last() {
            assert_eq!(view.through(last).await, missed);
        }
    }
}

#[tokio::test]
async fn only_the_fields_that_are_asked_for_are_sent() {
    let node = node();
    publish(&node, "s:a", keyed("a", json!({ "bid": 1, "ask": { "price": 2, "size": 3 }, "depth": [1, 2] }))).await;
    let mut view = View::open(&node, json!({ "topic": "s:a", "fields": "bid,ask.price" })).await;
    assert_eq!(view.through("snapshot-end").await, ["put a {\"ask\":{\"price\":2},\"bid\":1}", "snapshot-end"]);
    publish(&node, "s:a", keyed("a", json!({ "bid": 2, "ask": { "price": 2, "size": 3 }, "depth": [] }))).await;
    assert_eq!(view.events().await, ["put a {\"ask\":{\"price\":2},\"bid\":2}"]);
}

#[tokio::test]
async fn what_did_not_change_is_not_sent() {
    let node = node();
    for topic in ["s:a", "t:a"] {
        let mut view = View::open(&node, json!({ "topic": topic, "fields": "n", "onChange": true })).await;
        assert_eq!(view.events().await, ["snapshot-end"]);
        for (n, noise) in [(1, 1), (1, 2), (2, 3), (2, 3), (1, 4)] {
            let data = json!({ "n": n, "noise": noise });
            publish(&node, topic, if topic == "s:a" { keyed("k", data) } else { json!({ "data": data }) }).await;
        }
        let shown = [view.events().await, view.events().await, view.events().await].concat();
        let shown: Vec<_> = shown.iter().filter_map(|event| event.rsplit(' ').next()).collect();
        assert_eq!(shown, ["{\"n\":1}", "{\"n\":2}", "{\"n\":1}"], "{topic}");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_used_is_refused_with_its_place() {
    let node = node();
    for (filter, name) in [
        ("data.n >", "BAD_FILTER"),
        ("dat.n > 1", "BAD_FILTER"),
        ("nosuch(data.n)", "BAD_FILTER"),
        ("data.a.exists(x, data.b.exists(y, x == y))", "FILTER_TOO_COSTLY"),
        (&"(".repeat(10_000), "FILTER_TOO_COSTLY"),
    ] {
        let error = View::refused(&node, json!({ "topic": "t:a", "filter": filter })).await;
        assert_eq!((&error["name"], &error["parameter"]), (&json!(name), &json!("filter")), "{error}");
    }
    let error = View::refused(&node, json!({ "topic": "t:a", "filtr": "true" })).await;
    assert_eq!((&error["name"], &error["nearest"]), (&json!("UNKNOWN_PARAMETER"), &json!("filter")), "{error}");
}

/// W12: also when nothing matches, the cursor moves on.
#[tokio::test]
async fn a_view_in_which_nothing_matches_is_told_how_far_it_has_come() {
    let node = crate::harness::Node::with(&[], "[delivery]\nbookmark_interval_ms = 1000\n");
    let mut view = View::open(&node, json!({ "topic": "a", "where.key": "never" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    let mut last = String::new();
    for n in 0..5 {
        last = publish(&node, "a", json!({ "data": n })).await;
    }
    loop {
        let batch = view.batch().await;
        assert_eq!(batch["events"][0]["type"], "bookmark", "{batch}");
        if batch["through"] == last {
            break;
        }
    }
}

/// W11: the end of a topic reaches a view that shows nothing of it.
#[tokio::test]
async fn a_topic_that_begins_anew_is_told_to_filtered_views() {
    let node = node();
    publish(&node, "s:a", keyed("a", json!(1))).await;
    let mut view = View::open(&node, json!({ "topic": "s:a", "where.key": "b" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    let mut other = Socket::json(node.address()).await;
    other.ask("SUBSCRIBE", 1, json!({ "topic": "s:a" })).await;
    let answer = crate::harness::http::Http::once(node.address(), "DELETE", "/v1/topics/s:a", &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    publish(&node, "s:a", keyed("b", json!(2))).await;
    assert_eq!(view.through("snapshot-end").await.first().map(String::as_str), Some("gone"));
    publish(&node, "s:a", keyed("b", json!(3))).await;
    assert_eq!(view.through("put b 3").await.last().map(String::as_str), Some("put b 3"));
}
