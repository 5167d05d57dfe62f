//! `UPDATE_VIEW`.

use serde_json::json;

use crate::client::{View, keyed, node, publish};

/// W17.
#[tokio::test]
async fn a_stream_goes_on_from_its_cursor_through_another_lens() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a", "where.data.n": "1", "credit": 0 })).await;
    for n in [1, 2, 1, 2] {
        publish(&node, "t:a", json!({ "data": { "n": n } })).await;
    }
    let answer = view.ask("UPDATE_VIEW", json!({ "view": view.number, "where.data.n": "2", "credit": 100 })).await;
    assert_eq!(answer["type"], "SUBSCRIBED", "{answer}");
    let updated = answer["payload"].clone();
    assert_ne!(updated["view"], view.number);
    assert_eq!((&updated["resumed"], &updated["topic"]), (&json!(true), &json!("t:a")));
    view.number = updated["view"].as_u64().unwrap();
    assert_eq!(
        [view.events().await].concat(),
        ["put {\"n\":2}", "put {\"n\":2}"],
        "nothing was left out by the change"
    );
}

/// What comes into sight was published before: the map that was panned needs it.
#[tokio::test]
async fn a_state_topic_is_shown_anew_when_other_keys_come_into_sight() {
    let node = node();
    publish(&node, "s:a", keyed("a", json!({ "n": 1 }))).await;
    publish(&node, "s:a", keyed("b", json!({ "n": 2 }))).await;
    let mut view = View::open(&node, json!({ "topic": "s:a", "where.data.n": "1" })).await;
    assert_eq!(view.through("snapshot-end").await, ["put a {\"n\":1}", "snapshot-end"]);
    let answer = view.ask("UPDATE_VIEW", json!({ "view": view.number, "where.data.n": "2" })).await;
    assert_eq!((&answer["type"], &answer["payload"]["resumed"]), (&json!("SUBSCRIBED"), &json!(false)), "{answer}");
    view.number = answer["payload"]["view"].as_u64().unwrap();
    assert_eq!(view.through("snapshot-end").await, ["put b {\"n\":2}", "snapshot-end"]);
    // Only how fast changes: nothing has to be shown anew.
    let paced = json!({ "view": view.number, "where.data.n": "2", "interval": "50ms" });
    let answer = view.ask("UPDATE_VIEW", paced).await;
    assert_eq!(answer["payload"]["resumed"], true, "{answer}");
    view.number = answer["payload"]["view"].as_u64().unwrap();
    publish(&node, "s:a", keyed("b", json!({ "n": 1 }))).await;
    assert_eq!(view.events().await, ["delete b"]);
}

#[tokio::test]
async fn a_view_that_is_not_changed_stays_as_it_is_and_a_bad_change_leaves_it() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a", "where.data.n": "1" })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    let same = view.ask("UPDATE_VIEW", json!({ "view": view.number, "where.data.n": "1" })).await;
    assert_eq!((&same["payload"]["view"], &same["payload"]["resumed"]), (&json!(view.number), &json!(true)), "{same}");
    for (update, name) in [
        (json!({ "view": view.number, "filter": "data.n >" }), "BAD_FILTER"),
        (json!({ "view": view.number, "topic": "t:b" }), "BAD_PARAMETER"),
        (json!({ "view": view.number, "from": "beginning" }), "BAD_PARAMETER"),
        (json!({ "view": view.number, "resourceVersion": "0.0" }), "BAD_PARAMETER"),
        (json!({ "view": 4_000_000 }), "NO_SUCH_VIEW"),
    ] {
        let answer = view.ask("UPDATE_VIEW", update).await;
        assert_eq!(answer["payload"]["name"], name, "{answer}");
        if name == "BAD_FILTER" {
            assert_eq!(answer["payload"]["topic"], "t:a", "as SUBSCRIBE says it: {answer}");
        }
    }
    publish(&node, "t:a", json!({ "data": { "n": 1 } })).await;
    assert_eq!(view.events().await, ["put {\"n\":1}"]);
}
