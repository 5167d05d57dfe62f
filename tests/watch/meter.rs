//! `credit` and `GRANT`.

use serde_json::json;

use crate::client::{View, node, publish};
use crate::harness::Node;

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
    for meter in [("credit", 100), ("maxEventsPerSecond", 100)] {
        let mut watch = json!({ "topic": "t:a" });
        watch[meter.0] = meter.1.into();
        let mut view = View::open(&node, watch).await;
        assert_eq!(view.through("snapshot-end").await, ["put 0", "snapshot-end"]);
        for _ in 0..3 {
            assert_eq!(view.batch().await["events"][0]["type"], "bookmark");
        }
    }
}
