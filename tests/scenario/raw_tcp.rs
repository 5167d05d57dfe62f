//! Sessions over raw TCP: what is theirs alone. Rules E13 to E16, S8 to S11.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval};

use crate::harness::tcp::frame_of;
use crate::harness::{Http, Node, Tcp};

const LISTEN: &str = "[server]\ntcp_listen = \"127.0.0.1:0\"\n";

fn node(configuration: &str) -> Node {
    Node::with(&[], &format!("{LISTEN}{configuration}"))
}

#[track_caller]
fn assert_error(envelope: &Option<Value>, code: u64, name: &str) {
    let envelope = envelope.as_ref().expect("the reason comes first");
    assert_eq!((&envelope["type"], &envelope["id"]), (&json!("ERROR"), &Value::Null), "{envelope}");
    assert_eq!((&envelope["payload"]["code"], &envelope["payload"]["name"]), (&json!(code), &json!(name)));
}

/// S1, S2, E13: a session as over any other transport.
#[tokio::test]
async fn a_session_needs_no_handshake_and_no_connect() {
    let node = node("");
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    let connected = tcp.ask("CONNECT", 1, json!({ "client": "test/1", "features": { "appPing": true } })).await;
    assert_eq!((&connected["type"], &connected["payload"]["nodeId"]), (&json!("CONNECTED"), &json!("1")));
    assert_eq!(connected["payload"]["limits"]["frameBytesMax"], 1_048_576, "{connected}");
    assert_eq!(tcp.ask("PING", 2, json!({})).await["type"], "PONG");
    let mut other = Tcp::connect(node.tcp_address()).await;
    let subscribed = other.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
    assert_eq!(subscribed["type"], "SUBSCRIBED", "{subscribed}");
    assert_eq!(other.events().await["events"][0]["type"], "snapshot-end");
    let published = tcp.ask("PUBLISH", 3, json!({ "topic": "chat:a", "data": { "n": 1 } })).await;
    assert_eq!(published["type"], "PUBLISHED", "{published}");
    let event = &other.events().await["events"][0];
    assert_eq!((&event["data"]["n"], &event["connectionId"]), (&json!(1), &connected["payload"]["connectionId"]));
    let metrics = Http::once(node.address(), "GET", "/metrics", &[], "").await;
    for line in
        ["fanfare_connections{transport=\"tcp\"} 2\n", "fanfare_connections_opened_total{transport=\"tcp\"} 2\n"]
    {
        assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
    }
}

/// S7, E9: what is wrong inside a frame ends no connection.
#[tokio::test]
async fn an_envelope_that_cannot_be_read_is_told_and_the_next_one_is_read() {
    let node = node("");
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    let mut garbage = Vec::new();
    fanfare_protocol::frame::encode(b"\xFF\xFF\xFF", &mut garbage);
    tcp.send_bytes(&garbage).await;
    assert_error(&tcp.envelope().await, 3500, "MALFORMED");
    // Several frames in one segment, and one that comes byte by byte.
    tcp.send_bytes(&[frame_of("PING", 1, &json!({})), frame_of("PING", 2, &json!({}))].concat()).await;
    for byte in frame_of("PING", 3, &json!({})) {
        tcp.send_bytes(&[byte]).await;
    }
    for id in 1..=3 {
        assert_eq!(tcp.hear().await, json!({ "type": "PONG", "id": id }));
    }
}

