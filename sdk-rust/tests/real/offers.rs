//! What a client offers, one feature at a time.

use std::time::Duration;

use fanfare_client::{Class, Code, Encoding, ErrorKind, EventKind, Publication, ResourceVersion, Start};

use crate::node::Node;
use crate::{client, next, next_of, within};

#[tokio::test]
async fn a_publication_arrives_with_all_that_it_was_published_with() {
    let node = Node::start();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let client =
            client(&node.url()).encoding(encoding).client_name("offers/1.0").connect().await.expect("a connection");
        let topic = client.topic(format!("chat:whole-{encoding:?}"));
        let mut watch = topic.watch().open();
        next_of(EventKind::SnapshotEnd, &mut watch).await;
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let publish = topic.publish(["a", "ü"]).attribute("colour", "red").origin_time_ms(42).traceparent(traceparent);
        let version = publish.send().await.expect("a version");
        let event = next(&mut watch).await;
        assert_eq!((event.kind(), event.version()), (EventKind::Put, version));
        assert_eq!(event.json::<Vec<String>>().expect("a list"), ["a", "ü"]);
        assert_eq!(event.attributes()["colour"], "red");
        assert_eq!((event.origin_time_ms(), event.traceparent()), (Some(42), Some(traceparent)));
        assert!(event.connection_id().is_some() && event.time_ms().is_some_and(|ms| ms > 0));
        assert_eq!(watch.cursor(), Some(version));

        topic.publish_bytes(vec![0, 255, 7]).send().await.expect("a version");
        let event = next(&mut watch).await;
        assert_eq!((event.data(), event.is_json()), (&[0, 255, 7][..], false));
        assert_eq!(event.json::<u8>().expect_err("bytes are not JSON").kind(), ErrorKind::Data);
    }
}

#[tokio::test]
async fn keys_are_put_conditionally_deleted_and_expire() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("fleet:berlin");
    let first = topic.publish(1).key("van").send().await.expect("a version");
    let second = topic.publish(2).key("van").if_version(first).send().await.expect("the version is current");
    let conflict = topic.publish(3).key("van").if_version(first).send().await.expect_err("it is not current any more");
    assert_eq!((conflict.code(), conflict.current()), (Some(Code::VersionConflict), Some(second)));
    // A refusal that leaves a hole in the producer's sequence, or not, holds nothing up.
    topic.publish(4).key("bike").send().await.expect("a version");
    let kind = client.topic("chat:stream").publish(5).key("none").send().await.expect_err("streams have no keys");
    assert_eq!((kind.code(), kind.class()), (Some(Code::WrongKind), Class::Terminal));

    let mut watch = topic.watch().open();
    let snapshot = [next(&mut watch).await, next(&mut watch).await];
    assert_eq!(snapshot.each_ref().map(|event| event.key().unwrap_or_default()), ["van", "bike"]);
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    topic.delete("van").send().await.expect("a version");
    let deleted = next(&mut watch).await;
    assert_eq!((deleted.kind(), deleted.key()), (EventKind::Delete, Some("van")));
    topic.publish(6).key("taxi").ttl(Duration::from_millis(50)).send().await.expect("a version");
    assert_eq!(next(&mut watch).await.kind(), EventKind::Put);
    let expired = next(&mut watch).await;
    assert_eq!((expired.kind(), expired.key()), (EventKind::Delete, Some("taxi")));
}

#[tokio::test]
async fn a_batch_has_versions_in_a_row_and_a_key_is_answered_twice_alike() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:batch");
    let batch = (0..5).map(Publication::json).chain([Publication::bytes("raw").attribute("a", "b")]);
    let versions = topic.publish_all(batch).send().await.expect("versions");
    assert_eq!(versions.iter().map(|version| version.offset).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let publish = || topic.publish("once").idempotency_key("k-1").send();
    assert_eq!(publish().await.expect("a version"), publish().await.expect("the same"));
    let other = topic.publish("twice").idempotency_key("k-1").send().await.expect_err("another body");
    assert_eq!(other.code(), Some(Code::IdempotencyMismatch));
}

