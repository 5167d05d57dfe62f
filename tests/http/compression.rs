//! Answers made smaller for who asks for it: whole ones, and streams that hold nothing back.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use crate::client::{EventSource, get, publish, publish_numbers, send};
use crate::harness::{Node, PATIENCE};
use crate::inflating::{CODINGS, Inflating};

const WATCH: &str = "/v1/topics/chat:a?watch=true";
const SSE: &str = "text/event-stream";
const NDJSON: &str = "application/x-ndjson";

async fn answer(node: &Node, path: &str, coding: &'static str) -> Inflating {
    Inflating::open(node, path, "*/*", coding).await
}

/// No event waits for the next one: each is published when the last was read.
#[tokio::test]
async fn each_event_of_a_compressed_stream_arrives_at_once() {
    let node = Node::start();
    for coding in CODINGS {
        for (path, form, end) in [
            (WATCH, SSE, "\n\n"),
            (WATCH, NDJSON, "\n"),
            ("/v1/watch?topic=chat:a&topic=chat:b", SSE, "\n\n"),
            ("/v1/watch?topic=chat:a&topic=chat:b", NDJSON, "\n"),
        ] {
            let mut stream = Inflating::open(&node, &format!("{path}&from=latest"), form, coding).await;
            assert_eq!(stream.response.headers()["content-type"], form);
            for n in 0..20 {
                let text = format!("{coding} {n}");
                publish(&node, "chat:a", json!({ "data": text })).await;
                let event = stream.through(&format!("\"data\":\"{text}\"")).await;
                stream.through(end).await;
                assert_eq!(event.matches("\"data\":").count(), 1, "{event}");
            }
        }
    }
}

/// W18: what ends behind a credit is whole for who inflates it.
#[tokio::test]
async fn a_compressed_stream_ends_as_its_coding_wants_it() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..10).await;
    for coding in CODINGS {
        for form in [SSE, NDJSON] {
            for path in [WATCH, "/v1/watch?topic=chat:a&topic=chat:b"] {
                let stream = Inflating::open(&node, &format!("{path}&from=beginning&credit=4"), form, coding).await;
                let text = stream.whole().await;
                let seen: Vec<_> = (0..10).filter(|n| text.contains(&format!("\"data\":{n},"))).collect();
                assert_eq!(seen, [0, 1, 2, 3], "{coding} {form} {path}: {text}");
            }
        }
    }
}

/// The full session says things by itself and is answered, each at once.
#[tokio::test]
async fn each_envelope_of_a_compressed_session_arrives_at_once() {
    let node = Node::start();
    for coding in CODINGS {
        let request = reqwest::Client::new().post(node.url("/v1/sse?topic=chat:a")).header("accept-encoding", coding);
        let response = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        let mut stream = Inflating::of(response, coding);
        stream.through("event: session\ndata: {\"session\":\"").await;
        let name = stream.through("\"").await.trim_end_matches('"').to_owned();
        stream.through("snapshot-end").await;
        for n in 1..10 {
            let ping = format!("{{\"type\":\"PING\",\"id\":{n}}}");
            let posted = send(&node, Method::POST, &format!("/v1/sse/{name}"), &[], &ping).await;
            assert_eq!(posted.status, StatusCode::ACCEPTED);
            stream.through(&format!("{{\"type\":\"PONG\",\"id\":{n}}}\n\n")).await;
            publish(&node, "chat:a", json!({ "data": n })).await;
            stream.through(&format!("\"data\":{n},")).await;
        }
    }
}

