//! Compressed batches that nobody should take (E18).

use fanfare_client::EventKind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::{Server, within};

const SNAPSHOT: &str = r#"{"type":"EVENT","payload":{"view":5,"after":"6f1c.0","through":"6f1c.1","events":[{"type":"put","resourceVersion":"6f1c.1","data":1},{"type":"snapshot-end","resourceVersion":"6f1c.1"}]}}"#;

#[derive(Deserialize)]
struct Example {
    name: String,
    compression: String,
    message: String,
    code: Option<String>,
}

fn examples() -> impl Iterator<Item = (Example, Vec<u8>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/conformance/batches.json");
    let text = std::fs::read_to_string(path).expect("the file is there");
    let all: Vec<Example> = serde_json::from_str(&text).expect("the file has the documented form");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal");
    all.into_iter().filter(|example| example.compression == "zstd").map(move |example| {
        let message = example.message.as_bytes().chunks(2).map(byte).collect();
        (example, message)
    })
}

/// Each ends the connection, and the watch goes on from its cursor on the next one, where one that is whole is read.
#[tokio::test]
async fn a_batch_that_is_broken_or_a_bomb_ends_the_connection_and_the_watch_resumes() {
    let server = Server::start().await;
    let client = server.client().compression(true).message_bytes_max(4_096).connect_later().expect("a client");
    let mut watch = client.topic("chat:a").watch().open();
    let (mut visitor, connect) = server.welcome().await;
    assert_eq!(connect["features"]["compression"], json!(["zstd"]));
    let subscribed = json!({"view": 5, "topic": "chat:a", "resourceVersion": "6f1c.1", "resumed": false});
    let subscribe = visitor.hear("SUBSCRIBE").await;
    visitor.answer(&subscribe, "SUBSCRIBED", &subscribed).await;
    visitor.say(SNAPSHOT).await;
    for kind in [EventKind::Put, EventKind::SnapshotEnd] {
        assert_eq!(within("an event", watch.next()).await.expect("it goes on").expect("no error").kind(), kind);
    }
    let (broken, whole): (Vec<_>, Vec<_>) = examples().partition(|(example, _)| example.code.is_some());
    assert!(broken.len() > 5);
    for (example, message) in broken {
        visitor.say_binary(message).await;
        within(&example.name, visitor.left()).await;
        let (next, _) = server.welcome().await;
        visitor = next;
        let subscribe = visitor.hear("SUBSCRIBE").await;
        assert_eq!(subscribe["payload"]["resourceVersion"], "6f1c.1", "{}", example.name);
        let resumed = json!({"view": 5, "topic": "chat:a", "resourceVersion": "6f1c.1", "resumed": true});
        visitor.answer(&subscribe, "SUBSCRIBED", &resumed).await;
    }
    let (_, message) = whole.into_iter().next().expect("one is whole");
    visitor.say_binary(message).await;
    for n in 2..22 {
        let event = within("an event", watch.next()).await.expect("it goes on").expect("no error");
        assert_eq!(event.json::<Value>().expect("JSON"), json!({"text": format!("line {n}")}));
    }
}
