//! Server-sent events as an unmodified `EventSource` takes them: what it has seen is what it comes back with.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{EventSource, get, publish, publish_numbers, send};
use crate::harness::{Node, Socket};

const WATCH: &str = "/v1/topics/chat:a?watch=true";

async fn numbers(stream: &mut EventSource, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let event = stream.event().await;
        if event.kind == "put" {
            numbers.push(event.data["data"].as_u64().expect("a number"));
        }
    }
    numbers
}

/// H3 and G7 of the design: exact, wherever it was cut.
#[tokio::test]
async fn it_resumes_after_a_cut_without_a_gap_or_a_repetition() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..5).await;
    let mut stream = EventSource::open(&node, WATCH, "").await;
    let mut seen = numbers(&mut stream, 3).await;
    assert_eq!(stream.retry, Some(1_000));
    // Cut within the snapshot, then between live events, then right behind the last.
    for (count, next) in [(4, 5..10), (6, 10..13), (0, 13..16)] {
        let last_id = stream.last_id.clone();
        drop(stream);
        publish_numbers(&node, "chat:a", next).await;
        stream = EventSource::open(&node, WATCH, &last_id).await;
        seen.extend(numbers(&mut stream, count).await);
    }
    let last_id = stream.last_id.clone();
    drop(stream);
    let mut stream = EventSource::open(&node, WATCH, &last_id).await;
    seen.extend(numbers(&mut stream, 3).await);
    assert_eq!(seen, (0..16).collect::<Vec<_>>());
}

/// W3: what the browser adds by itself is newer than what the page once wrote into the URL.
#[tokio::test]
async fn the_header_wins_over_the_query() {
    let node = Node::start();
    let first = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let second = publish(&node, "chat:a", json!({ "data": 1 })).await;
    publish(&node, "chat:a", json!({ "data": 2 })).await;
    for name in ["resourceVersion", "sinceRevision", "lastEventId"] {
        let path = format!("{WATCH}&{name}={first}");
        let mut stream = EventSource::open(&node, &path, &second).await;
        assert_eq!(stream.event().await.data["data"], 2);
        let mut stream = EventSource::open(&node, &path, "").await;
        assert_eq!(stream.event().await.data["data"], 1);
    }
}

#[tokio::test]
async fn live_events_arrive_as_they_are_published() {
    let node = Node::start();
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = EventSource::open(&node, WATCH, "").await;
        assert_eq!(stream.event().await.kind, "snapshot-end");
        streams.push(stream);
    }
    for n in 0..50 {
        publish(&node, "chat:a", json!({ "data": n })).await;
    }
    for stream in &mut streams {
        assert_eq!(numbers(stream, 50).await, (0..50).collect::<Vec<_>>());
    }
}

/// Cut before its first event, it must still know where it stood.
#[tokio::test]
async fn a_watch_of_what_comes_next_says_first_where_it_stands() {
    let node = Node::start();
    publish(&node, "chat:a", json!({ "data": 0 })).await;
    let path = format!("{WATCH}&from=latest");
    let mut stream = EventSource::open(&node, &path, "").await;
    let bookmark = stream.next().await.unwrap();
    assert_eq!((bookmark.kind.as_str(), bookmark.last_id.is_empty()), ("bookmark", false));
    drop(stream);
    publish(&node, "chat:a", json!({ "data": 1 })).await;
    let mut stream = EventSource::open(&node, &path, &bookmark.last_id).await;
    assert_eq!(stream.event().await.data["data"], 1);
    let mut stream = EventSource::open(&node, &format!("{WATCH}&includeInitialData=false"), "").await;
    assert_eq!(stream.next().await.unwrap().kind, "bookmark");
    let mut stream = EventSource::open(&node, &format!("{WATCH}&from=beginning"), "").await;
    assert_eq!(numbers(&mut stream, 2).await, [0, 1]);
}

const SHORT: &str = "[[namespace]]\nname = \"chat\"\nhistory_count = 3\n";

