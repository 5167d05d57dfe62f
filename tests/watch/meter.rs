//! `credit` and `GRANT`.

use serde_json::json;

use crate::client::{View, keyed, node, publish, short};
use crate::harness::Node;
use crate::harness::http::Http;

/// W18.
#[tokio::test]
async fn no_more_is_sent_than_was_granted() {
    let node = node();
    for n in 0..10 {
        publish(&node, "t:a", json!({ "data": n })).await;
    }
    let mut view = View::open(&node, json!({ "topic": "t:a", "from": "beginning", "credit": 3 })).await;
    assert_eq!(view.through("put 2").await, ["put 0", "put 1", "put 2"]);
    // An answer comes behind whatever was sent before it.
    assert_eq!(view.ask("PING", json!({})).await["type"], "PONG");
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 4 })).await;
    assert_eq!(view.through("put 6").await, ["put 3", "put 4", "put 5", "put 6"]);
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 100 })).await;
    assert_eq!(view.through("put 9").await, ["put 7", "put 8", "put 9"]);
    publish(&node, "t:a", json!({ "data": 10 })).await;
    assert_eq!(view.events().await, ["put 10"]);
    let answer = view.ask("GRANT", json!({ "view": 4_000_000, "events": 1 })).await;
    assert_eq!(answer["payload"]["name"], "NO_SUCH_VIEW", "{answer}");
}

/// W18: a snapshot is sent whole and counts, and without a pace every change of a key is told.
#[tokio::test]
async fn changes_of_keys_wait_for_a_grant_and_none_is_left_out() {
    let node = node();
    for n in 0..4 {
        publish(&node, "s:a", keyed(&format!("k{n}"), json!(n))).await;
    }
    let mut view = View::open(&node, json!({ "topic": "s:a", "filter": "data < 100", "credit": 5 })).await;
    assert_eq!(view.events().await, ["put k0 0", "put k1 1", "put k2 2", "put k3 3", "snapshot-end"]);
    for (key, n) in [("k0", 10), ("k0", 11), ("k0", 111), ("k0", 112), ("k4", 114), ("k0", 12)] {
        publish(&node, "s:a", keyed(key, json!(n))).await;
    }
    publish(&node, "s:a", json!({ "key": "k1", "delete": true })).await;
    let batch = view.batch().await;
    assert_eq!(batch["events"].as_array().unwrap().iter().filter_map(short).collect::<Vec<_>>(), ["put k0 10"]);
    assert_eq!(view.ask("PING", json!({})).await["type"], "PONG");
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 2 })).await;
    // What was hidden before is not deleted again, nor what was never shown.
    assert_eq!(view.through("delete k0").await, ["put k0 11", "delete k0"]);
    assert_eq!(view.ask("PING", json!({})).await["type"], "PONG");
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 9 })).await;
    assert_eq!(view.through("delete k1").await, ["put k0 12", "delete k1"]);
    // On another connection what comes behind a cursor is the same.
    let again = json!({ "topic": "s:a", "filter": "data < 100", "credit": 1, "resourceVersion": batch["through"] });
    assert_eq!(View::open(&node, again).await.events().await, ["put k0 11"]);
}

#[tokio::test]
async fn credit_of_one_view_holds_up_no_other() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a", "credit": 0 })).await;
    let answer = view.ask("SUBSCRIBE", json!({ "topic": "t:b" })).await;
    assert_eq!(answer["type"], "SUBSCRIBED", "{answer}");
    let other = answer["payload"]["view"].clone();
    publish(&node, "t:a", json!({ "data": "held" })).await;
    publish(&node, "t:b", json!({ "data": "free" })).await;
    loop {
        let batch = view.socket.events().await;
        let is_put = batch["events"][0]["type"] == "put";
        assert!(batch["view"] == other || !is_put, "{batch}");
        if is_put {
            break;
        }
    }
    let answer = view.ask("UNSUBSCRIBE", json!({ "view": view.number })).await;
    assert_eq!(answer["type"], "UNSUBSCRIBED", "{answer}");
}