#[tokio::test]
async fn history_is_paged_in_both_directions() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:history");
    for number in 1..=10 {
        topic.publish(number).send().await.expect("a version");
    }
    let numbers = |page: &fanfare_client::HistoryPage| -> Vec<u32> {
        page.events.iter().map(|event| event.json().expect("a number")).collect()
    };
    let first = topic.history().limit(4).fetch().await.expect("a page");
    assert_eq!((numbers(&first), first.version.offset), (vec![1, 2, 3, 4], 10));
    let next = first.next.expect("there is more");
    let second = topic.history().after(next).limit(100).fetch().await.expect("a page");
    assert_eq!((numbers(&second), second.next), (vec![5, 6, 7, 8, 9, 10], None));
    let back = topic.history().reverse().limit(3).fetch().await.expect("a page");
    assert_eq!(numbers(&back), [10, 9, 8]);
    let foreign = topic.history().after(ResourceVersion::new(1, 1)).fetch().await.expect_err("another epoch");
    assert_eq!((foreign.code(), foreign.class()), (Some(Code::EpochChanged), Class::Resync));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_its_code_and_disturbs_nothing_else() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:refused");
    let mut filtered = topic.watch().filter("data.x >").open();
    let refused = within("an answer", filtered.next()).await.expect("a last word").expect_err("no expression");
    assert_eq!(refused.code(), Some(Code::BadFilter));
    assert!(filtered.next().await.is_none());

    let mut nameless = client.topic("no spaces").watch().open();
    let refused = nameless.next().await.expect("a last word").expect_err("not a name");
    assert_eq!(refused.kind(), ErrorKind::Input);
    let refused = client.topic("").publish(1).send().await.expect_err("not a name");
    assert_eq!(refused.kind(), ErrorKind::Input);

    let large = topic.publish("x".repeat(300 * 1024)).send().await.expect_err("more than a namespace takes");
    assert_eq!(large.code(), Some(Code::PublicationTooLarge));
    let huge = topic.publish("x".repeat(2 * 1024 * 1024)).send().await.expect_err("more than a frame holds");
    assert_eq!(huge.kind(), ErrorKind::TooLarge);
    assert_eq!(topic.publish("fine").send().await.expect("a version").offset, 1);
    assert_eq!(client.stats().connections_count, 1, "nothing of this cost the connection");
}

/// P3: in either encoding the node reads far enough to say whose publication it does not take.
#[tokio::test]
async fn data_that_is_nested_too_deeply_is_refused_and_disturbs_nothing_else() {
    let node = Node::start();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let client = client(&node.url()).encoding(encoding).connect().await.expect("a connection");
        let topic = client.topic(format!("chat:deep-{encoding:?}"));
        let deep = (0..100).fold(serde_json::Value::Null, |inner, _| serde_json::json!([inner]));
        let sends = [topic.publish(1).send(), topic.publish(deep).send(), topic.publish(2).send()];
        let [first, deep, last] = sends.map(|send| within("an answer", send));
        assert_eq!(first.await.expect("a version").offset, 1);
        assert_eq!(deep.await.expect_err("too deep").code(), Some(Code::Malformed));
        assert_eq!(last.await.expect("a version").offset, 2);
        assert_eq!(client.stats().connections_count, 1);
    }
}

/// W6, W9: where a watch begins.
#[tokio::test]
async fn a_watch_begins_where_it_was_told_to() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:begins");
    let mut versions = Vec::new();
    for number in 0..8 {
        versions.push(topic.publish(number).send().await.expect("a version"));
    }
    let mut snapshot = topic.watch().limit(3).open();
    for number in 5..8 {
        assert_eq!(next(&mut snapshot).await.json::<u32>().expect("a number"), number);
    }
    let end = next(&mut snapshot).await;
    assert_eq!((end.kind(), end.is_limited(), end.version()), (EventKind::SnapshotEnd, true, versions[7]));
    drop(snapshot);

    let mut resumed = topic.watch().from(Start::After(versions[5])).open();
    assert_eq!(next(&mut resumed).await.json::<u32>().expect("a number"), 6);
    drop(resumed);

    let mut own = topic.watch().from(Start::After(versions[7])).without_own().open();
    topic.publish("own").send().await.expect("a version");
    let other = crate::client(&node.url()).connect().await.expect("a connection");
    let version = other.topic("chat:begins").publish("other").send().await.expect("a version");
    assert_eq!(next(&mut own).await.version(), version);
}