/// E14 to E16.
#[tokio::test]
async fn a_broken_frame_is_told_and_ends_the_connection() {
    let node = node("");
    let mut bystander = Tcp::connect(node.tcp_address()).await;
    let whole = frame_of("PING", 1, &json!({}));
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    let mut wrong_crc = whole.clone();
    wrong_crc[5] ^= 0x10;
    for (bytes, ends, code, name) in [
        (flipped, false, 3527, "BAD_CHECKSUM"),
        (wrong_crc, false, 3527, "BAD_CHECKSUM"),
        (vec![0, 0x10, 0, 1], false, 3505, "FRAME_TOO_LARGE"),
        (vec![0xFF; 4], false, 3505, "FRAME_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), false, 3505, "FRAME_TOO_LARGE"),
        (vec![0; 8], false, 3500, "MALFORMED"),
        (whole[..3].to_vec(), true, 3500, "MALFORMED"),
        (whole[..whole.len() - 1].to_vec(), true, 3500, "MALFORMED"),
    ] {
        let mut tcp = Tcp::connect(node.tcp_address()).await;
        assert_eq!(tcp.ask("PING", 7, json!({})).await["type"], "PONG");
        tcp.send_bytes(&bytes).await;
        if ends {
            tcp.stream.shutdown().await.expect("half a connection");
        }
        assert_error(&tcp.end().await, code, name);
    }
    assert_eq!(bystander.ask("PING", 1, json!({})).await["type"], "PONG");
}

/// E14, L2: a length costs nothing before its bytes are there.
#[tokio::test]
async fn what_a_frame_announces_is_not_reserved() {
    const CONNECTIONS: usize = 64;
    let node = node("[storage]\nwindow_ms = 60000\n");
    for _ in 0..8 {
        let mut tcp = Tcp::connect(node.tcp_address()).await;
        assert_eq!(tcp.ask("PING", 1, json!({})).await["type"], "PONG");
    }
    let before = node.resident_bytes();
    let mut announcing = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut tcp = Tcp::connect(node.tcp_address()).await;
        tcp.ask("PING", 1, json!({})).await;
        tcp.send_bytes(&[0, 0x10, 0, 0, 1, 2, 3, 4, 5]).await;
        announcing.push(tcp);
    }
    let mut last = Tcp::connect(node.tcp_address()).await;
    last.ask("PING", 1, json!({})).await;
    let growth = node.resident_bytes().saturating_sub(before);
    println!("{growth} bytes more");
    assert!(growth < 8 * 1024 * 1024, "{growth} bytes more for {CONNECTIONS} frames of 1 MiB that did not come");
}

/// S11: a byte now and then is no frame.
#[tokio::test]
async fn a_first_frame_that_trickles_in_is_closed() {
    let node = node("[limits]\nfirst_frame_timeout_ms = 1000\n");
    let since = Instant::now();
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    tcp.send_bytes(&[0, 0, 1, 0, 9, 9, 9, 9]).await;
    let mut pace = interval(Duration::from_millis(100));
    let told = loop {
        tokio::select! {
            told = tcp.envelope() => break told,
            _ = pace.tick() => tcp.send_bytes(b"x").await,
        }
    };
    assert_error(&told, 3523, "HANDSHAKE_TIMEOUT");
    assert!(since.elapsed() >= Duration::from_secs(1), "closed after {:?} already", since.elapsed());
}

/// S8: a transport without pings of its own.
#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed_and_one_that_does_is_not() {
    let node = node("[delivery]\nheartbeat_interval_ms = 1000\npong_timeout_ms = 1000\n");
    let mut silent = Tcp::connect(node.tcp_address()).await;
    let mut alive = Tcp::connect(node.tcp_address()).await;
    for tcp in [&mut silent, &mut alive] {
        tcp.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
        tcp.events().await;
    }
    let answering = tokio::spawn(async move {
        let event = alive.events().await;
        (alive, event)
    });
    assert_eq!(silent.envelope().await, Some(json!({ "type": "PING", "id": 1 })));
    assert_error(&silent.end().await, 3005, "PONG_TIMEOUT");
    let mut publisher = Tcp::connect(node.tcp_address()).await;
    publisher.ask("PUBLISH", 1, json!({ "topic": "chat:a", "data": "still there?" })).await;
    let (_alive, event) = answering.await.expect("the one that answers pings lives");
    assert_eq!(event["events"][0]["data"], "still there?", "{event}");
}

/// S11: to answer a node's PING asks for nothing.
#[tokio::test]
async fn answering_pings_keeps_no_idle_connection() {
    let node =
        node("[delivery]\nheartbeat_interval_ms = 1000\npong_timeout_ms = 1000\n[limits]\nidle_timeout_ms = 3000\n");
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    assert_eq!(tcp.ask("PING", 1, json!({})).await["type"], "PONG");
    // PINGs are answered on the way.
    assert_error(&Some(tcp.hear().await), 3524, "IDLE");
    assert_eq!(tcp.envelope().await, None);
}

