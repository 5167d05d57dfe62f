//! Bounds: how many may watch, and what is told to one too many.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{EventSource, get, publish, send};
use crate::harness::{Node, PATIENCE, Socket};

/// L7.
#[tokio::test]
async fn one_watch_too_many_is_told_to_wait() {
    let node = Node::with(&[], "[limits]\nconnections_max = 64\n[[namespace]]\nname = \"chat\"\n");
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let mut streams = Vec::new();
    let refused = loop {
        let request =
            reqwest::Client::new().get(node.url("/v1/topics/chat:a?watch=true")).header("accept", "text/event-stream");
        let response = request.send().await.unwrap();
        if !response.status().is_success() {
            break response;
        }
        streams.push(response);
        assert!(streams.len() <= 64);
    };
    assert_eq!(refused.status().as_u16(), 503);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["name"], "TOO_MANY_CONNECTIONS");
    assert_eq!(seconds, problem["retryAfterMs"].as_u64().unwrap().div_ceil(1_000));
    let poll =
        send(&node, reqwest::Method::GET, &format!("/v1/topics/chat:a?watch=true&resourceVersion={version}"), &[], "")
            .await;
    assert_eq!(poll.code(), "TOO_MANY_CONNECTIONS");
    drop(streams);
    // What has gone makes room, as soon as the node has noticed.
    while get(&node, "/v1/topics/chat:a?watch=true").await.status.as_u16() == 503 {
        tokio::task::yield_now().await;
    }
    let mut stream = EventSource::open(&node, "/v1/topics/chat:a?watch=true", "").await;
    assert_eq!(stream.event().await.kind, "put");
}

/// S9: those who are turned away together are not told to come back together.
#[tokio::test]
async fn each_that_is_turned_away_is_told_a_slot_of_its_own() {
    let settings =
        "[server]\nreconnect_within_ms = 4000\n[limits]\nconnections_max = 1\n[[namespace]]\nname = \"chat\"\n";
    let node = Node::with(&[], settings);
    let _one = EventSource::open(&node, "/v1/topics/chat:a?watch=true", "").await;
    let mut slots = BTreeSet::new();
    for _ in 0..32 {
        let refused = get(&node, "/v1/topics/chat:a?watch=true").await;
        assert_eq!(refused.code(), "TOO_MANY_CONNECTIONS");
        slots.insert(refused.json()["retryAfterMs"].as_u64().unwrap());
    }
    // By chance alone they come together less than once in 10^29 runs.
    assert!(slots.len() > 16, "{slots:?}");
    assert!(slots.iter().all(|slot| (1_000..=5_000).contains(slot)), "{slots:?}");
}

/// The bound of views is one of the node, whoever watches.
#[tokio::test]
async fn one_view_too_many_is_refused_and_an_equal_one_is_none() {
    let node = Node::with(&[], "[delivery]\nviews_max = 2\n[[namespace]]\nname = \"chat\"\n");
    let of = |n: u32| format!("/v1/topics/chat:a?watch=true&from=latest&where.data.n={n}");
    let mut streams = vec![EventSource::open(&node, &of(1), "").await, EventSource::open(&node, &of(2), "").await];
    streams.push(EventSource::open(&node, &of(1), "").await);
    let refused = get(&node, &of(3)).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "UNAVAILABLE"));
    let problem = refused.json();
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("2 views") && message.contains("`delivery.views_max`"), "{message}");
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().kind, "bookmark");
    }
}

/// However it is left: the place of a view is free again soon after its last subscriber has gone.
#[tokio::test]
async fn a_view_that_everyone_has_left_makes_room_for_another() {
    let node = Node::with(&[], "[delivery]\nviews_max = 2\n[[namespace]]\nname = \"chat\"\n");
    let hung_up = opened(&node, 1).await;
    let mut socket = Socket::json(node.address()).await;
    let subscribed = socket.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a", "where.data.n": 2 })).await;
    assert_eq!(subscribed["type"], "SUBSCRIBED", "{subscribed}");
    assert_eq!(open(&node, 3).await.status().as_u16(), 503);
    drop(hung_up);
    let _third = opened(&node, 3).await;
    assert_eq!(open(&node, 4).await.status().as_u16(), 503, "one place was free, and no more");
    let view = subscribed["payload"]["view"].clone();
    assert_eq!(socket.ask("UNSUBSCRIBE", 2, json!({ "view": view })).await["type"], "UNSUBSCRIBED");
    let _fourth = opened(&node, 4).await;
    assert_eq!(open(&node, 5).await.status().as_u16(), 503);
}

/// Names are the client's to choose: a topic that could not be followed leaves nothing behind.
#[tokio::test]
async fn topics_whose_views_are_refused_cost_nothing() {
    let settings = "[limits]\nsubscriptions_max = 1001\n[delivery]\nviews_max = 1\n[[namespace]]\nname = \"chat\"\n";
    let node = Node::with(&[], settings);
    let mut socket = Socket::json(node.address()).await;
    assert_eq!(socket.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await["type"], "SUBSCRIBED");
    let mut before = 0;
    for round in 2..32 {
        let views: Vec<_> = (0..1_000).map(|n| json!({ "topic": format!("chat:{round}-{n}") })).collect();
        let answer = socket.ask("SUBSCRIBE", round, json!({ "views": views })).await;
        let views = answer["payload"]["views"].as_array().expect("a list");
        assert!(views.iter().all(|view| view["error"]["name"] == "UNAVAILABLE"), "{answer}");
        // The first rounds warm up what is kept for the next ones.
        if round == 6 {
            before = node.resident_bytes();
        }
    }
    let grown = node.resident_bytes().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
}

