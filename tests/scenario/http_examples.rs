//! The HTTP examples of the protocol as they are printed, versions and times apart: the bytes of every answer.

use serde_json::json;

use crate::harness::{Http, Node};

const LOBBY: &str = "/v1/topics/chat:lobby";
const SSE: [(&str, &str); 1] = [("Accept", "text/event-stream")];

/// What `curl -d` sends beside the body: it does not say that this is JSON.
const CURL: [(&str, &str); 1] = [("Content-Type", "application/x-www-form-urlencoded")];

/// Text with times by a placeholder and versions of `epoch` by `E`: what is left is the same in every run.
fn plain(text: &str, epoch: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(r#""time":"#) {
        out.push_str(before);
        out.push_str(r#""time":TIME"#);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        assert_eq!(after.len() - rest.len(), 13, "milliseconds since 1970 have 13 digits: {text}");
    }
    out.push_str(rest);
    out.replace(&format!("{epoch}."), "E.")
}

/// A node and the epoch of `chat:lobby`, to which "hi" was published as in the example.
async fn lobby() -> (Node, String) {
    let node = Node::start();
    let answer = Http::once(node.address(), "POST", LOBBY, &CURL, r#"{"data":{"text":"hi"}}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let version = answer.json()["resourceVersion"].as_str().expect("a version is a string").to_owned();
    let (epoch, offset) = version.split_once('.').expect("EPOCH.OFFSET");
    assert!(u64::from_str_radix(epoch, 16).is_ok_and(|epoch| epoch > 0), "{version}");
    assert_eq!(offset, "1");
    assert_eq!(answer.text(), format!(r#"{{"resourceVersion":"{version}"}}"#));
    (node, epoch.to_owned())
}

async fn publish(node: &Node, text: &str) -> String {
    let body = json!({ "data": { "text": text } }).to_string();
    let answer = Http::once(node.address(), "POST", LOBBY, &CURL, &body).await;
    answer.json()["resourceVersion"].as_str().expect("a version is a string").to_owned()
}

fn put(offset: u64, text: &str) -> String {
    format!(r#"{{"type":"put","resourceVersion":"E.{offset}","data":{{"text":"{text}"}},"time":TIME}}"#)
}

/// An event as SSE has it.
fn sse_put(offset: u64, text: &str) -> String {
    format!("id: E.{offset}\nevent: put\ndata: {}\n\n", put(offset, text))
}

/// H1, H4.
#[tokio::test]
async fn a_publication_stands_in_the_snapshot() {
    let (node, epoch) = lobby().await;
    let answer = Http::once(node.address(), "GET", LOBBY, &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(
        plain(answer.text(), &epoch),
        r#"{"topic":"chat:lobby","resourceVersion":"E.1","items":[{"resourceVersion":"E.1","data":{"text":"hi"},"time":TIME}]}"#
    );
}

/// V4.
#[tokio::test]
async fn a_topic_that_does_not_exist_has_an_empty_snapshot() {
    let node = Node::start();
    let answer = Http::once(node.address(), "GET", "/v1/topics/chat:nowhere", &[], "").await;
    assert_eq!(answer.text(), r#"{"topic":"chat:nowhere","resourceVersion":"0.0","items":[]}"#);
}

/// H3, W9.
#[tokio::test]
async fn an_event_stream_is_the_example_to_the_byte() {
    let (node, epoch) = lobby().await;
    let mut stream = Http::connect(node.address()).await;
    stream.say("GET", &format!("{LOBBY}?watch=true"), &SSE, "").await;
    let head = stream.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    let snapshot = stream.text_through("event: snapshot-end\n").await + &stream.text_through("\n\n").await;
    let end = "id: E.1\nevent: snapshot-end\ndata: {\"type\":\"snapshot-end\",\"resourceVersion\":\"E.1\"}\n\n";
    assert_eq!(plain(&snapshot, &epoch), format!("retry: 1000\n\n{}{end}", sse_put(1, "hi")));

    publish(&node, "yo").await;
    assert_eq!(plain(&stream.text_through("\n\n").await, &epoch), sse_put(2, "yo"));
}

/// H3, W7: what an `EventSource` does when its connection breaks.
#[tokio::test]
async fn an_event_stream_resumes_behind_the_last_event_id_exactly() {
    let (node, epoch) = lobby().await;
    let mut stream = Http::connect(node.address()).await;
    stream.say("GET", &format!("{LOBBY}?watch=true"), &SSE, "").await;
    stream.head().await;
    publish(&node, "2").await;
    stream.text_through(&format!("id: {epoch}.2\n")).await;
    drop(stream);

    for text in ["3", "4", "5"] {
        publish(&node, text).await;
    }
    let last = format!("{epoch}.2");
    // The header wins over what stands in the URL since the first connection.
    for query in ["watch=true", "watch=true&from=latest", "watch=true&resourceVersion=1.1"] {
        let mut stream = Http::connect(node.address()).await;
        stream.say("GET", &format!("{LOBBY}?{query}"), &[SSE[0], ("Last-Event-ID", &last)], "").await;
        assert_eq!(stream.head().await.status, 200);
        let mut seen = String::new();
        for _ in 0..4 {
            seen += &stream.text_through("\n\n").await;
        }
        let missed = [sse_put(3, "3"), sse_put(4, "4"), sse_put(5, "5")].concat();
        assert_eq!(plain(&seen, &epoch), format!("retry: 1000\n\n{missed}"), "{query}");
    }
}

/// W11, H7: an `EventSource` would never come back from an error status, so a gap is an event.
#[tokio::test]
async fn an_event_stream_whose_cursor_is_gone_says_so_and_begins_anew() {
    let (node, epoch) = lobby().await;
    let mut stream = Http::connect(node.address()).await;
    stream.say("GET", &format!("{LOBBY}?watch=true"), &[SSE[0], ("Last-Event-ID", "77aa.3")], "").await;
    assert_eq!(stream.head().await.status, 200);
    assert_eq!(stream.text_through("\n\n").await, "retry: 1000\n\n");
    let gone = stream.text_through("\n\n").await;
    assert!(gone.contains("event: gone\n"), "{gone}");
    assert!(gone.contains(r#""name":"EPOCH_CHANGED""#), "{gone}");
    assert_eq!(plain(&stream.text_through("\n\n").await, &epoch), sse_put(1, "hi"));
    assert!(stream.text_through("\n\n").await.contains("event: snapshot-end\n"));
}

/// H3: a comment keeps the line alive.
#[tokio::test]
async fn a_silent_event_stream_has_a_heartbeat() {
    let node = Node::with(&[], "[delivery]\nheartbeat_interval_ms = 200\npong_timeout_ms = 200\n");
    let mut stream = Http::connect(node.address()).await;
    stream.say("GET", &format!("{LOBBY}?watch=true&from=latest"), &SSE, "").await;
    stream.head().await;
    stream.text_through("\n:\n\n").await;
    stream.text_through(":\n\n").await;
}

/// H2, H8.
#[tokio::test]
async fn a_long_poll_without_news_answers_empty_after_its_timeout() {
    let (node, epoch) = lobby().await;
    let target = format!("{LOBBY}?watch=true&resourceVersion={epoch}.1&timeout=300ms");
    let since = tokio::time::Instant::now();
    let answer = Http::once(node.address(), "GET", &target, &[], "").await;
    assert!(since.elapsed().as_millis() >= 300, "{:?}", since.elapsed());
    assert_eq!(plain(answer.text(), &epoch), r#"{"events":[],"resourceVersion":"E.1"}"#);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// H2.
#[tokio::test]
async fn a_long_poll_answers_as_soon_as_there_is_an_event() {
    let (node, epoch) = lobby().await;
    let mut poll = Http::connect(node.address()).await;
    poll.say("GET", &format!("{LOBBY}?watch=true&resourceVersion={epoch}.1&timeout=30s"), &[], "").await;
    // Whether it comes before the publication or after it makes no difference: that is what a cursor is for.
    publish(&node, "yo").await;
    let answer = poll.answer().await;
    assert_eq!(plain(answer.text(), &epoch), format!(r#"{{"events":[{}],"resourceVersion":"E.2"}}"#, put(2, "yo")));
    // Behind the cursor that it was given, the next poll misses nothing and repeats nothing.
    publish(&node, "3").await;
    publish(&node, "4").await;
    let next = poll.ask("GET", &format!("{LOBBY}?watch=true&resourceVersion={epoch}.2"), &[], "").await;
    assert_eq!(
        plain(next.text(), &epoch),
        format!(r#"{{"events":[{},{}],"resourceVersion":"E.4"}}"#, put(3, "3"), put(4, "4"))
    );
}

/// H4, P6, P8.
#[tokio::test]
async fn a_batch_is_one_entry_and_a_key_stores_it_once() {
    let (node, epoch) = lobby().await;
    let mut http = Http::connect(node.address()).await;
    let batch = r#"{"publications":[{"data":1},{"data":2},{"data":3}]}"#;
    for _ in 0..2 {
        let answer = http.ask("POST", LOBBY, &[("Idempotency-Key", "batch-1")], batch).await;
        assert_eq!(plain(answer.text(), &epoch), r#"{"resourceVersions":["E.2","E.3","E.4"]}"#);
    }
    let head = http.ask("GET", &format!("{LOBBY}?limit=1"), &[], "").await.json();
    assert_eq!(head["resourceVersion"], format!("{epoch}.4"));
}

/// H6, P15.
#[tokio::test]
async fn history_comes_in_pages_in_both_directions() {
    let (node, epoch) = lobby().await;
    for text in ["2", "3", "4", "5"] {
        publish(&node, text).await;
    }
    let mut http = Http::connect(node.address()).await;
    let texts = ["hi", "2", "3", "4", "5"];
    let page = |offsets: &[u64], next: Option<u64>| {
        let items: Vec<_> = offsets.iter().map(|n| put(*n, texts[*n as usize - 1])).collect();
        let next = next.map(|n| format!(r#","continue":"E.{n}""#)).unwrap_or_default();
        format!(r#"{{"topic":"chat:lobby","items":[{}],"resourceVersion":"E.5"{next}}}"#, items.join(","))
    };
    for (query, expected) in [
        (String::new(), page(&[1, 2, 3, 4, 5], None)),
        ("?limit=2".to_owned(), page(&[1, 2], Some(2))),
        (format!("?after={epoch}.2&limit=2"), page(&[3, 4], Some(4))),
        (format!("?after={epoch}.4&limit=2"), page(&[5], None)),
        (format!("?after={epoch}.5"), page(&[], None)),
        ("?reverse=true&limit=2".to_owned(), page(&[5, 4], Some(4))),
        (format!("?reverse=true&limit=3&after={epoch}.4"), page(&[3, 2, 1], None)),
    ] {
        let answer = http.ask("GET", &format!("{LOBBY}/history{query}"), &[], "").await;
        assert_eq!(plain(answer.text(), &epoch), expected, "{query}");
    }
}

/// H6.
#[tokio::test]
async fn topics_are_listed_by_prefix_in_pages() {
    let node = Node::start();
    let mut http = Http::connect(node.address()).await;
    for topic in ["chat:b", "chat:a", "chat:c", "other:a"] {
        let answer = http.ask("POST", &format!("/v1/topics/{topic}"), &[], r#"{"data":1}"#).await;
        assert_eq!(answer.status, 200, "{topic}: {}", answer.text());
    }
    let (mut listed, mut target) = (Vec::new(), "/v1/topics?prefix=chat:&limit=2".to_owned());
    loop {
        let page = http.ask("GET", &target, &[], "").await.json();
        let items = page["items"].as_array().expect("a page has items");
        listed.push(items.iter().map(|item| item["topic"].as_str().expect("a name").to_owned()).collect::<Vec<_>>());
        let Some(next) = page["continue"].as_str() else { break };
        target = format!("/v1/topics?prefix=chat:&limit=2&continue={next}");
    }
    assert_eq!(listed, [vec!["chat:a", "chat:b"], vec!["chat:c"]]);
}

/// H5, P12, W9.
#[tokio::test]
async fn a_deleted_key_leaves_the_snapshot() {
    let node = Node::with(&[], "[[namespace]]\nname = \"board\"\nkind = \"state\"\n");
    let mut http = Http::connect(node.address()).await;
    let target = "/v1/topics/board:a";
    for key in ["x", "y"] {
        http.ask("POST", target, &[], &format!(r#"{{"key":"{key}","data":{{"at":"{key}"}}}}"#)).await;
    }
    let deleted = http.ask("DELETE", &format!("{target}?key=x"), &[], "").await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let version = deleted.json()["resourceVersion"].as_str().expect("a version is a string").to_owned();
    let (epoch, _) = version.split_once('.').expect("EPOCH.OFFSET");
    let snapshot = http.ask("GET", target, &[], "").await;
    assert_eq!(
        plain(snapshot.text(), epoch),
        r#"{"topic":"board:a","resourceVersion":"E.3","items":[{"resourceVersion":"E.2","key":"y","data":{"at":"y"},"time":TIME}]}"#
    );
}
