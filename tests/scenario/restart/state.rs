//! `state` topics: their fold, and when its keys end.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::lasting::{ENDS, End, Lasting};
use super::take;
use crate::harness::{Http, PATIENCE};

const BOARD: &str = "[[namespace]]\nname = \"board\"\nkind = \"state\"\n";
const TARGET: &str = "/v1/topics/board:a";

async fn put(node: &mut Lasting, body: &str) -> String {
    let answer = Http::once(node.address(), "POST", TARGET, &[], body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()["resourceVersion"].as_str().expect("a version is a string").to_owned()
}

/// W9, G9: live keys with their own versions; deleted ones stay deleted.
#[tokio::test]
async fn the_fold_of_a_state_topic_is_to_the_byte_what_it_was() {
    for end in ENDS {
        let mut node = Lasting::with(BOARD);
        for round in 1..=3 {
            for key in 0..50 {
                put(&mut node, &format!(r#"{{"key":"k-{key}","data":{{"round":{round}}},"attributes":{{"a":"b"}}}}"#))
                    .await;
            }
        }
        for key in (0..50).step_by(7) {
            let deleted = Http::once(node.address(), "DELETE", &format!("{TARGET}?key=k-{key}"), &[], "").await;
            assert_eq!(deleted.status, 200, "{}", deleted.text());
        }
        let cursor = put(&mut node, r#"{"key":"k-0","data":"back"}"#).await;
        let before = node.get(TARGET).await;
        assert_eq!(before.matches("\"key\"").count(), 43, "{before}");

        node.restart(end);
        assert_eq!(node.get(TARGET).await, before, "{end:?}");
        // And the fold goes on from there: a condition on a key's own version, a key that comes back, one that goes.
        let next = put(&mut node, &format!(r#"{{"key":"k-0","data":"on","ifVersion":"{cursor}"}}"#)).await;
        let mut watcher = node.socket().await;
        let opened = watcher.ask("SUBSCRIBE", 1, json!({ "topic": "board:a", "resourceVersion": cursor })).await;
        assert_eq!(opened["payload"]["resumed"], true, "{end:?}: {opened}");
        let events = take(&mut watcher, &mut json!(cursor), 1).await;
        assert_eq!((&events[0]["data"], &events[0]["resourceVersion"]), (&json!("on"), &json!(next)), "{end:?}");
    }
}

/// P11: the time that a key has is part of what is stored. The time in which no node runs may or may not count.
#[tokio::test]
async fn a_key_that_has_a_ttl_expires_after_the_restart_and_not_before_its_time() {
    const TTL: Duration = Duration::from_secs(2);
    for end in ENDS {
        let mut node = Lasting::with(BOARD);
        put(&mut node, r#"{"key":"stays","data":1,"ttl":"1h"}"#).await;
        let since = Instant::now();
        let version = put(&mut node, &format!(r#"{{"key":"goes","data":2,"ttl":{}}}"#, TTL.as_secs())).await;
        node.restart(end);
        let started = Instant::now();
        let mut watcher = node.socket().await;
        let opened = watcher.ask("SUBSCRIBE", 1, json!({ "topic": "board:a", "resourceVersion": version })).await;
        assert_eq!(opened["payload"]["resumed"], true, "{end:?}: {opened}");
        let events = take(&mut watcher, &mut json!(version), 1).await;
        assert_eq!((&events[0]["type"], &events[0]["key"]), (&json!("delete"), &json!("goes")), "{end:?}");
        assert!(since.elapsed() >= TTL, "{end:?}: after {:?} already", since.elapsed());
        assert!(started.elapsed() < TTL + PATIENCE / 2, "{end:?}: only {:?} after the start", started.elapsed());
        let left = node.get(TARGET).await;
        assert!(left.contains("stays") && !left.contains("goes"), "{end:?}: {left}");
    }
}

/// P11: a publication of a `stream` that has a ttl leaves the history, and its version is not used again.
#[tokio::test]
async fn a_publication_that_has_a_ttl_leaves_the_history_after_the_restart() {
    let mut node = Lasting::start();
    let target = "/v1/topics/chat:a";
    let mut http = Http::connect(node.address()).await;
    http.ask("POST", target, &[], r#"{"data":"goes","ttl":"1s"}"#).await;
    let last = http.ask("POST", target, &[], r#"{"data":"stays"}"#).await.text().to_owned();
    node.restart(End::Killed);
    let deadline = Instant::now() + PATIENCE;
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    // Nothing is said when a publication leaves: only reading tells.
    while node.get(target).await.contains("goes") {
        assert!(Instant::now() < deadline, "it never leaves");
        pace.tick().await;
    }
    let left = node.get(target).await;
    let version = last.trim_start_matches(r#"{"resourceVersion":""#).trim_end_matches("\"}");
    assert!(left.contains("stays") && left.contains(version), "{left}");
    assert!(version.ends_with(".2"), "{version}");
}
