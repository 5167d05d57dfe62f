//! `delta`.

use serde_json::json;

use crate::client::{View, keyed, node, publish};

/// W16.
#[tokio::test]
async fn a_changed_key_is_a_patch_against_what_was_shown() {
    let node = node();
    let long = "x".repeat(100);
    publish(&node, "s:a", keyed("a", json!({ "text": long, "n": 1 }))).await;
    let mut view = View::open(&node, json!({ "topic": "s:a", "delta": true })).await;
    let full = format!("put a {}", json!({ "text": long, "n": 1 }));
    assert_eq!(view.through("snapshot-end").await, [full.as_str(), "snapshot-end"]);
    publish(&node, "s:a", keyed("a", json!({ "text": long, "n": 2 }))).await;
    assert_eq!(view.events().await, ["patch a {\"n\":2}"]);
    publish(&node, "s:a", keyed("a", json!({ "text": long }))).await;
    assert_eq!(view.events().await, ["patch a {\"n\":null}"]);
    // What a patch cannot say, or is not worth one, comes whole.
    publish(&node, "s:a", keyed("a", json!({ "text": long, "n": null }))).await;
    assert_eq!(view.events().await, [format!("put a {}", json!({ "text": long, "n": null }))]);
    publish(&node, "s:a", keyed("b", json!(7))).await;
    assert_eq!(view.events().await, ["put b 7"]);
}

#[tokio::test]
async fn patches_without_what_they_begin_with_are_refused() {
    let node = node();
    let error = View::refused(&node, json!({ "topic": "s:a", "delta": true, "from": "latest" })).await;
    assert_eq!((&error["name"], &error["parameter"]), (&json!("BAD_PARAMETER"), &json!("delta")), "{error}");
}
