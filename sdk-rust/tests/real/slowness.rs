//! Readers that do not read.

use fanfare_client::{EventKind, Start};

use crate::node::Node;
use crate::{client, next, next_of};

/// Publications, all of which the topic retains.
const COUNT: u32 = 900;

/// W10.
#[tokio::test]
async fn a_reader_that_does_not_read_delays_no_other_and_then_gets_everything_in_order() {
    let node = Node::start();
    let publisher = client(&node.url()).connect().await.expect("a connection");
    let reader = client(&node.url()).watch_bytes_max(64 * 1024).connect().await.expect("a connection");
    let mut unread = reader.topic("chat:unread").watch().from(Start::Beginning).open();
    let mut other = reader.topic("chat:other").watch().open();
    next_of(EventKind::SnapshotEnd, &mut other).await;

    let pad = "x".repeat(1_000);
    let sends: Vec<_> =
        (0..COUNT).map(|number| publisher.topic("chat:unread").publish((number, &pad)).send()).collect();
    for send in sends {
        send.await.expect("a version");
    }
    for number in 0..20 {
        publisher.topic("chat:other").publish(number).send().await.expect("a version");
        assert_eq!(next(&mut other).await.json::<u32>().expect("a number"), number);
    }
    assert!(reader.stats().lags_count > 0, "the unread watch was stopped: {:?}", reader.stats());

    for number in 0..COUNT {
        assert_eq!(next(&mut unread).await.json::<(u32, String)>().expect("a pair").0, number);
    }
    assert_eq!(reader.stats().gones_count, 0);
}

/// W5: a node takes each view once per connection, an application as often as it likes.
#[tokio::test]
async fn equal_watches_of_one_client_each_see_everything_from_where_they_began() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:equal");
    for number in 0..10 {
        topic.publish(number).send().await.expect("a version");
    }
    let mut watches = [
        (topic.watch().from(Start::Beginning).open(), 0),
        (topic.watch().from(Start::Snapshot).limit(5).open(), 5),
        (topic.watch().from(Start::Latest).open(), 10),
    ];
    next_of(EventKind::SnapshotEnd, &mut watches[1].0).await;
    watches[1].1 = 10;
    // The latest begins whenever its turn comes, which its first event tells.
    for number in 10..200 {
        topic.publish(number).send().await.expect("a version");
    }
    for (index, (watch, first)) in watches.iter_mut().enumerate() {
        let mut expected = *first;
        while expected < 200 {
            let number = next(watch).await.json::<u32>().expect("a number");
            if index == 2 && expected == 10 {
                expected = number;
            }
            assert_eq!(number, expected, "of watch {index}");
            expected += 1;
        }
    }
}
