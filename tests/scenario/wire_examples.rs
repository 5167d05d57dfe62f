//! The examples of the protocol as they are printed: versions, ids, times and view numbers apart.

use serde_json::{Value, json};

use crate::harness::{Node, Socket};

/// Replaces what differs from run to run: versions by their offset, ids and times by placeholders.
fn plain(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            // Present when the publication came over a session; examples leave it out.
            members.remove("connectionId");
            for (name, member) in members.iter_mut() {
                *member = match name.as_str() {
                    "time" => json!("TIME"),
                    "view" => json!("VIEW"),
                    _ => plain(member.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = plain(item.take())),
        Value::String(text) => {
            if let Some((epoch, offset)) = text.split_once('.') {
                let is_version = u64::from_str_radix(epoch, 16).is_ok() && offset.parse::<u64>().is_ok();
                if is_version {
                    *text = format!("E.{offset}");
                }
            }
        }
        _ => {}
    }
    value
}

#[tokio::test]
async fn the_session_of_the_specification() {
    let node = Node::start();
    let mut lobby = Socket::json(node.address()).await;
    lobby.ask("PUBLISH", 9, json!({ "topic": "chat:lobby", "data": { "text": "hi" } })).await;

    let mut session = Socket::json(node.address()).await;
    let connected = session.ask("CONNECT", 1, json!({ "token": "…", "client": "my-app/1.0" })).await;
    assert_eq!(connected["type"], "CONNECTED");
    assert_eq!(connected["payload"]["nodeId"], "1");
    let members: Vec<_> = connected["payload"].as_object().expect("an object").keys().collect();
    assert_eq!(members, ["connectionId", "nodeId"]);

    session.say("SUBSCRIBE", 2, json!({ "topic": "chat:lobby", "from": "snapshot" })).await;
    assert_eq!(
        plain(session.hear().await),
        json!({"type":"SUBSCRIBED","id":2,"payload":{"view":"VIEW","topic":"chat:lobby","resourceVersion":"E.1","resumed":false}})
    );
    assert_eq!(
        plain(session.hear().await),
        json!({"type":"EVENT","payload":{"view":"VIEW","after":"E.0","through":"E.1","events":[
            {"type":"put","resourceVersion":"E.1","data":{"text":"hi"},"time":"TIME"},
            {"type":"snapshot-end","resourceVersion":"E.1"}]}})
    );

    session
        .say("PUBLISH", 3, json!({ "topic": "chat:lobby", "data": { "text": "yo" }, "idempotencyKey": "k-1" }))
        .await;
    // The answer and one's own event are unordered.
    let mut heard = [plain(session.hear().await), plain(session.hear().await)];
    heard.sort_by_key(|e| e["type"] == "EVENT");
    assert_eq!(heard[0], json!({"type":"PUBLISHED","id":3,"payload":{"resourceVersion":"E.2"}}));
    assert_eq!(
        heard[1],
        json!({"type":"EVENT","payload":{"view":"VIEW","after":"E.1","through":"E.2","events":[
            {"type":"put","resourceVersion":"E.2","data":{"text":"yo"},"time":"TIME"}]}})
    );

    let again = session
        .ask("PUBLISH", 4, json!({ "topic": "chat:lobby", "data": { "text": "yo" }, "idempotencyKey": "k-1" }))
        .await;
    assert_eq!(plain(again)["payload"]["resourceVersion"], "E.2", "stored once");
}

#[tokio::test]
async fn a_version_that_is_no_longer_retained_is_gone() {
    let node = Node::with(&[], "[[namespace]]\nname = \"short\"\nhistory_count = 2\n");
    let mut session = Socket::json(node.address()).await;
    let mut versions = Vec::new();
    for n in 1..=5 {
        let answer = session.ask("PUBLISH", n, json!({ "topic": "short:old", "data": n })).await;
        versions.push(answer["payload"]["resourceVersion"].clone());
    }
    let cursor = json!({ "topic": "short:old", "resourceVersion": versions[0], "onGone": "close" });
    let error = plain(session.ask("SUBSCRIBE", 6, cursor).await);
    assert_eq!(error["type"], "ERROR");
    let payload = &error["payload"];
    assert_eq!(
        (&payload["code"], &payload["name"], &payload["class"], &payload["oldest"]),
        (&json!(3301), &json!("GONE"), &json!("resync"), &json!("E.3"))
    );
    // From `oldest` it resumes, exactly.
    let opened = session.ask("SUBSCRIBE", 7, json!({ "topic": "short:old", "resourceVersion": versions[2] })).await;
    assert_eq!(opened["payload"]["resumed"], true);
    let events = plain(session.events().await);
    assert_eq!(events["events"][0]["data"], 4);
    assert_eq!(events["events"][1]["data"], 5);
}
