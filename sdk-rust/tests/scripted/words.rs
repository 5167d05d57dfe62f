//! What a node may say that a client should survive.

use std::time::Duration;

use fanfare_client::{ConnectionState, ErrorKind, EventKind, ResourceVersion};
use serde_json::{Value, json};

use crate::script::{Server, Visitor, within};

async fn open_view(visitor: &mut Visitor) -> Value {
    let subscribe = visitor.hear("SUBSCRIBE").await;
    let watched = json!({"view": 5, "topic": "chat:a", "resourceVersion": "a.1", "resumed": false});
    visitor.answer(&subscribe, "SUBSCRIBED", &watched).await;
    subscribe["payload"].clone()
}

const SNAPSHOT: &str = r#"{"type":"EVENT","payload":{"view":5,"after":"a.0","through":"a.1","events":[{"type":"put","resourceVersion":"a.1","data":1},{"type":"snapshot-end","resourceVersion":"a.1"}]}}"#;

/// E4, E5, W13: so old and new speak to each other.
#[tokio::test]
async fn words_of_a_later_version_are_skipped() {
    let server = Server::start().await;
    let client = server.client().connect_later().expect("a client");
    let mut watch = client.topic("chat:a").watch().open();
    let (mut visitor, _) = server.welcome().await;
    open_view(&mut visitor).await;
    visitor.say(r#"{"type":"LATER","payload":{"a":1}}"#).await;
    visitor.say(r#"{"type":"VIEW","payload":{"view":5,"state":"lagging","mood":"calm"}}"#).await;
    let later = r#"{"type":"EVENT","payload":{"view":5,"after":"a.0","through":"a.0","events":[{"type":"later","resourceVersion":"a.1"}]}}"#;
    visitor.say(&format!("{later}\n\n{SNAPSHOT}")).await;
    let put = within("an event", watch.next()).await.expect("it goes on").expect("no error");
    assert_eq!((put.kind(), put.version()), (EventKind::Put, ResourceVersion::new(0xa, 1)));
    assert_eq!(client.stats().connections_count, 1);
}

/// L1, from the client's side: what no reader asked for is not taken.
#[tokio::test]
async fn a_message_beyond_the_bound_ends_the_connection_and_the_watch_goes_on_from_its_cursor() {
    let server = Server::start().await;
    let client = server.client().message_bytes_max(10_000).connect_later().expect("a client");
    let mut watch = client.topic("chat:a").watch().open();
    let (mut visitor, _) = server.welcome().await;
    open_view(&mut visitor).await;
    visitor.say(SNAPSHOT).await;
    for kind in [EventKind::Put, EventKind::SnapshotEnd] {
        assert_eq!(within("an event", watch.next()).await.expect("it goes on").expect("no error").kind(), kind);
    }
    visitor.say(&format!(r#"{{"type":"PONG","payload":{{"pad":"{}"}}}}"#, "x".repeat(20_000))).await;
    visitor.left().await;
    let (mut visitor, _) = server.welcome().await;
    assert_eq!(open_view(&mut visitor).await, json!({"topic": "chat:a", "resourceVersion": "a.1"}));
}

#[tokio::test]
async fn nonsense_ends_the_connection_with_a_reason_and_not_the_client() {
    let server = Server::start().await;
    // So long that the state is still there when we look.
    let pause = Duration::from_secs(3_600);
    let client =
        server.client().reconnect_delay(pause, pause).close_timeout(Duration::ZERO).connect_later().expect("a client");
    let (mut visitor, _) = server.welcome().await;
    visitor.say(r#"{"type":"EVENT","payload":{"view":"#).await;
    let mut state = client.state();
    let is_told = |state: &ConnectionState| matches!(state, ConnectionState::Disconnected { error, .. } if error.kind() == ErrorKind::Protocol);
    within("the reason", state.wait_for(is_told)).await.expect("the client lives");
    visitor.left().await;
    let waiting = client.topic("chat:a").publish(1).send();
    client.close().await;
    let error = within("an answer", waiting).await.expect_err("it was not published");
    assert_eq!((error.kind(), error.may_have_taken_effect()), (ErrorKind::Closed, false));
}
