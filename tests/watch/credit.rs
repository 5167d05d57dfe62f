//! `credit` over HTTP: a request is the grant, and its answer ends with it.

use serde_json::{Value, json};

use crate::client::{keyed, node, publish, publish_all, short};
use crate::harness::Node;
use crate::harness::http::Http;

const SSE: &str = "text/event-stream";
const NDJSON: &str = "application/x-ndjson";

/// What one request was told, and the cursor that it ends with.
struct Answer {
    events: Vec<Value>,
    cursor: String,
}

impl Answer {
    fn shown(&self) -> Vec<String> {
        self.events.iter().filter_map(short).collect()
    }

    fn puts(&self) -> Vec<u64> {
        self.events.iter().filter(|event| event["type"] == "put").filter_map(|event| event["data"].as_u64()).collect()
    }
}

/// Asks in one of the three forms, and reads to the end, which has to be a clean one.
async fn ask(node: &Node, form: &str, path: &str, cursor: &str) -> Answer {
    let mut headers = vec![("accept", form)];
    let mut path = path.to_owned();
    if form == SSE && !cursor.is_empty() {
        headers.push(("last-event-id", cursor));
    } else if !cursor.is_empty() {
        path.push_str(&format!("&resourceVersion={cursor}"));
    }
    let answer = Http::once(node.address(), "GET", &path, &headers, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let mut cursor = cursor.to_owned();
    let mut events = Vec::new();
    if form != SSE && form != NDJSON {
        let poll = answer.json();
        cursor = poll["resourceVersion"].as_str().expect("a cursor").to_owned();
        return Answer { events: poll["events"].as_array().expect("a list").clone(), cursor };
    }
    for line in answer.text().lines() {
        if let Some(id) = line.strip_prefix("id: ") {
            id.clone_into(&mut cursor);
        }
        let Some(event) = (if form == SSE { line.strip_prefix("data: ") } else { Some(line) }) else { continue };
        let event: Value = serde_json::from_str(event).expect("JSON");
        let is_cursor = !path.starts_with("/v1/watch") || event["type"] == "bookmark";
        if form == NDJSON && is_cursor {
            event["resourceVersion"].as_str().expect("a version").clone_into(&mut cursor);
        }
        events.push(event);
    }
    Answer { events, cursor }
}

/// W18: nothing is left out between two requests, nor told twice.
#[tokio::test]
async fn an_answer_ends_behind_so_many_events_and_the_next_goes_on() {
    let node = node();
    publish_all(&node, "t:a", (0..20).map(|n| json!({ "data": n })).collect()).await;
    for form in [SSE, NDJSON, "*/*"] {
        let path = "/v1/topics/t:a?watch=true&from=beginning&credit=7";
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for count in [7, 7, 6] {
            // The last one waits for what would be a seventh.
            let path = if count == 7 { path.to_owned() } else { format!("{path}&timeout=300ms") };
            let answer = ask(&node, form, &path, &cursor).await;
            assert_eq!(answer.puts().len(), count, "{form}");
            seen.extend(answer.puts());
            cursor = answer.cursor;
        }
        assert_eq!(seen, (0..20).collect::<Vec<_>>(), "{form}");
    }
}

/// W18: what comes while the answer is open counts as what was there.
#[tokio::test]
async fn live_events_are_counted_too() {
    let node = node();
    let mut streams = Vec::new();
    for form in [SSE, NDJSON] {
        let mut http = Http::connect(node.address()).await;
        http.say("GET", "/v1/topics/t:a?watch=true&filter=data+!=+1&credit=3", &[("accept", form)], "").await;
        http.head().await;
        http.text_through("snapshot-end").await;
        streams.push(http);
    }
    for n in 0..9 {
        publish(&node, "t:a", json!({ "data": n })).await;
    }
    for mut http in streams {
        let text = http.text_to_the_end().await;
        let seen: Vec<_> = (0..9).filter(|n| text.contains(&format!("\"data\":{n},"))).collect();
        assert_eq!(seen, [0, 2, 3], "{text}");
    }
}

/// W18: a snapshot is told whole and counts, so that of a `state` topic there is always a cursor at the end.
#[tokio::test]
async fn a_snapshot_is_never_cut() {
    let node = node();
    for n in 0..5 {
        publish(&node, "s:a", keyed(&n.to_string(), json!(n))).await;
        publish(&node, "t:a", json!({ "data": n })).await;
    }
    for topic in ["s:a", "t:a"] {
        for form in [SSE, NDJSON, "*/*"] {
            let path = format!("/v1/topics/{topic}?watch=true&credit=2");
            let whole = ask(&node, form, &path, "").await;
            assert_eq!(whole.puts(), [0, 1, 2, 3, 4], "{form}");
            assert_eq!(whole.shown().last().map(String::as_str), Some("snapshot-end"));
            let rest = ask(&node, form, &format!("{path}&timeout=200ms"), &whole.cursor).await;
            assert_eq!(rest.puts(), [0_u64; 0], "{form}");
        }
    }
}

/// W18, W21: one credit for all topics, and in the end each of them has its turn.
#[tokio::test]
async fn several_topics_share_it() {
    let node = node();
    for form in [SSE, NDJSON, "*/*"] {
        let names = ["s:a", "t:a", "t:b"].map(|name| format!("{name}{}", form.len()));
        let topics = names.iter().map(|name| format!("topic={name}")).collect::<Vec<_>>().join("&");
        for name in &names[..2] {
            for n in 0..3 {
                publish(&node, name, keyed_in(name, n)).await;
            }
        }
        let path = format!("/v1/watch?{topics}&credit=2");
        let (mut shown, mut cursor) = (Vec::new(), String::new());
        // The two that have a snapshot, each of which is more than it may be told.
        for name in &names[..2] {
            let answer = ask(&node, form, &path, &cursor).await;
            assert_eq!(answer.puts(), [0, 1, 2], "{form}");
            assert!(answer.events.iter().all(|event| event["type"] != "put" || event["topic"] == *name));
            cursor = answer.cursor;
        }
        publish(&node, &names[2], keyed_in(&names[2], 0)).await;
        while !shown.iter().any(|topic| *topic == json!(names[2])) {
            assert!(shown.len() < 200, "{} never has its turn", names[2]);
            // There is always something new in another one.
            publish_all(&node, &names[1], (0..4).map(|n| json!({ "data": n })).collect()).await;
            let answer = ask(&node, form, &path, &cursor).await;
            assert!((1..=2).contains(&answer.puts().len()), "{form} {:?}", answer.shown());
            let puts = answer.events.iter().filter(|event| event["type"] == "put");
            shown.extend(puts.map(|event| event["topic"].clone()));
            cursor = answer.cursor;
        }
    }
}

fn keyed_in(topic: &str, n: u64) -> Value {
    if topic.starts_with("s:") { keyed(&n.to_string(), json!(n)) } else { json!({ "data": n }) }
}

/// W18: it would be asked for over and over.
#[tokio::test]
async fn a_request_for_nothing_is_refused() {
    let node = node();
    for form in [SSE, NDJSON, "*/*"] {
        for path in ["/v1/topics/t:a?watch=true", "/v1/watch?topic=t:a"] {
            let headers = [("accept", form)];
            let answer = Http::once(node.address(), "GET", &format!("{path}&credit=0"), &headers, "").await.json();
            assert_eq!((&answer["name"], &answer["parameter"]), (&json!("BAD_PARAMETER"), &json!("credit")), "{path}");
        }
    }
}
