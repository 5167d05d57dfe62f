//! Nodes that go away and come back: on the same data a watch goes on as if nothing had been, and where it cannot it is
//! told.

use std::collections::VecDeque;
use std::time::Duration;

use fanfare_client::{ConnectionState, ErrorKind, EventKind, ResourceVersion, Start, Watch};

use crate::node::{Node, free_address};
use crate::{aside, client, next, next_of, within};

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Terminated,
    Killed,
}

impl End {
    async fn end(self, node: Node) -> Node {
        aside(node, move |node| match self {
            Self::Terminated => assert_eq!(node.terminate(), Some(0)),
            Self::Killed => node.kill(),
        })
        .await
    }
}

async fn restart(node: Node) -> Node {
    aside(node, Node::restart).await
}

/// The next event, which is the put of this number at this version.
async fn assert_next(watch: &mut Watch, number: u32, version: ResourceVersion) {
    let event = next(watch).await;
    assert_eq!(event.kind(), EventKind::Put, "{event:?}");
    assert_eq!((event.json::<u32>().expect("a number"), event.version()), (number, version));
}

/// G3, G6, G7, V2: nothing is missed, repeated or told to be gone.
#[tokio::test]
async fn a_watch_goes_on_over_a_restart_of_its_node_without_a_word() {
    const LAST: u32 = 5;
    for end in [End::Terminated, End::Killed] {
        let mut node = Node::start();
        let client = client(&node.url()).connect().await.expect("a connection");
        let topic = client.topic("chat:restarts");
        let first = topic.publish(1).send().await.expect("a version");
        let version = |number: u32| ResourceVersion { offset: number.into(), ..first };
        let mut watch = topic.watch().open();
        next_of(EventKind::SnapshotEnd, &mut watch).await;
        for number in 2..=LAST {
            node = end.end(node).await;
            let waiting = topic.publish(number).send();
            node = restart(node).await;
            let answer = within("an answer", waiting).await.expect("the publish waited for the node");
            assert_eq!(answer, version(number), "{end:?}");
            assert_next(&mut watch, number, answer).await;
        }
        let stats = client.stats();
        assert_eq!((stats.gones_count, stats.gaps_count, stats.duplicates_count), (0, 0, 0), "{end:?}: {stats:?}");
        assert!(stats.connections_count >= LAST.into(), "{end:?}: {stats:?}");

        // Who knows only the version has the rest, and who takes it exactly or not at all has it too.
        let mut strict = topic.watch().from(Start::After(first)).end_when_gone().open();
        for number in 2..=LAST {
            assert_next(&mut strict, number, version(number)).await;
        }
    }
}

/// P9, P14, G5, S9: what was sent and not answered is repeated and stored once, whatever the node had done with it.
#[tokio::test]
async fn a_node_that_ends_again_and_again_loses_and_doubles_nothing_of_what_is_published_meanwhile() {
    /// Published while the node lives, half of which is answered before it ends, and while it is away.
    const ROUND: [usize; 2] = [150, 30];
    let ends = [End::Killed, End::Terminated, End::Killed, End::Killed];
    let count = ends.len() * (ROUND[0] + ROUND[1]);
    let mut node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let topic = client.topic("chat:ends");
    let mut numbers = 0..count;
    let mut publish = |some: usize| numbers.by_ref().take(some).map(|n| topic.publish(n).send()).collect::<Vec<_>>();
    let mut watch = topic.watch().from(Start::Beginning).open();
    let mut answered = Vec::new();
    for end in ends {
        let mut waiting = VecDeque::from(publish(ROUND[0]));
        for send in waiting.drain(..ROUND[0] / 2) {
            answered.push(within("a version", send).await.expect("every publish succeeds"));
        }
        node = end.end(node).await;
        waiting.extend(publish(ROUND[1]));
        node = restart(node).await;
        for send in waiting {
            answered.push(within("a version", send).await.expect("every publish succeeds"));
        }
    }
    let first = answered[0];
    let expected: Vec<_> = (1..).map(|offset| ResourceVersion { offset, ..first }).take(count).collect();
    assert_eq!(answered, expected, "each once, in order, in one epoch");
    for (number, version) in (0..).zip(expected) {
        assert_next(&mut watch, number, version).await;
    }
    let stats = client.stats();
    assert_eq!((stats.gones_count, stats.gaps_count), (0, 0), "{stats:?}");
    assert!(stats.connections_count > ends.len() as u64, "{stats:?}");
}

/// W9, P8: values by key, and what a free key was answered with.
#[tokio::test]
async fn a_state_and_an_idempotency_key_are_what_they_were() {
    for end in [End::Terminated, End::Killed] {
        let node = Node::with("[[namespace]]\nname = \"board\"\nkind = \"state\"\n");
        let client = client(&node.url()).connect().await.expect("a connection");
        let board = client.topic("board:a");
        for (key, number) in [("x", 1), ("y", 2), ("x", 3), ("z", 4)] {
            board.publish(number).key(key).send().await.expect("a version");
        }
        let last = board.delete("y").send().await.expect("a version");
        let lobby = client.topic("chat:keys");
        let stored = lobby.publish("once").idempotency_key("k-1").send().await.expect("a version");

        let _node = restart(end.end(node).await).await;
        let mut watch = board.watch().open();
        let mut fold = Vec::new();
        loop {
            let event = next(&mut watch).await;
            if event.kind() == EventKind::SnapshotEnd {
                assert_eq!(event.version(), last, "{end:?}");
                break;
            }
            fold.push((event.key().map(str::to_owned), event.json::<u32>().expect("a number"), event.version().offset));
        }
        assert_eq!(fold, [(Some("x".to_owned()), 3, 3), (Some("z".to_owned()), 4, 4)], "{end:?}");
        let again = lobby.publish("once").idempotency_key("k-1").send().await.expect("a version");
        assert_eq!(again, stored, "{end:?}");
    }
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
