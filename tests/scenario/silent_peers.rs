//! Peers that say too little: each is closed in the time that a setting gives it, and told why where it can be.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, interval};

use crate::harness::socket::PING;
use crate::harness::{Http, Node, Socket};

/// One second for everything, since the sweep counts in seconds. What a row does not test is left at its default.
const SHORT: Duration = Duration::from_secs(1);

/// The HTTP stack reads its clock twice a second, so its timers may fire that much early.
const CLOCK: Duration = Duration::from_millis(550);

/// A sweep a second, and a machine that does other things.
const SLACK: Duration = Duration::from_secs(5);

fn limits(lines: &str) -> Node {
    Node::with(&[], &format!("[limits]\n{lines}\n"))
}

#[track_caller]
fn assert_took(since: Instant, at_least: Duration) {
    let took = since.elapsed();
    assert!(took >= at_least, "closed after {took:?} already");
    assert!(took <= at_least + SLACK, "closed only after {took:?}");
}

/// S11, L7; threat 5.
#[tokio::test]
async fn a_handshake_that_does_not_end_is_closed() {
    let node = limits("handshake_timeout_ms = 1000");
    for begun in ["", "GET /v1/ws HTTP/1.1\r\n", "GET /v1/ws HTTP/1.1\r\nUpgrade: websocket\r\nX-Half-A-Hea"] {
        let since = Instant::now();
        let mut http = Http::connect(node.address()).await;
        http.send_bytes(begun.as_bytes()).await.expect("the node reads");
        http.closed().await;
        assert_took(since, SHORT - CLOCK);
    }
}

/// Threat 5: a byte now and then does not buy more time.
#[tokio::test]
async fn a_handshake_that_trickles_in_is_closed() {
    let node = limits("handshake_timeout_ms = 1000");
    let since = Instant::now();
    let mut http = Http::connect(node.address()).await;
    http.send_bytes(b"GET /v1/ws HTTP/1.1\r\n").await.expect("the node reads");
    let mut pace = interval(Duration::from_millis(100));
    while http.send_bytes(b"X-A: b\r\n").await.is_ok() && since.elapsed() < SHORT + 2 * SLACK {
        pace.tick().await;
    }
    assert_took(since, SHORT - CLOCK);
}

/// S11.
#[tokio::test]
async fn a_websocket_that_never_speaks_is_told_and_closed() {
    let node = limits("first_frame_timeout_ms = 1000");
    let since = Instant::now();
    let mut mute = Socket::json(node.address()).await;
    let mut pinging = Socket::json(node.address()).await;
    pinging.send_frame(PING, b"not a message").await;
    let mut speaking = Socket::json(node.address()).await;
    assert_eq!(speaking.ask("PING", 1, json!({})).await["type"], "PONG");
    for socket in [&mut mute, &mut pinging] {
        let (error, close_code) = socket.end().await;
        let error = error.expect("the reason comes in-band");
        assert_eq!((&error["payload"]["code"], &error["payload"]["name"]), (&json!(3523), &json!("HANDSHAKE_TIMEOUT")));
        assert_eq!(close_code, 3523);
        assert_took(since, SHORT);
    }
    assert_eq!(speaking.ask("PING", 2, json!({})).await["type"], "PONG", "who has spoken stays");
}

/// S8.
#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed_and_one_that_does_is_not() {
    let node = Node::with(&[], "[delivery]\nheartbeat_interval_ms = 1000\npong_timeout_ms = 1000\n");
    let mut silent = Socket::json(node.address()).await;
    let mut alive = Socket::json(node.address()).await;
    for socket in [&mut silent, &mut alive] {
        socket.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
        socket.events().await;
    }
    let since = Instant::now();
    let answering = tokio::spawn(async move {
        // Pings are answered while it listens.
        let event = alive.events().await;
        (alive, event)
    });
    let ping = silent.frame().await.expect("a ping comes");
    assert_eq!((ping.first, ping.payload.len()), (PING, 0), "{ping:?}");
    let (error, close_code) = silent.end().await;
    let error = error.expect("the reason comes in-band");
    assert_eq!((&error["payload"]["code"], &error["payload"]["name"]), (&json!(3005), &json!("PONG_TIMEOUT")));
    assert_eq!(close_code, 3005);
    assert_took(since, SHORT);
    let mut publisher = Socket::json(node.address()).await;
    publisher.ask("PUBLISH", 1, json!({ "topic": "chat:a", "data": "still there?" })).await;
    let (_alive, event) = answering.await.expect("the one that answers pings lives");
    assert_eq!(event["events"][0]["data"], "still there?", "{event}");
}

/// S11: requests count, a subscription keeps it open, pings do neither.
#[tokio::test]
async fn a_connection_without_a_subscription_may_idle_only_so_long() {
    let node = limits("idle_timeout_ms = 1000");
    let mut watching = Socket::json(node.address()).await;
    watching.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
    watching.events().await;
    let mut idle = Socket::json(node.address()).await;
    idle.ask("PING", 1, json!({})).await;
    let since = Instant::now();
    let (error, close_code) = idle.end().await;
    let error = error.expect("the reason comes in-band");
    assert_eq!((&error["payload"]["code"], &error["payload"]["name"]), (&json!(3524), &json!("IDLE")));
    assert_eq!(close_code, 3524);
    assert_took(since, Duration::ZERO);
    // The one that watches was idle for longer by now.
    let mut publisher = Socket::json(node.address()).await;
    publisher.ask("PUBLISH", 1, json!({ "topic": "chat:a", "data": 1 })).await;
    assert_eq!(watching.events().await["events"][0]["data"], 1);
}