/// W11 and H7: an `EventSource` never comes back from a 410, so it is told in the stream and gets a snapshot.
#[tokio::test]
async fn a_cursor_that_is_too_old_is_told_gone_and_gets_a_snapshot() {
    let node = Node::with(&[], SHORT);
    let first = publish(&node, "chat:a", json!({ "data": 0 })).await;
    publish_numbers(&node, "chat:a", 1..10).await;
    let mut stream = EventSource::open(&node, WATCH, &first).await;
    let gone = stream.event().await;
    assert_eq!((gone.kind.as_str(), &gone.last_id), ("gone", &first));
    assert_eq!((&gone.data["error"]["name"], &gone.data["error"]["class"]), (&json!("GONE"), &json!("resync")));
    assert_eq!(numbers(&mut stream, 3).await, [7, 8, 9]);
    assert_eq!(stream.event().await.kind, "snapshot-end");
    publish(&node, "chat:a", json!({ "data": 10 })).await;
    assert_eq!(numbers(&mut stream, 1).await, [10]);

    let closed = send(
        &node,
        Method::GET,
        &format!("{WATCH}&onGone=close"),
        &[("accept", "text/event-stream"), ("last-event-id", &first)],
        "",
    )
    .await;
    assert_eq!((closed.status.as_u16(), closed.code().as_str()), (410, "GONE"));
    assert!(closed.json()["oldest"].is_string(), "{closed:?}");
}

/// V6: another epoch is never continued.
#[tokio::test]
async fn a_cursor_of_another_epoch_is_told_so() {
    let node = Node::start();
    publish(&node, "chat:a", json!({ "data": 0 })).await;
    let mut stream = EventSource::open(&node, WATCH, "7.1").await;
    let gone = stream.event().await;
    assert_eq!((gone.kind.as_str(), &gone.data["error"]["name"]), ("gone", &json!("EPOCH_CHANGED")));
    assert_eq!(numbers(&mut stream, 1).await, [0]);
    let path = format!("{WATCH}&onGone=close&resourceVersion=7.1");
    let closed = send(&node, Method::GET, &path, &[("accept", "text/event-stream")], "").await;
    assert_eq!((closed.status.as_u16(), closed.code().as_str()), (409, "EPOCH_CHANGED"));
}

/// W9: inside the snapshot of a fold no event is a place to come back to.
#[tokio::test]
async fn a_fold_has_no_id_before_the_end_of_its_snapshot() {
    let node = Node::start();
    for key in ["a", "b", "a"] {
        publish(&node, "fleet:a", json!({ "key": key, "data": 1 })).await;
    }
    let mut stream = EventSource::open(&node, "/v1/topics/fleet:a?watch=true", "").await;
    let events = [stream.event().await, stream.event().await, stream.event().await];
    let ids: Vec<_> = events.iter().map(|event| event.last_id.rsplit('.').next().unwrap()).collect();
    assert_eq!(ids, ["", "", "3"]);
    let keys: Vec<_> = events.iter().map(|event| event.data["key"].as_str().unwrap_or_default()).collect();
    assert_eq!(keys, ["b", "a", ""]);
    send(&node, Method::DELETE, "/v1/topics/fleet:a?key=b", &[], "").await;
    let deleted = stream.event().await;
    assert_eq!((deleted.kind.as_str(), deleted.data["key"].as_str()), ("delete", Some("b")));
    assert!(deleted.last_id.ends_with(".4"), "{deleted:?}");
}

/// V6: the history ends with its topic, and a new one is another.
#[tokio::test]
async fn a_watcher_of_a_topic_that_is_deleted_is_told_gone_and_goes_on_with_the_next() {
    let node = Node::start();
    publish(&node, "chat:a", json!({ "data": 0 })).await;
    let mut stream = EventSource::open(&node, WATCH, "").await;
    assert_eq!(numbers(&mut stream, 1).await, [0]);
    assert_eq!(stream.event().await.kind, "snapshot-end");
    let deleted = send(&node, Method::DELETE, "/v1/topics/chat:a", &[], "").await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
    let gone = stream.event().await;
    assert_eq!((gone.kind.as_str(), &gone.data["error"]["name"]), ("gone", &json!("EPOCH_CHANGED")));
    publish(&node, "chat:a", json!({ "data": 1 })).await;
    assert_eq!(numbers(&mut stream, 1).await, [1]);
}

const LONG: &str = "[[namespace]]\nname = \"chat\"\nhistory_count = 100000\nhistory_bytes = 268435456\n";

