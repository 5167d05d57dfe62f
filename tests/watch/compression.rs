//! Compressed batches: who asks for them sees the same as everyone else, in fewer bytes.

use std::ops::Range;

use fanfare_client::{Client, Encoding, EventKind, Watch};
use serde_json::{Value, json};

use crate::client::publish_all;
use crate::harness::http::Http;
use crate::harness::socket::{BINARY, TEXT};
use crate::harness::{Node, Socket, Tcp};

const CONFIGURATION: &str = "[server]\ntcp_listen = \"127.0.0.1:0\"\n[[namespace]]\nname = \"t\"\n";

fn line(n: u32) -> Value {
    json!({ "data": { "text": format!("a line like any other, but for its number, which is {n}"), "n": n } })
}

/// One entry, so that it is one batch.
async fn publish_lines(node: &Node, lines: Range<u32>) {
    publish_all(node, "t:a", lines.map(line).collect()).await;
}

async fn metric(node: &Node, name: &str) -> u64 {
    let answer = Http::once(node.address(), "GET", "/metrics", &[], "").await;
    let text = answer.text();
    let name = format!("fanfare_compression_{name}_bytes_total{{what=\"batches\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).expect("the figure").parse().expect("a number")
}

fn connect(compression: &str) -> Value {
    json!({ "features": { "compression": [compression] } })
}

fn numbers(batch: &Value) -> Vec<u64> {
    let events = batch["events"].as_array().expect("a list").iter();
    events.filter_map(|event| event["data"]["n"].as_u64()).collect()
}

/// E17: large batches are binary messages that say so, small ones come as they are.
#[tokio::test]
async fn a_json_session_gets_large_batches_compressed_and_small_ones_as_they_are() {
    let node = Node::with(&[], CONFIGURATION);
    let mut socket = Socket::json(node.address()).await;
    let connected = socket.ask("CONNECT", 1, connect("deflate-raw")).await;
    assert_eq!(connected["payload"]["features"]["compression"], json!(["deflate-raw"]));
    socket.ask("SUBSCRIBE", 2, json!({ "topic": "t:a" })).await;
    socket.events().await;
    publish_lines(&node, 0..1).await;
    let frame = socket.frame().await.expect("a message");
    assert_eq!(frame.first, TEXT);
    publish_lines(&node, 1..100).await;
    let frame = socket.frame().await.expect("a message");
    assert_eq!((frame.first, frame.payload[0]), (BINARY, 0));
    assert!(frame.payload.len() < 2_000, "{}", frame.payload.len());
    publish_lines(&node, 100..200).await;
    assert_eq!(numbers(&socket.events().await), (100..200).collect::<Vec<_>>());
    let (plain, packed) = (metric(&node, "plain").await, metric(&node, "packed").await);
    assert!(plain > 20_000 && packed < plain / 4, "{packed} of {plain}");
}

/// "Compressed once per view": the second of those who share one costs nothing.
#[tokio::test]
async fn a_batch_is_compressed_once_for_all_who_share_the_view() {
    let node = Node::with(&[], &CONFIGURATION.replace("[server]", "[server]\nworkers = 1"));
    let mut views = Vec::new();
    let mut sockets = Vec::new();
    for compression in ["deflate-raw", "deflate-raw", "deflate-raw", "none"] {
        let mut socket = Socket::json(node.address()).await;
        socket.ask("CONNECT", 1, connect(compression)).await;
        let answer = socket.ask("SUBSCRIBE", 2, json!({ "topic": "t:a" })).await;
        views.push(answer["payload"]["view"].as_u64().expect("a number"));
        socket.events().await;
        sockets.push(socket);
    }
    assert!(views[0] == views[1] && views[1] == views[2] && views[2] != views[3], "W5: {views:?}");
    publish_lines(&node, 0..100).await;
    let mut raw = Vec::new();
    for socket in &mut sockets {
        raw.push(socket.frame().await.expect("a message"));
    }
    assert!(raw[0] == raw[1] && raw[1] == raw[2]);
    assert_eq!((raw[3].first, metric(&node, "plain").await), (TEXT, raw[3].payload.len() as u64));
}

/// Snapshots and pages of a catch-up are batches too, over each transport that has them.
#[tokio::test]
async fn what_a_compressed_watcher_sees_is_what_everyone_sees() {
    let node = Node::with(&[], CONFIGURATION);
    publish_lines(&node, 0..300).await;
    let watch = json!({ "topic": "t:a", "from": "beginning" });
    let mut seen = Vec::new();
    for compression in ["none", "deflate-raw", "zstd"] {
        let mut socket = Socket::json(node.address()).await;
        socket.ask("CONNECT", 1, connect(compression)).await;
        socket.ask("SUBSCRIBE", 2, watch.clone()).await;
        let mut tcp = Tcp::connect(node.tcp_address()).await;
        tcp.ask("CONNECT", 1, connect(compression)).await;
        tcp.ask("SUBSCRIBE", 2, watch.clone()).await;
        let mut of_both = [Vec::new(), Vec::new()];
        while of_both[0].len() < 300 {
            of_both[0].extend(socket.events().await["events"].as_array().expect("a list").clone());
        }
        while of_both[1].len() < 300 {
            of_both[1].extend(tcp.events().await["events"].as_array().expect("a list").clone());
        }
        seen.extend(of_both);
    }
    for other in &seen[1..] {
        assert_eq!(&seen[0], other);
    }
}

/// The Rust SDK, in both encodings, beside one that does not ask for it.
#[tokio::test]
async fn the_rust_sdk_sees_the_same_compressed() {
    let node = Node::with(&[], CONFIGURATION);
    publish_lines(&node, 0..50).await;
    let mut watches = Vec::new();
    for (encoding, is_compressed) in
        [(Encoding::Protobuf, false), (Encoding::Protobuf, true), (Encoding::Json, false), (Encoding::Json, true)]
    {
        let url = format!("http://{}", node.address());
        let client = Client::builder(url).encoding(encoding).compression(is_compressed).connect().await;
        let client = client.expect("the node is there");
        let watch = client.topic("t:a").watch().open();
        watches.push((client, watch));
    }
    // Who comes later is shown the last hundred.
    for (_, watch) in &mut watches {
        hear_lines(watch, 0..50).await;
    }
    publish_lines(&node, 50..400).await;
    let mut received = Vec::new();
    for (client, watch) in &mut watches {
        hear_lines(watch, 50..400).await;
        received.push(client.stats().received_bytes);
    }
    assert!(metric(&node, "packed").await > 0, "{received:?}");
    assert!(received[1] < received[0] / 2 && received[3] < received[2] / 2, "{received:?}");
}

async fn hear_lines(watch: &mut Watch, lines: Range<u64>) {
    for n in lines {
        let event = loop {
            let event = watch.next().await.expect("the watch goes on").expect("no failure");
            if event.kind() == EventKind::Put {
                break event;
            }
        };
        assert_eq!(event.json::<Value>().expect("JSON")["n"], n);
    }
}

/// E17: a node inflates nothing, and says so.
#[tokio::test]
async fn what_a_client_compresses_is_refused() {
    let node = Node::with(&[], CONFIGURATION);
    let mut socket = Socket::json(node.address()).await;
    socket.ask("CONNECT", 1, connect("zstd")).await;
    socket.send_frame(BINARY, b"\0anything").await;
    let error = socket.hear().await;
    assert_eq!((&error["type"], &error["payload"]["name"]), (&json!("ERROR"), &json!("NOT_SUPPORTED")));
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    tcp.ask("CONNECT", 1, connect("zstd")).await;
    let mut frame = Vec::new();
    fanfare_protocol::frame::encode(b"\0anything", &mut frame);
    tcp.send_bytes(&frame).await;
    assert_eq!(tcp.hear().await["payload"]["name"], "NOT_SUPPORTED");
    assert_eq!(tcp.ask("PING", 2, json!({})).await["type"], "PONG");
    assert_eq!(socket.ask("PING", 2, json!({})).await["type"], "PONG");
}

#[tokio::test]
async fn nothing_is_granted_that_is_unknown_switched_off_or_left_to_http() {
    let node = Node::with(&[], CONFIGURATION);
    let mut socket = Socket::json(node.address()).await;
    let connected = socket.ask("CONNECT", 1, connect("lzma")).await;
    assert_eq!(connected["payload"]["features"], json!({}), "{connected}");
    let mut session = crate::harness::SseSession::open(node.address(), "").await;
    let connected = session.ask("CONNECT", 1, connect("deflate-raw")).await;
    assert_eq!(connected["payload"]["features"], json!({}), "{connected}");
    let node = Node::with(&[], "[server]\ncompression = false\n");
    let mut socket = Socket::json(node.address()).await;
    let connected = socket.ask("CONNECT", 1, connect("zstd")).await;
    assert_eq!(connected["payload"]["features"], json!({}), "{connected}");
}