/// Asks for a view of its own.
async fn open(node: &Node, n: u32) -> reqwest::Response {
    let url = node.url(&format!("/v1/topics/chat:a?watch=true&from=latest&where.data.n={n}"));
    reqwest::Client::new().get(url).header("accept", "text/event-stream").send().await.expect("the node answers")
}

/// The same, again and again until there is room.
async fn opened(node: &Node, n: u32) -> reqwest::Response {
    let room = async {
        loop {
            let response = open(node, n).await;
            if response.status().is_success() {
                return response;
            }
            assert_eq!(response.status().as_u16(), 503);
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, room).await.expect("room in time")
}

/// W15: what is held back for a pace has a bound, beyond which it goes before its time.
#[tokio::test]
async fn what_a_pace_holds_back_goes_early_when_it_is_too_much() {
    let settings = "[delivery]\nheld_bytes_max = 20000\n[[namespace]]\nname = \"fleet\"\nkind = \"state\"\n";
    let node = Node::with(&[], settings);
    let mut slow = EventSource::open(&node, "/v1/topics/fleet:a?watch=true&from=latest&interval=3600s", "").await;
    assert_eq!(slow.next().await.unwrap().kind, "bookmark");
    let text = "x".repeat(1_000);
    for key in 0..100 {
        publish(&node, "fleet:a", json!({ "key": format!("k{key}"), "data": text })).await;
    }
    // The first goes at once, as nothing was sent before it; the others would wait for an hour.
    let keys = [slow.event().await, slow.event().await, slow.event().await].map(|event| event.data["key"].clone());
    assert_eq!(keys, ["k0", "k1", "k2"]);
}

/// Who reads what was missed does not read faster than the node lets all of them together.
#[tokio::test]
async fn a_reader_of_the_past_is_held_to_its_bandwidth() {
    let settings = "[delivery]\ncatch_up_bytes_per_second_max = 100000\n[[namespace]]\nname = \"chat\"\n";
    let node = Node::with(&[], settings);
    let text = "x".repeat(10_000);
    for n in 0..40 {
        publish(&node, "chat:a", json!({ "data": { "n": n, "text": text } })).await;
    }
    let begin = Instant::now();
    let mut late = EventSource::open(&node, "/v1/topics/chat:a?watch=true&from=beginning", "").await;
    for n in 0..40 {
        assert_eq!(late.event().await.data["data"]["n"], json!(n));
    }
    // 400,000 bytes: what may go at once, a page beyond it, and the rest at the rate.
    assert!(begin.elapsed() > Duration::from_secs(1), "{:?}", begin.elapsed());
}

/// A watcher that has gone costs nothing any more, also when there is nothing to send to it.
#[tokio::test]
async fn who_hangs_up_is_let_go_at_once() {
    let node = Node::start();
    let version = publish(&node, "chat:a", json!({ "data": 0 })).await;
    let mut connections = Vec::new();
    for accept in ["text/event-stream", "application/x-ndjson", "application/json"] {
        let path = format!("/v1/topics/chat:a?watch=true&resourceVersion={version}&timeout=60s");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
        let mut stream = TcpStream::connect(node.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        connections.push(stream);
    }
    streams(&node, 3).await;
    drop(connections);
    streams(&node, 0).await;
    assert!(get(&node, "/metrics").await.text.contains("fanfare_subscriptions 0\n"));
}

/// Threat 4 of the design: who takes nothing is let go, although nobody can tell it so.
#[tokio::test]
async fn a_reader_that_takes_nothing_for_too_long_is_let_go() {
    let node = Node::with(&[], "[delivery]\nwrite_timeout_ms = 1000\n[[namespace]]\nname = \"chat\"\n");
    let request = "GET /v1/topics/chat:a?watch=true HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    let mut stalled = TcpStream::connect(node.address()).await.unwrap();
    stalled.write_all(request.as_bytes()).await.unwrap();
    streams(&node, 1).await;
    // More than both kernels take between them.
    let publications = vec![json!({ "data": "x".repeat(2_000) }); 400];
    let body = json!({ "publications": publications }).to_string();
    for _ in 0..20 {
        let answer = send(&node, reqwest::Method::POST, "/v1/topics/chat:a", &[], &body).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    streams(&node, 0).await;
    drop(stalled);
}

/// Waits until the node holds so many answers open.
async fn streams(node: &Node, count: u32) {
    loop {
        let metrics = get(node, "/metrics").await.text;
        let open = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("fanfare_http_streams{")?.split(' ').nth(1)?.parse::<u32>().ok());
        if open.sum::<u32>() == count {
            return;
        }
        tokio::task::yield_now().await;
    }
}