/// W17: also where nothing else changes, and to a view that had none.
#[tokio::test]
async fn a_credit_can_be_given_to_a_living_view() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    let updated = view.ask("UPDATE_VIEW", json!({ "view": view.number, "credit": 2 })).await;
    assert_eq!(
        (&updated["payload"]["view"], &updated["payload"]["resumed"]),
        (&json!(view.number), &json!(true)),
        "{updated}"
    );
    for n in 0..4 {
        publish(&node, "t:a", json!({ "data": n })).await;
    }
    assert_eq!(view.through("put 1").await, ["put 0", "put 1"]);
    assert_eq!(view.ask("PING", json!({})).await["type"], "PONG");
    let updated = view.ask("UPDATE_VIEW", json!({ "view": view.number, "credit": 1 })).await;
    assert_eq!(updated["payload"]["view"], view.number, "{updated}");
    assert_eq!(view.events().await, ["put 2"]);
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 1 })).await;
    assert_eq!(view.events().await, ["put 3"]);
}

/// W17: the reader that was is no more, also where the view is the same in all but its credit.
#[tokio::test]
async fn who_is_given_less_credit_is_sent_no_more_than_that() {
    let node = Node::with(&[], "[delivery]\nbookmark_interval_ms = 1000\n[[namespace]]\nname = \"t\"\n");
    for (topic, pace) in [("t:a", json!({})), ("t:b", json!({ "interval": "20ms", "maxEventsPerSecond": 900 }))] {
        let with = |name: &str, value: serde_json::Value, credit: u64| {
            let mut watch = pace.clone();
            (watch[name], watch["credit"]) = (value, credit.into());
            watch
        };
        let mut view = View::open(&node, with("topic", topic.into(), 50)).await;
        assert_eq!(view.events().await, ["snapshot-end"]);
        let updated = view.ask("UPDATE_VIEW", with("view", view.number.into(), 1)).await;
        assert_eq!(updated["payload"]["view"], view.number, "{updated}");
        let first = publish(&node, topic, json!({ "data": 0 })).await;
        assert_eq!(view.events().await, ["put 0"]);
        for n in 1..4 {
            publish(&node, topic, json!({ "data": n })).await;
        }
        // Long enough for whoever is still there to look whether it has missed something.
        let path = "/v1/topics/t:silent?watch=true&from=latest&timeout=1500ms";
        Http::once(node.address(), "GET", path, &[], "").await;
        let updated = view.ask("UPDATE_VIEW", with("view", view.number.into(), 9)).await;
        assert_eq!(updated["payload"]["resourceVersion"], first, "{updated}");
        assert_eq!(view.through("put 3").await, ["put 1", "put 2", "put 3"]);
    }
}

/// W6: `resumed` says what held when the view was opened, and promises nothing for the time after.
#[tokio::test]
async fn a_view_that_was_resumed_is_told_gone_once_retention_has_overtaken_it() {
    let node = Node::with(&[], "[[namespace]]\nname = \"t\"\nhistory_count = 2\n");
    let cursor = publish(&node, "t:a", json!({ "data": 0 })).await;
    let mut view = View::open(&node, json!({ "topic": "t:a", "resourceVersion": cursor, "credit": 0 })).await;
    assert_eq!(view.subscribed["resumed"], true);
    for n in 1..10 {
        publish(&node, "t:a", json!({ "data": n })).await;
    }
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 100 })).await;
    assert_eq!(view.through("snapshot-end").await, ["gone", "put 8", "put 9", "snapshot-end"]);
}

/// W12: also where the view says so to all who follow it, which is then not heard.
#[tokio::test]
async fn who_is_metered_is_told_of_silence_too() {
    let node = Node::with(&[], "[delivery]\nbookmark_interval_ms = 1000\n[[namespace]]\nname = \"t\"\n");
    publish(&node, "t:a", json!({ "data": 0 })).await;
    for mut watch in [
        json!({ "credit": 100 }),
        json!({ "maxEventsPerSecond": 100 }),
        json!({ "maxEventsPerSecond": 100, "interval": "100ms" }),
        json!({ "credit": 100, "debounce": "100ms" }),
    ] {
        watch["topic"] = "t:a".into();
        let mut view = View::open(&node, watch).await;
        assert_eq!(view.through("snapshot-end").await, ["put 0", "snapshot-end"]);
        for _ in 0..3 {
            assert_eq!(view.batch().await["events"][0]["type"], "bookmark");
        }
    }
}
