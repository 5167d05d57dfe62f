//! What ends an epoch, and how a client hears of it: the end of the process in an `ephemeral` namespace, other data,
//! deletion.

use fanfare_client::{Client, Code, Error, EventKind, ResourceVersion, Start, Topic, Watch};

use crate::node::Node;
use crate::{aside, client, next, next_of, within};

/// Of the kind `state`, and `ephemeral`: the demos declare it.
const TICKS: &str = "ticks:eur";
/// A `stream`, `replicated`.
const LOBBY: &str = "chat:lobby";

/// What a topic has before it begins anew, and a watch that has seen it.
struct Before {
    name: &'static str,
    topic: Topic,
    watch: Watch,
    version: ResourceVersion,
}

impl Before {
    async fn of(client: &Client, name: &'static str) -> Self {
        let topic = client.topic(name);
        let version = publish(&topic, name, "before").await;
        let mut watch = topic.watch().open();
        next_of(EventKind::SnapshotEnd, &mut watch).await;
        Self { name, topic, watch, version }
    }

    async fn publish(&self, text: &str) -> ResourceVersion {
        publish(&self.topic, self.name, text).await
    }

    /// V2, V6, W11, G8: the watch is told and goes on with a snapshot, and who wants no snapshot is refused.
    async fn assert_begins_anew(mut self, client: &Client) {
        let after = within("a version", self.publish("after")).await;
        assert_ne!(self.version.epoch, after.epoch);
        assert_eq!(after.offset, 1);
        let gone = next_of(EventKind::Gone, &mut self.watch).await;
        assert_eq!(gone.error().and_then(Error::code), Some(Code::EpochChanged));
        // The snapshot may be from before the publish.
        let put = match next(&mut self.watch).await {
            end if end.kind() == EventKind::SnapshotEnd => next(&mut self.watch).await,
            put => put,
        };
        assert_eq!((put.json::<String>().expect("text"), put.version()), ("after".to_owned(), after));
        assert_eq!(client.stats().gones_count, 1);

        let mut strict = self.topic.watch().from(Start::After(self.version)).end_when_gone().open();
        let end = within("the end", strict.next()).await.expect("a last word").expect_err("an error");
        assert_eq!(end.code(), Some(Code::EpochChanged));
        assert!(strict.next().await.is_none());
    }
}

async fn publish(topic: &Topic, name: &str, text: &str) -> ResourceVersion {
    let publish = topic.publish(text);
    let publish = if name == TICKS { publish.key("EURUSD") } else { publish };
    publish.send().await.expect("every publish succeeds")
}

#[tokio::test]
async fn an_ephemeral_topic_begins_anew_with_its_node_and_its_neighbours_do_not() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let ticks = Before::of(&client, TICKS).await;
    let mut lobby = Before::of(&client, LOBBY).await;
    let _node = aside(node, |node| {
        node.kill();
        node.restart();
    })
    .await;
    ticks.assert_begins_anew(&client).await;
    let gones_count = client.stats().gones_count;
    let version = lobby.publish("goes on").await;
    assert_eq!(version, ResourceVersion { offset: 2, ..lobby.version });
    assert_eq!(next(&mut lobby.watch).await.version(), version);
    assert_eq!(client.stats().gones_count, gones_count);
}

#[tokio::test]
async fn a_node_that_lost_its_data_begins_anew() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let lobby = Before::of(&client, LOBBY).await;
    let _node = aside(node, |node| {
        node.kill();
        node.restart_empty();
    })
    .await;
    lobby.assert_begins_anew(&client).await;
}

#[tokio::test]
async fn a_topic_that_is_deleted_begins_anew() {
    let node = Node::start();
    let client = client(&node.url()).connect().await.expect("a connection");
    let lobby = Before::of(&client, LOBBY).await;
    let _node = aside(node, |node| node.delete_topic(LOBBY)).await;
    lobby.assert_begins_anew(&client).await;
}
