//! What does end an epoch: deletion, other data, and in an `ephemeral` namespace the end of the process. Whoever held a
//! cursor is told.

use serde_json::{Value, json};

use super::lasting::{ENDS, Lasting};
use super::parts;
use crate::harness::{Http, Socket};

const TOPIC: &str = "chat:a";

/// V6, W11: a version of another epoch is refused, or told by `gone` and a snapshot, whichever was asked for.
async fn assert_told(node: &mut Lasting, topic: &str, cursor: &str, data: &Value) {
    let mut watcher = node.socket().await;
    assert_refused(&mut watcher, topic, cursor).await;
    let opened = watcher.ask("SUBSCRIBE", 3, json!({ "topic": topic, "resourceVersion": cursor })).await;
    assert_eq!(opened["payload"]["resumed"], false, "{opened}");
    let gone = watcher.events().await;
    assert_eq!(gone["events"][0]["type"], "gone", "{gone}");
    assert_eq!(gone["events"][0]["error"]["name"], "EPOCH_CHANGED", "{gone}");
    let snapshot = watcher.events().await;
    assert_eq!(snapshot["events"][0]["data"], *data, "{snapshot}");
}

async fn assert_refused(watcher: &mut Socket, topic: &str, cursor: &str) {
    let close = json!({ "topic": topic, "resourceVersion": cursor, "onGone": "close" });
    let refused = watcher.ask("SUBSCRIBE", 2, close).await;
    assert_eq!(refused["payload"]["name"], "EPOCH_CHANGED", "{refused}");
    assert_eq!(refused["payload"]["class"], "resync", "{refused}");
}

/// V2, G18: `ticks` is declared `ephemeral` for the demos.
#[tokio::test]
async fn a_topic_of_an_ephemeral_namespace_begins_anew_with_each_process() {
    for end in ENDS {
        let mut node = Lasting::start();
        let put = |n: u64| json!({ "topic": "ticks:eur", "data": n, "key": "EURUSD" });
        let mut socket = node.socket().await;
        let first = socket.ask("PUBLISH", 1, put(1)).await;
        let first = first["payload"]["resourceVersion"].as_str().expect("a version").to_owned();
        let kept = node.publish(TOPIC, [1]).await.remove(0);

        node.restart(end);
        let mut socket = node.socket().await;
        // Before anyone has published there again, too.
        assert_refused(&mut socket, "ticks:eur", &first).await;
        assert!(!node.get("/v1/topics").await.contains("ticks:eur"), "{end:?}");
        let second = socket.ask("PUBLISH", 3, put(2)).await;
        let second = second["payload"]["resourceVersion"].as_str().expect("a version").to_owned();
        assert_ne!(parts(&first).0, parts(&second).0, "{end:?}");
        assert_eq!(parts(&second).1, 1, "{end:?}");
        assert_told(&mut node, "ticks:eur", &first, &json!(2)).await;
        // Its neighbours last.
        let opened = socket.ask("SUBSCRIBE", 4, json!({ "topic": TOPIC, "resourceVersion": kept })).await;
        assert_eq!(opened["payload"]["resumed"], true, "{end:?}: {opened}");
    }
}

/// V2: a cursor belongs to the data, not to the address.
#[tokio::test]
async fn a_node_on_an_empty_directory_begins_anew() {
    for end in ENDS {
        let mut node = Lasting::start();
        let first = node.publish(TOPIC, 1..=3).await.remove(0);
        node.restart_empty(end);
        let second = node.publish(TOPIC, [4]).await.remove(0);
        assert_ne!(parts(&first).0, parts(&second).0, "{end:?}");
        assert_eq!(parts(&second).1, 1, "{end:?}");
        assert_told(&mut node, TOPIC, &first, &json!(4)).await;
    }
}

/// V2, V4, H5: what was deleted stays deleted, and a topic of its name is another one.
#[tokio::test]
async fn a_topic_that_was_deleted_begins_anew_before_a_restart_and_after_it() {
    for end in ENDS {
        let mut node = Lasting::start();
        let first = node.publish(TOPIC, 1..=3).await.remove(2);
        let target = format!("/v1/topics/{TOPIC}");
        let deleted = Http::once(node.address(), "DELETE", &target, &[], "").await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        let second = node.publish(TOPIC, [4]).await.remove(0);
        assert_eq!(parts(&second).1, 1, "{end:?}");
        assert_told(&mut node, TOPIC, &first, &json!(4)).await;

        node.restart(end);
        assert_told(&mut node, TOPIC, &first, &json!(4)).await;
        let mut watcher = node.socket().await;
        let opened = watcher.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "resourceVersion": second })).await;
        assert_eq!(opened["payload"]["resumed"], true, "{end:?}: {opened}");

        let deleted = Http::once(node.address(), "DELETE", &target, &[], "").await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        node.restart(end);
        let empty = format!(r#"{{"topic":"{TOPIC}","resourceVersion":"0.0","items":[]}}"#);
        assert_eq!(node.get(&target).await, empty, "{end:?}");
        assert_refused(&mut node.socket().await, TOPIC, &second).await;
        let third = node.publish(TOPIC, [5]).await.remove(0);
        assert!(![parts(&first).0, parts(&second).0].contains(&parts(&third).0), "{end:?}: an epoch came back");
        assert_told(&mut node, TOPIC, &second, &json!(5)).await;
    }
}
