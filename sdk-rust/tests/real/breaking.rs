//! Lines that break.

use std::collections::BTreeMap;

use fanfare_client::{Client, Encoding, EventKind, ResourceVersion, Start, Watch};

use crate::node::Node;
use crate::proxy::Proxy;
use crate::{client, next, within};

/// Publications of each producer.
const PUBLICATIONS: u32 = 400;
/// In all they have to stay below the history of a topic, 1,000: what is no longer retained could not be resumed.
const PRODUCERS: u32 = 2;

/// A producer, its number, and a few bytes that make frames longer than what a line lives for.
type Line = (u32, u32, String);

async fn produce(client: Client, producer: u32) -> Vec<ResourceVersion> {
    let topic = client.topic("chat:breaking");
    let pad = "x".repeat(40);
    let sends: Vec<_> = (0..PUBLICATIONS).map(|number| topic.publish((producer, number, &pad)).send()).collect();
    let mut versions = Vec::new();
    for send in sends {
        versions.push(within("a version", send).await.expect("every publish succeeds"));
    }
    versions
}

async fn read_all(mut watch: Watch) -> BTreeMap<u64, (u32, u32)> {
    let mut read = BTreeMap::new();
    let mut last = None;
    while read.len() < (PRODUCERS * PUBLICATIONS) as usize {
        let event = next(&mut watch).await;
        if event.kind() != EventKind::Put {
            assert_eq!(event.kind(), EventKind::SnapshotEnd, "{event:?}");
            continue;
        }
        let offset = event.version().offset;
        assert_eq!(offset, last.unwrap_or_default() + 1, "once, in order, without a hole");
        last = Some(offset);
        let (producer, number, _) = event.json::<Line>().expect("a line");
        read.insert(offset, (producer, number));
    }
    read
}

/// G3, G5, G6, G7: whatever breaks, every publication is there once and in order, under the version that was answered.
async fn survives(seed: u64) {
    let node = Node::start();
    let proxy = Proxy::start(node.address(), seed, 500..20_000).await;
    let mut readers = Vec::new();
    let mut clients = Vec::new();
    for (encoding, start) in [
        (Encoding::Protobuf, Start::Beginning),
        (Encoding::Json, Start::Beginning),
        (Encoding::Protobuf, Start::Snapshot),
    ] {
        let client = client(&proxy.url()).encoding(encoding).connect_later().expect("a client");
        let watch = client.topic("chat:breaking").watch().from(start).limit(1_000).open();
        readers.push(tokio::spawn(read_all(watch)));
        clients.push(client);
    }
    let mut producers = Vec::new();
    for producer in 0..PRODUCERS {
        let client = client(&proxy.url()).connect_later().expect("a client");
        producers.push(tokio::spawn(produce(client.clone(), producer)));
        clients.push(client);
    }
    let mut answered = BTreeMap::new();
    for (producer, task) in (0..).zip(producers) {
        let versions = task.await.expect("the producer does not panic");
        assert!(versions.is_sorted_by_key(|version| version.offset), "each producer's order is kept");
        answered.extend((0..).zip(versions).map(|(number, version)| (version.offset, (producer, number))));
    }
    println!("cuts while publishing: {}", proxy.cuts_count());
    assert!(proxy.cuts_count() > 5, "the line did break");
    // A page of what a reader missed may be longer than any line lives.
    proxy.heal();
    for reader in readers {
        let read = within("a reader", reader).await.expect("the reader does not panic");
        assert_eq!(read, answered);
    }
    let stats: Vec<_> = clients.iter().map(Client::stats).collect();
    assert!(stats.iter().any(|stats| stats.connections_count > 3), "{stats:?}");
    assert!(stats.iter().all(|stats| stats.gones_count == 0), "{stats:?}");
    for client in clients {
        within("the end of a client", client.close()).await;
    }
}

#[tokio::test]
async fn every_publication_arrives_once_and_in_order_over_a_line_that_breaks() {
    survives(1).await;
    survives(fastrand::u64(..)).await;
}
