//! Two thousand subscribers of one topic: everyone gets everything, for little memory, whatever one of them does.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::{Node, Socket};

const SUBSCRIBERS: usize = 2_000;
const PUBLICATIONS: u64 = 200;

/// Memory that a connection with one subscription may cost the process, in bytes.
const CONNECTION_BYTES_MAX: u64 = 4 * 1024;

/// How long a reader that stops reading does so.
const STALL: Duration = Duration::from_secs(10);

/// Sockets that are opened at the same time: fewer than the listener's backlog.
const CONNECTING: usize = 100;

async fn subscribe(node: &Node, topic: &str) -> Socket {
    let mut socket = Socket::json(node.address()).await;
    let answer = socket.ask("SUBSCRIBE", 1, json!({ "topic": topic, "from": "latest" })).await;
    assert_eq!(answer["type"], "SUBSCRIBED", "{answer}");
    socket
}

async fn crowd(node: &Node, topic: &str, count: usize) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(count);
    while sockets.len() < count {
        let wave = (count - sockets.len()).min(CONNECTING);
        sockets.extend(futures_util::future::join_all((0..wave).map(|_| subscribe(node, topic))).await);
    }
    sockets
}

fn offset(version: &Value) -> u64 {
    let version = version.as_str().expect("a version is a string");
    version.rsplit_once('.').expect("EPOCH.OFFSET").1.parse().expect("the offset is decimal")
}

/// Reads until the version `last`, checking that every version comes once and in order.
async fn read_all(socket: &mut Socket, last: u64) -> u64 {
    let mut seen = 0;
    while seen < last {
        let batch = socket.events().await;
        let events = batch["events"].as_array().expect("events are a list");
        assert!(offset(&batch["after"]) <= seen, "a gap before {batch}");
        for event in events.iter().filter(|e| e["type"] == "put") {
            assert_eq!(offset(&event["resourceVersion"]), seen + 1, "the next version");
            assert_eq!(event["data"]["n"], seen + 1, "the data that was published");
            seen += 1;
        }
    }
    seen
}

/// Publishes so many, a few of which are on their way at a time: what waits for one sync of the disk shares it.
async fn publish(node: &Node, topic: &str, count: u64, padding: usize) {
    const IN_FLIGHT: u64 = 20;
    let mut publisher = Socket::json(node.address()).await;
    let padding = "x".repeat(padding);
    for n in 1..=count + IN_FLIGHT {
        if n <= count {
            let data = json!({ "n": n, "padding": padding });
            publisher.say("PUBLISH", n, json!({ "topic": topic, "data": data })).await;
        }
        if n > IN_FLIGHT && n - IN_FLIGHT <= count {
            // Answers come in any order.
            let answer = publisher.hear().await;
            assert_eq!(Some(offset(&answer["payload"]["resourceVersion"])), answer["id"].as_u64(), "{answer}");
        }
    }
}

/// P: order and no loss; the memory of a connection.
#[tokio::test]
async fn everyone_in_a_crowd_gets_everything_in_order_for_four_kib_each() {
    rlimit::increase_nofile_limit(16_384).expect("the limit of open files can be raised");
    let node = Node::start();
    // What the first connections make the node load and reserve is not theirs.
    drop(crowd(&node, "chat:warm", 200).await);
    publish(&node, "chat:warm", 20, 0).await;

    let before = node.resident_bytes();
    let sockets = crowd(&node, "chat:crowd", SUBSCRIBERS).await;
    let grown = node.resident_bytes().saturating_sub(before) / SUBSCRIBERS as u64;
    println!("{grown} bytes a connection");
    assert!(grown <= CONNECTION_BYTES_MAX, "{grown} bytes a connection");

    // One of them stops reading: nobody else waits for it, and it finds everything when it comes back.
    let (mut sockets, stalled_since) = (sockets, Instant::now());
    let mut stalled = sockets.pop().expect("there is a crowd");
    let mut readers = JoinSet::new();
    for mut socket in sockets {
        readers.spawn(async move { read_all(&mut socket, PUBLICATIONS).await });
    }
    publish(&node, "chat:crowd", PUBLICATIONS, 100).await;
    let mut delivered = 0;
    while let Some(read) = readers.join_next().await {
        delivered += read.expect("a reader's checks hold");
    }
    // The stall itself is what is tested: nothing else tells when ten seconds have passed.
    tokio::time::sleep_until(stalled_since + STALL).await;
    delivered += read_all(&mut stalled, PUBLICATIONS).await;
    assert_eq!(delivered, SUBSCRIBERS as u64 * PUBLICATIONS);
}

/// W10: a slow reader harms only itself, and then gets everything. Ten of them, so that what one costs shows.
#[tokio::test]
async fn those_who_stop_reading_cost_a_page_each_and_then_get_everything() {
    const CROWD: usize = 200;
    const STALLED: usize = 10;
    const COUNT: u64 = 3_000;
    // 3,000 publications of 2 KiB are 6 MiB: many times the ring and all buffers of the stalled socket.
    const PADDING: usize = 2_000;
    // The retained history and its ring, which everyone shares, and a page and its answers for each reader who is
    // behind, which on a busy machine any of the crowd may be for a moment. Queues would be 6 MiB more for each of the
    // ten: 60 MiB.
    const MEMORY_BYTES_MAX: u64 = 10 * 1024 * 1024 + 96 * 1024 * (CROWD + STALLED) as u64;

    // One who does not read answers no ping either, nor takes bytes: those are other tests' subjects.
    let config = "[delivery]\nheartbeat_interval_ms = 120000\nwrite_timeout_ms = 120000\n\n\
                  [[namespace]]\nname = \"stall\"\nhistory_count = 5000\nhistory_bytes = 33554432\n";
    let node = Node::with(&[], config);
    let topic = "stall:crowd";
    let stalled = crowd(&node, topic, STALLED).await;
    let sockets = crowd(&node, topic, CROWD).await;
    let before = node.resident_bytes();
    let stalled_since = Instant::now();

    let mut readers = JoinSet::new();
    for mut socket in sockets {
        readers.spawn(async move { read_all(&mut socket, COUNT).await });
    }
    publish(&node, topic, COUNT, PADDING).await;
    while let Some(read) = readers.join_next().await {
        assert_eq!(read.expect("a reader's checks hold"), COUNT);
    }
    let healthy = stalled_since.elapsed();
    println!("the healthy had all of it after {healthy:?}");
    let grown = node.resident_bytes().saturating_sub(before);
    println!("{grown} bytes more with {STALLED} readers stalled");
    assert!(grown <= MEMORY_BYTES_MAX, "{grown} bytes more");

    // The stall itself is what is tested: nothing else tells when ten seconds have passed.
    tokio::time::sleep_until(stalled_since + STALL).await;
    let mut late = JoinSet::new();
    for mut socket in stalled {
        late.spawn(async move { read_all(&mut socket, COUNT).await });
    }
    while let Some(read) = late.join_next().await {
        assert_eq!(read.expect("a late reader's checks hold"), COUNT);
    }
}