/// L7.
#[tokio::test]
async fn one_connection_too_many_is_told_to_wait() {
    let node = node("[limits]\nconnections_max = 8\n");
    let mut open = Vec::new();
    for _ in 0..8 {
        let mut tcp = Tcp::connect(node.tcp_address()).await;
        assert_eq!(tcp.ask("PING", 1, json!({})).await["type"], "PONG");
        open.push(tcp);
    }
    assert_error(&Tcp::connect(node.tcp_address()).await.end().await, 3404, "TOO_MANY_CONNECTIONS");
    drop(open.pop());
    loop {
        let mut tcp = Tcp::connect(node.tcp_address()).await;
        tcp.say("PING", 1, json!({})).await;
        if tcp.envelope().await.is_some_and(|answer| answer["type"] == "PONG") {
            break;
        }
    }
}

/// W10: who stops reading falls off the ring, reads the log and misses nothing.
#[tokio::test]
async fn a_reader_that_stops_is_told_and_then_gets_everything() {
    let node = node(
        "[delivery]\nring_bytes_max = 131072\n[[namespace]]\nname = \"chat\"\nhistory_count = 100000\nhistory_bytes = 67108864\n",
    );
    let mut stalled = Tcp::narrow(node.tcp_address()).await;
    let mut other = Tcp::connect(node.tcp_address()).await;
    for tcp in [&mut stalled, &mut other] {
        tcp.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a", "from": "latest" })).await;
    }
    let text = "x".repeat(4_000);
    let mut publisher = Tcp::connect(node.tcp_address()).await;
    for batch in 0..40_u64 {
        let publications: Vec<_> = (0..50).map(|n| json!({ "data": { "n": batch * 50 + n, "text": text } })).collect();
        let answer =
            publisher.ask("PUBLISH", batch + 1, json!({ "topic": "chat:a", "publications": publications })).await;
        assert_eq!(answer["type"], "PUBLISHED", "{answer}");
    }
    for (tcp, falls) in [(&mut other, false), (&mut stalled, true)] {
        let (mut expected, mut through, mut states) = (0, Value::Null, Vec::new());
        while expected < 2_000 {
            let envelope = tcp.hear().await;
            let payload = &envelope["payload"];
            if envelope["type"] == "VIEW" {
                states.push(payload["state"].clone());
                continue;
            }
            assert!(through.is_null() || payload["after"] == through, "a gap after {through}: {}", payload["after"]);
            through = payload["through"].clone();
            for event in payload["events"].as_array().expect("events").iter().filter(|event| event["type"] == "put") {
                assert_eq!(event["data"]["n"], json!(expected));
                expected += 1;
            }
        }
        if falls {
            assert_eq!(states.first(), Some(&json!("lagging")), "{states:?}");
        }
    }
}

/// S9.
#[tokio::test]
async fn a_stopping_node_says_goaway_and_closes() {
    let mut node = node("");
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    tcp.ask("SUBSCRIBE", 1, json!({ "topic": "chat:a" })).await;
    node.terminate();
    let last = tcp.end().await.expect("a last word");
    assert_eq!(last["type"], "GOAWAY", "{last}");
    assert!(last["payload"]["withinMs"].is_u64(), "{last}");
    drop(tcp);
    assert_eq!(node.wait(Duration::from_secs(10)).code(), Some(0));
}

/// Off unless it is asked for.
#[tokio::test]
async fn a_node_listens_for_raw_tcp_only_where_it_was_told_to() {
    for (node, listeners) in [(Node::start(), 1), (node(""), 2)] {
        assert_eq!(listening(node.pid()), listeners);
    }
}

/// Listening sockets of a process, as the kernel sees them.
fn listening(pid: u32) -> usize {
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("the node lives");
    let inodes: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|row| row.get(3) == Some(&"0A"))
        .filter_map(|row| Some(format!("socket:[{}]", row.get(9)?)))
        .collect();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("the node is ours");
    let names = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut sockets: Vec<_> =
        names.map(|name| name.to_string_lossy().into_owned()).filter(|n| inodes.contains(n)).collect();
    sockets.sort();
    sockets.dedup();
    sockets.len()
}
