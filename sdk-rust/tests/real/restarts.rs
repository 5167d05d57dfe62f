//! Nodes that go away and come back. Their log is in memory, so what was published before is gone, and said to be.

use std::time::Duration;

use fanfare_client::{Code, ConnectionState, ErrorKind, EventKind, Start};

use crate::node::{Node, free_address};
use crate::{client, next, next_of, within};

/// V2, V6, G8.
#[tokio::test]
async fn a_node_that_was_killed_and_restarted_is_told_to_have_begun_anew() {
    let mut node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:restarts");
    let before = topic.publish("before").send().await.expect("a version");
    let mut watch = topic.watch().open();
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    node.kill();
    let waiting = topic.publish("meanwhile").send();
    node.restart();
    let after = within("an answer", waiting).await.expect("the publish waited for the node");
    assert_ne!(before.epoch, after.epoch);
    let gone = next_of(EventKind::Gone, &mut watch).await;
    assert_eq!(gone.error().and_then(fanfare_client::Error::code), Some(Code::EpochChanged));
    // The snapshot may be from before the publish.
    let put = match next(&mut watch).await {
        end if end.kind() == EventKind::SnapshotEnd => next(&mut watch).await,
        put => put,
    };
    assert_eq!((put.json::<String>().expect("text"), put.version()), ("meanwhile".to_owned(), after));
    assert_eq!(client.stats().gones_count, 1);

    let mut strict = topic.watch().from(Start::After(before)).end_when_gone().open();
    let end = within("the end", strict.next()).await.expect("a last word").expect_err("an error");
    assert_eq!(end.code(), Some(Code::EpochChanged));
    assert!(strict.next().await.is_none());
}

/// S9: nothing that waits is lost when a node drains.
#[tokio::test]
async fn a_node_that_drains_loses_nothing_of_what_is_published_meanwhile() {
    let mut node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:drains");
    let publisher = tokio::spawn({
        let topic = topic.clone();
        async move {
            let mut epochs = Vec::new();
            for number in 0..300 {
                let version = topic.publish(number).send().await.expect("every publish succeeds");
                epochs.push(version.epoch);
                tokio::task::yield_now().await;
            }
            epochs
        }
    });
    let mut watch = topic.watch().from(Start::Beginning).open();
    while next(&mut watch).await.json::<u32>().unwrap_or_default() < 20 {}
    let (node, status) = tokio::task::spawn_blocking(move || {
        let status = node.terminate();
        node.restart();
        (node, status)
    })
    .await
    .expect("the node comes back");
    assert_eq!(status, Some(0));
    let epochs = within("all versions", publisher).await.expect("the publisher does not panic");
    assert_eq!(epochs.len(), 300);
    next_of(EventKind::Gone, &mut watch).await;
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    drop(node);
}

#[tokio::test]
async fn what_is_published_without_a_node_waits_for_one_up_to_the_bound() {
    let address = free_address();
    let refused = client(&format!("http://{address}")).connect().await.expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::Unreachable);

    let client = client(&format!("http://{address}")).queue_max(3, 1_000).connect_later().expect("a client");
    let topic = client.topic("chat:offline");
    let waiting: Vec<_> = (0..3).map(|number| topic.publish(number).send()).collect();
    let full = topic.publish(3).send().await.expect_err("the queue is full");
    assert_eq!(full.kind(), ErrorKind::QueueFull);
    let mut state = client.state();
    within("a failed try", state.wait_for(|state| matches!(state, ConnectionState::Disconnected { .. })))
        .await
        .expect("the client lives");
    let _node = tokio::task::spawn_blocking(move || Node::start_at(address)).await.expect("the node starts");
    for (offset, send) in (1..).zip(waiting) {
        assert_eq!(within("a version", send).await.expect("a version").offset, offset);
    }
    topic.publish(3).send().await.expect("there is room again");
    within("the end", client.close()).await;
    let closed = topic.publish(4).send().await.expect_err("the client is closed");
    assert_eq!(closed.kind(), ErrorKind::Closed);
    assert_eq!(*client.state().borrow(), ConnectionState::Closed { error: None });
}

#[tokio::test]
async fn a_client_without_handles_publishes_what_waits_and_goes() {
    let node = Node::start();
    let watcher = client(&node.url()).connect().await.expect("a connection");
    let mut watch = watcher.topic("chat:dropped").watch().open();
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    let dropped = client(&node.url()).connect().await.expect("a connection");
    let mut state = dropped.state();
    let sends: Vec<_> = (0..50).map(|number| dropped.topic("chat:dropped").publish(number).send()).collect();
    drop(sends);
    drop(dropped);
    for number in 0..50 {
        assert_eq!(next(&mut watch).await.json::<u32>().expect("a number"), number);
    }
    let closed = state.wait_for(|state| *state == ConnectionState::Closed { error: None });
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("it closes").expect("it says so");
}