#[tokio::test]
async fn whole_answers_say_the_same_compressed() {
    let node = Node::start();
    let version = publish_numbers(&node, "chat:a", 0..900).await;
    for path in [
        "/v1/topics/chat:a",
        // Some that are streamed, because they are large.
        "/v1/topics/chat:a?limit=900",
        "/v1/topics/chat:a/history?limit=900",
        "/v1/topics/chat:a?watch=true&from=snapshot",
        "/demo/chat/chat.js",
        "/demo/chat/",
    ] {
        let plain = get(&node, path).await;
        assert_eq!(plain.headers.get("content-encoding"), None, "{path}");
        for coding in CODINGS {
            let packed = answer(&node, path, coding).await;
            let headers = packed.response.headers().clone();
            assert_eq!(headers["content-type"], plain.header("content-type"));
            assert_eq!(headers["vary"], "Origin, Accept, Accept-Encoding, Last-Event-ID");
            let length: Option<usize> = headers.get("content-length").map(|n| n.to_str().unwrap().parse().unwrap());
            assert!(length.is_none_or(|length| length < plain.text.len() / 2), "{path} {coding}: {length:?}");
            assert_eq!(packed.whole().await, plain.text, "{path} {coding}");
        }
    }
    // A long poll that waits is compressed when it is answered.
    let path = format!("{WATCH}&resourceVersion={version}");
    for coding in CODINGS {
        let poll = answer(&node, &path, coding);
        let text = "x".repeat(2_000);
        let (poll, _) = tokio::join!(poll, publish(&node, "chat:a", json!({ "data": text })));
        assert!(poll.whole().await.contains(&text));
    }
    let metrics = get(&node, "/metrics").await.text;
    assert!(metrics.contains("fanfare_compression_streams 0\n"), "{metrics}");
    let bytes = |name: &str| -> u64 {
        let name = format!("fanfare_compression_{name}_bytes_total{{what=\"http\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).expect("the figure").parse().expect("a number")
    };
    assert!(bytes("packed") > 0 && bytes("packed") < bytes("plain") / 2);
}

#[tokio::test]
async fn what_would_not_win_or_was_not_asked_for_goes_out_as_it_is() {
    let node = Node::start();
    publish_numbers(&node, "chat:a", 0..100).await;
    let all = "gzip, br, zstd";
    for (path, encodings) in [
        ("/healthz", all),
        ("/v1/topics/chat:none", all),
        ("/v1/topics/chat:a", "identity"),
        ("/v1/topics/chat:a", "gzip;q=0.2, identity;q=0.5"),
        ("/v1/topics/chat:a", "gzip;q=0, deflate"),
        ("/v1/topics/chat:a", "*"),
        ("/v1/topics/chat:a", "gzip;q=much"),
        ("/v1/admin/backup", all),
    ] {
        let request = reqwest::Client::new().get(node.url(path)).header("accept-encoding", encodings);
        let answer = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        assert_eq!(
            (answer.status(), answer.headers().get("content-encoding")),
            (StatusCode::OK, None),
            "{path} {encodings}"
        );
    }
    let head = send(&node, Method::HEAD, "/v1/topics/chat:a", &[("accept-encoding", all)], "").await;
    assert_eq!((head.status, head.headers.get("content-encoding")), (StatusCode::OK, None));
    // Small, but there is no other way.
    let request = reqwest::Client::new().get(node.url("/healthz")).header("accept-encoding", "gzip, identity;q=0");
    let small = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
    assert_eq!(Inflating::of(small, "gzip").whole().await, "ok\n");
}

/// Nothing is begun that could not be answered.
#[tokio::test]
async fn a_client_that_takes_no_form_is_told_so_before_anything_is_done() {
    let node = Node::start();
    let headers = [("accept-encoding", "identity;q=0, deflate")];
    let refused = send(&node, Method::POST, "/v1/topics/chat:a", &headers, "{\"data\":1}").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (406, "NOT_ACCEPTABLE"));
    assert_eq!(get(&node, "/v1/topics/chat:a").await.json()["items"], json!([]));
}

/// A form of a page has a tag of its own, and is asked for by it.
#[tokio::test]
async fn a_page_that_is_known_in_one_form_is_not_known_in_another() {
    let node = Node::start();
    let plain = get(&node, "/demo/chat/chat.js").await.header("etag").to_owned();
    let mut tags = vec![plain];
    for coding in CODINGS {
        let packed = answer(&node, "/demo/chat/chat.js", coding).await;
        tags.push(packed.response.headers()["etag"].to_str().unwrap().to_owned());
    }
    for (at, tag) in tags.iter().enumerate() {
        for (other, coding) in ["identity"].iter().chain(&CODINGS).enumerate() {
            let headers = [("if-none-match", tag.as_str()), ("accept-encoding", coding)];
            let request =
                headers.iter().fold(reqwest::Client::new().get(node.url("/demo/chat/chat.js")), |request, (k, v)| {
                    request.header(*k, *v)
                });
            let answer = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
            let expected = if at == other { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            assert_eq!((answer.status(), answer.headers()["etag"] == tag), (expected, at == other), "{tag} {coding}");
        }
    }
}

#[tokio::test]
async fn streams_beyond_the_bound_go_out_as_they_are() {
    let node = Node::with(&[], "[limits]\ncompressed_streams_max = 2\n");
    let first = Inflating::open(&node, WATCH, SSE, "gzip").await;
    let _second = Inflating::open(&node, WATCH, NDJSON, "br").await;
    let open = || async {
        let request =
            reqwest::Client::new().get(node.url(WATCH)).header("accept", SSE).header("accept-encoding", "zstd");
        timeout(PATIENCE, request.send()).await.unwrap().unwrap()
    };
    assert_eq!(open().await.headers().get("content-encoding"), None);
    let headers = [("accept", SSE), ("accept-encoding", "zstd, identity;q=0")];
    let refused = send(&node, Method::GET, WATCH, &headers, "").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "TOO_MANY_CONNECTIONS"));
    drop(first);
    // The node learns by itself that the first one has hung up.
    let again = async { while open().await.headers().get("content-encoding").is_none() {} };
    timeout(PATIENCE, again).await.expect("there is a place again");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let node = Node::with(&[], "[server]\ncompression = false\n");
    publish_numbers(&node, "chat:a", 0..100).await;
    let headers = [("accept-encoding", "gzip, identity;q=0")];
    let answer = send(&node, Method::GET, "/v1/topics/chat:a", &headers, "").await;
    assert_eq!((answer.status, answer.headers.get("content-encoding")), (StatusCode::OK, None));
    let mut stream = EventSource::open(&node, WATCH, "").await;
    assert_eq!(stream.event().await.kind, "put");
}