/// W10: a reader that stops costs its bound, and then gets everything in order.
#[tokio::test]
async fn a_reader_that_stops_costs_little_and_then_gets_everything() {
    let node = Node::with(&[], LONG);
    let mut stalled = EventSource::open(&node, WATCH, "").await;
    let mut other = EventSource::open(&node, WATCH, "").await;
    assert_eq!(stalled.event().await.kind, "snapshot-end");
    let text = "x".repeat(2_000);
    for batch in 0..60_u32 {
        let publications: Vec<_> =
            (0..100).map(|n| json!({ "data": { "n": batch * 100 + n, "text": text } })).collect();
        let body = json!({ "publications": publications }).to_string();
        let answer = send(&node, Method::POST, "/v1/topics/chat:a", &[], &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    for stream in [&mut other, &mut stalled] {
        let mut expected = 0;
        while expected < 6_000 {
            let event = stream.event().await;
            if event.kind == "put" {
                assert_eq!(event.data["data"]["n"], json!(expected));
                expected += 1;
            }
        }
    }
}

/// H3: a comment as heartbeat, so that a dead line is noticed.
#[tokio::test]
async fn a_quiet_stream_is_kept_alive_by_comments() {
    let node =
        Node::with(&[], "[delivery]\nheartbeat_interval_ms = 50\npong_timeout_ms = 50\nbookmark_interval_ms = 1000\n");
    let mut stream = EventSource::open(&node, WATCH, "").await;
    assert_eq!(stream.event().await.kind, "snapshot-end");
    // The next event is a bookmark: until then only comments come.
    assert_eq!(stream.next().await.unwrap().kind, "bookmark");
    assert!(stream.comments > 3, "{}", stream.comments);
}

#[tokio::test]
async fn a_stream_ends_after_its_timeout() {
    let node = Node::start();
    let mut stream = EventSource::open(&node, &format!("{WATCH}&timeout=200ms"), "").await;
    assert_eq!(stream.event().await.kind, "snapshot-end");
    assert_eq!(stream.next().await, None);
}

/// The stream of a node that stops ends cleanly, and its place is where the next one would go on.
#[tokio::test]
async fn a_stopping_node_ends_its_streams() {
    let mut node = Node::with(&[], "[server]\nreconnect_within_ms = 500\n[[namespace]]\nname = \"chat\"\n");
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let mut stream = EventSource::open(&node, WATCH, "").await;
    assert_eq!(stream.event().await.kind, "put");
    assert_eq!(stream.event().await.kind, "snapshot-end");
    node.terminate();
    assert_eq!((stream.next().await, stream.last_id.clone()), (None, version));
    // A slot of its own: the others of this node do not come back at the same moment.
    assert!(stream.retry.is_some_and(|ms| ms <= 500), "{:?}", stream.retry);
    assert_eq!(node.wait(Duration::from_secs(10)).code(), Some(0));
}

/// An error status would end an `EventSource` for good, so a node that stops answers a stream that ends.
#[tokio::test]
async fn a_stream_opened_while_the_node_stops_is_told_to_come_back() {
    let node = Node::start();
    // Until this client has closed too, or the node gives up on it, the node stays.
    let mut lingering = Socket::json(node.address()).await;
    lingering.ask("CONNECT", 1, json!({})).await;
    node.terminate();
    assert_eq!(lingering.hear().await["type"], "GOAWAY");
    let mut stream = EventSource::open(&node, WATCH, "6f1c.7").await;
    let failure = stream.next().await.unwrap();
    assert_eq!((failure.kind.as_str(), &failure.data["error"]["name"]), ("failure", &json!("GOING_AWAY")));
    assert_eq!((stream.next().await, stream.last_id.as_str()), (None, "6f1c.7"));
    assert!(stream.retry.is_some_and(|ms| ms <= 5_000), "{:?}", stream.retry);
    // What can be told by a status is told its slot there, and where errors are told in full.
    for path in ["/readyz", WATCH, "/v1/watch?topic=chat:a", "/v1/admin/backup"] {
        let refused = get(&node, path).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "GOING_AWAY"), "{path}");
        let slot_ms = refused.json()["retryAfterMs"].as_u64();
        assert!(slot_ms.is_some_and(|ms| ms <= 5_000), "{path}: {refused:?}");
        let seconds = slot_ms.map(|ms| ms.div_ceil(1_000).max(1).to_string());
        assert_eq!(seconds.as_deref(), Some(refused.header("retry-after")), "{path}");
    }
    // What is no watch is still answered.
    publish(&node, "chat:a", json!({ "data": 0 })).await;
    assert_eq!(get(&node, "/healthz").await.header("connection"), "close");
}

#[tokio::test]
async fn nothing_between_node_and_browser_keeps_the_stream() {
    let node = Node::start();
    let client = reqwest::Client::new();
    let response = client.get(node.url(WATCH)).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    drop(response);
    // The answer to the same URL is another one for whoever does not ask for a stream.
    let poll = get(&node, WATCH).await;
    assert!(poll.header("vary").to_ascii_lowercase().contains("accept"), "{poll:?}");
    assert_eq!(poll.json()["events"][0]["type"], Value::from("snapshot-end"));
}
