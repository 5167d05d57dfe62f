//! Several topics in one stream.

use serde_json::{Value, json};

use crate::client::{keyed, node, publish, short};
use crate::harness::Node;
use crate::harness::http::Http;

async fn poll(node: &Node, query: &str) -> Value {
    let answer = Http::once(node.address(), "GET", &format!("/v1/watch?{query}"), &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// `TOPIC KIND KEY DATA` of each.
fn shown(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().expect("a list").iter();
    events.filter_map(|event| Some(format!("{} {}", event["topic"].as_str()?, short(event)?))).collect()
}

/// W21.
#[tokio::test]
async fn a_combined_cursor_goes_on_in_every_topic() {
    let node = node();
    publish(&node, "t:a", json!({ "data": 1 })).await;
    publish(&node, "s:b", keyed("k", json!(2))).await;
    let topics = "topic=t:c&topic=s:b&topic=t:a";
    let first = poll(&node, topics).await;
    assert_eq!(shown(&first), ["s:b put k 2", "s:b snapshot-end", "t:a put 1", "t:a snapshot-end", "t:c snapshot-end"],);
    publish(&node, "t:a", json!({ "data": 3 })).await;
    publish(&node, "t:c", json!({ "data": 4 })).await;
    let cursor = first["resourceVersion"].as_str().unwrap();
    let second = poll(&node, &format!("{topics}&resourceVersion={cursor}")).await;
    let mut events = shown(&second);
    events.sort();
    assert_eq!(events, ["t:a put 3", "t:c put 4"]);
    let cursor = second["resourceVersion"].as_str().unwrap();
    let nothing = poll(&node, &format!("{topics}&resourceVersion={cursor}&timeout=50ms")).await;
    assert_eq!((shown(&nothing).len(), &nothing["resourceVersion"]), (0, &json!(cursor)));
    // Each event's own version resumes its topic.
    let version = second["events"].as_array().unwrap().iter().find(|event| event["topic"] == "t:a").unwrap();
    let version = version["resourceVersion"].as_str().unwrap();
    publish(&node, "t:a", json!({ "data": 5 })).await;
    let path = format!("/v1/topics/t:a?watch=true&resourceVersion={version}");
    let alone = Http::once(node.address(), "GET", &path, &[], "").await.json();
    assert_eq!(alone["events"][0]["data"], 5);
}

#[tokio::test]
async fn an_event_stream_of_several_topics_is_resumed_by_its_last_id() {
    let node = node();
    for n in 0..3 {
        publish(&node, "t:a", json!({ "data": n })).await;
        publish(&node, "s:b", keyed(&format!("k{n}"), json!(n))).await;
    }
    let path = "/v1/watch?topic=t:a&topic=s:b";
    let accept = ("accept", "text/event-stream");
    let mut last = String::new();
    let mut seen = Vec::new();
    // Cut behind every event: each time the next one follows, none twice. Inside its snapshot the stream is resumed, so that
    // no end of it is told.
    for at in 0..14 {
        let mut http = Http::connect(node.address()).await;
        let resumed = [accept, ("last-event-id", last.as_str())];
        http.say("GET", path, if at == 0 { &resumed[..1] } else { &resumed }, "").await;
        assert_eq!(http.head().await.status, 200);
        if at == 7 {
            publish(&node, "t:a", json!({ "data": 3 })).await;
        }
        loop {
            let block = http.text_through("\n\n").await;
            let Some(line) = block.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
            let event: Value = serde_json::from_str(line).expect("JSON");
            let Some(text) = short(&event) else { continue };
            let is_new = !seen.contains(&format!("{} {text}", event["topic"].as_str().unwrap()));
            let id = block.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
            last = id.to_owned();
            if is_new {
                seen.push(format!("{} {text}", event["topic"].as_str().unwrap()));
                break;
            }
            // Only a snapshot that was not told whole begins again.
            assert!(event["topic"] == "s:b" || !seen.iter().any(|old| old == "s:b snapshot-end"), "{text} came twice");
        }
        if seen.len() == 8 {
            break;
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

#[tokio::test]
async fn what_cannot_be_watched_together_is_refused() {
    let node = node();
    for (query, name) in [
        ("", "BAD_PARAMETER"),
        ("topic=t:a&topic=t:a", "BAD_PARAMETER"),
        ("topic=t:a&resourceVersion=6f1c.7", "BAD_PARAMETER"),
        ("topic=no%20spaces", "BAD_TOPIC"),
        ("topic=t:a&form=latest", "UNKNOWN_PARAMETER"),
    ] {
        let answer = Http::once(node.address(), "GET", &format!("/v1/watch?{query}"), &[], "").await;
        assert_eq!(answer.json()["name"], name, "{query}");
    }
    let many: Vec<_> = (0..65).map(|n| format!("topic=t:{n}")).collect();
    let answer = Http::once(node.address(), "GET", &format!("/v1/watch?{}", many.join("&")), &[], "").await;
    assert_eq!(answer.json()["name"], "BAD_PARAMETER");
}

/// W3: what follows a cursor is counted over all topics, and what was not told follows with the next poll. Snapshots are told whole.
#[tokio::test]
async fn a_combined_poll_holds_no_more_events_than_its_limit() {
    let node = node();
    for n in 0..3 {
        publish(&node, "t:a", json!({ "data": n })).await;
        publish(&node, "t:b", json!({ "data": n })).await;
    }
    for (limit, sizes) in [(1, vec![1; 6]), (4, vec![4, 2]), (1_000, vec![6])] {
        let asked = format!("topic=t:a&topic=t:b&limit={limit}");
        let mut answer = poll(&node, &format!("{asked}&from=beginning")).await;
        let mut told = Vec::new();
        for size in sizes {
            let events = shown(&answer);
            assert_eq!(events.len(), size, "limit={limit}: {events:?}");
            told.extend(events);
            let cursor = answer["resourceVersion"].as_str().expect("a cursor").to_owned();
            answer = poll(&node, &format!("{asked}&resourceVersion={cursor}&timeout=1ms")).await;
        }
        assert!(shown(&answer).is_empty(), "limit={limit}: {answer}");
        told.sort();
        assert_eq!(told, ["t:a put 0", "t:a put 1", "t:a put 2", "t:b put 0", "t:b put 1", "t:b put 2"]);
    }
    let snapshot = poll(&node, "topic=t:a&topic=t:b&limit=1").await;
    assert_eq!(shown(&snapshot), ["t:a put 2", "t:a snapshot-end", "t:b put 2", "t:b snapshot-end"]);
}
