//! Sessions over SSE and POST: what is theirs alone. Rules H11, S4, S9, S11.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::http::Answer;
use crate::harness::node::Launch;
use crate::harness::sse::{line, post};
use crate::harness::{Http, Node, Socket, SseSession};

const TWO_WORKERS: &str = "[server]\nworkers = 2\n";

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, name: &str, class: &str) {
    let problem = answer.json();
    assert_eq!(
        (answer.status, &problem["name"], &problem["class"]),
        (status, &json!(name), &json!(class)),
        "{answer:?}"
    );
}

async fn metric(node: &Node, line: &str) {
    let line = format!("\n{line}\n");
    while !Http::once(node.address(), "GET", "/metrics", &[], "").await.text().contains(&line) {
        tokio::task::yield_now().await;
    }
}

/// H11: what opens the stream may say the first words, and the answer is one that nobody keeps or holds back.
#[tokio::test]
async fn the_request_that_opens_the_stream_may_say_the_first_words() {
    let node = Node::start();
    let lines = line("CONNECT", 1, &json!({ "client": "test/1" }))
        + "\n"
        + &line("SUBSCRIBE", 2, &json!({ "topic": "chat:a" }));
    let mut sse = SseSession::open(node.address(), &lines).await;
    assert_eq!(sse.head.header("cache-control"), Some("no-store"));
    assert_eq!(sse.head.header("x-accel-buffering"), Some("no"));
    let session = sse.session.clone();
    let (of_node, secret) = session.split_once('.').expect("the node and the secret");
    assert_eq!((of_node, secret.len()), ("1", 32));
    let connected = sse.hear().await;
    assert_eq!((&connected["type"], &connected["payload"]["nodeId"]), (&json!("CONNECTED"), &json!("1")));
    assert_ne!(connected["payload"]["connectionId"], secret, "who sees a publication must not learn where to post");
    assert_eq!(sse.hear().await["type"], "SUBSCRIBED");
    assert_eq!(sse.events().await["events"][0]["type"], "snapshot-end");
    metric(&node, "fanfare_connections{transport=\"sse_session\"} 1").await;
    metric(&node, "fanfare_http_streams{transport=\"sse_session\"} 1").await;
}

/// H11, E8, E9: several envelopes in a POST, one of them wrong.
#[tokio::test]
async fn the_lines_of_a_post_are_answered_on_the_stream() {
    let node = Node::start();
    let mut sse = SseSession::open(node.address(), "").await;
    let lines = line("PING", 1, &json!({}))
        + "\r\n{\"type\":\n"
        + &line("CONNECT", 2, &json!({}))
        + &line("PING", 3, &json!({}));
    let taken = sse.post(&lines).await;
    assert_eq!((taken.status, taken.body.len()), (202, 0), "{taken:?}");
    assert_eq!(sse.hear().await, json!({ "type": "PONG", "id": 1 }));
    for (id, name) in [(Value::Null, "MALFORMED"), (json!(2), "PROTOCOL_VIOLATION")] {
        let error = sse.hear().await;
        assert_eq!((&error["id"], &error["payload"]["name"]), (&id, &json!(name)), "{error}");
    }
    assert_eq!(sse.hear().await, json!({ "type": "PONG", "id": 3 }));
    assert_eq!(sse.post("").await.status, 202, "nothing may be said");
}

/// S4: whichever worker a POST comes to.
#[tokio::test]
async fn posts_take_effect_in_their_order_on_any_worker() {
    let node = Node::with(&[], TWO_WORKERS);
    let mut sse = SseSession::open(node.address(), &line("SUBSCRIBE", 1, &json!({ "topic": "chat:a" }))).await;
    for n in 0..40_u64 {
        let two = [2 * n, 2 * n + 1];
        let lines = two.map(|n| line("PUBLISH", n + 10, &json!({ "topic": "chat:a", "data": n }))).concat();
        let taken = sse.post(&lines).await;
        assert_eq!(taken.status, 202, "{taken:?}");
    }
    let mut expected = 0;
    while expected < 80 {
        for event in sse.events().await["events"].as_array().expect("events") {
            if event["type"] == "put" {
                assert_eq!(event["data"], expected);
                expected += 1;
            }
        }
    }
}

/// H11: at the same time is in some order, and nothing is lost or doubled.
#[tokio::test]
async fn posts_at_the_same_time_are_taken_one_after_the_other() {
    let node = Node::with(&[], TWO_WORKERS);
    let mut sse = SseSession::open(node.address(), "").await;
    let mut posts = JoinSet::new();
    for n in 0..6 {
        let (address, session) = (node.address(), sse.session.clone());
        posts.spawn(async move {
            let lines: String = (0..100).map(|at| line("PING", n * 100 + at + 1, &json!({}))).collect();
            post(address, &session, &lines).await
        });
    }
    while let Some(taken) = posts.join_next().await {
        assert_eq!(taken.expect("posted").status, 202);
    }
    let mut last_of = [0_u64; 6];
    for _ in 0..600 {
        let id = sse.hear().await["id"].as_u64().expect("an id") - 1;
        let last = &mut last_of[usize::try_from(id / 100).expect("small")];
        assert_eq!(id % 100, *last, "the lines of a POST keep their order");
        *last += 1;
    }
}

/// H11: a code that has a client begin anew.
#[tokio::test]
async fn a_session_that_is_not_there_is_told_so() {
    let node = Node::start();
    let unknown = format!("1.{}", "0".repeat(32));
    for session in [unknown.as_str(), "1", "2.0123456789abcdef0123456789abcdef", "%00", "x"] {
        let answer = post(node.address(), session, &line("PING", 1, &json!({}))).await;
        assert_problem(&answer, 404, "NO_SUCH_SESSION", "retry");
    }
    let got = Http::once(node.address(), "GET", "/v1/sse", &[], "").await;
    assert_problem(&got, 405, "METHOD_NOT_ALLOWED", "terminal");
    let asked = Http::once(node.address(), "POST", "/v1/sse?topic=chat:a&form=latest", &[], "").await;
    assert_problem(&asked, 422, "UNKNOWN_PARAMETER", "terminal");
}

/// H11: the session is its stream.
#[tokio::test]
async fn a_session_ends_with_its_stream_and_its_views_with_it() {
    let node = Node::start();
    let sse = SseSession::open(node.address(), &line("SUBSCRIBE", 1, &json!({ "topic": "chat:a" }))).await;
    metric(&node, "fanfare_subscriptions 1").await;
    let SseSession { stream, session, .. } = sse;
    drop(stream);
    metric(&node, "fanfare_subscriptions 0").await;
    metric(&node, "fanfare_connections{transport=\"sse_session\"} 0").await;
    metric(&node, "fanfare_http_streams{transport=\"sse_session\"} 0").await;
    assert_problem(&post(node.address(), &session, "").await, 404, "NO_SUCH_SESSION", "retry");
}

/// S11: who watches may be silent; who does neither is told.
#[tokio::test]
async fn a_stream_that_watches_lives_without_posts() {
    let node = Node::with(
        &[],
        "[limits]\nfirst_frame_timeout_ms = 1000\nidle_timeout_ms = 1000\n\
         [delivery]\nheartbeat_interval_ms = 1000\npong_timeout_ms = 1000\n",
    );
    let mut watching = SseSession::open(node.address(), &line("SUBSCRIBE", 1, &json!({ "topic": "chat:a" }))).await;
    let mut mute = SseSession::open(node.address(), "").await;
    let error = mute.hear().await;
    assert_eq!(error["payload"]["name"], "HANDSHAKE_TIMEOUT", "{error}");
    assert_eq!(mute.stream.text_to_the_end().await, "");
    let mut idle = SseSession::open(node.address(), &line("PING", 1, &json!({}))).await;
    assert_eq!(idle.hear().await["type"], "PONG");
    assert_eq!(idle.hear().await["payload"]["name"], "IDLE");
    assert_problem(&idle.post("").await, 404, "NO_SUCH_SESSION", "retry");
    let answer = Http::once(node.address(), "POST", "/v1/topics/chat:a", &[], "{\"data\":1}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    loop {
        let batch = watching.events().await;
        if batch["events"][0]["data"] == 1 {
            break;
        }
    }
}

/// L1: too much is refused before it is read, and nothing else is.
#[tokio::test]
async fn a_post_that_is_too_large_ends_no_session() {
    let node = Node::start();
    let mut sse = SseSession::open(node.address(), "").await;
    let large = "x".repeat(1024 * 1024 + 1);
    assert_problem(&sse.post(&large).await, 413, "FRAME_TOO_LARGE", "terminal");
    assert_eq!(sse.ask("PING", 1, json!({})).await["type"], "PONG");
}

/// W10, S4: who does not read holds a bounded number of POSTs up, and misses nothing in the end.
#[tokio::test]
async fn a_reader_that_stops_has_its_posts_wait_and_then_gets_everything() {
    const POSTS: u64 = 48;
    let node = Node::with(&[], "[[namespace]]\nname = \"chat\"\nhistory_count = 100000\nhistory_bytes = 67108864\n");
    let text = "x".repeat(4_000);
    let publications: Vec<_> = (0..200).map(|n| json!({ "data": { "n": n, "text": text } })).collect();
    let body = json!({ "publications": publications }).to_string();
    let answer = Http::once(node.address(), "POST", "/v1/topics/chat:a", &[], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut sse =
        SseSession::open(node.address(), &line("SUBSCRIBE", 1, &json!({ "topic": "chat:a", "from": "latest" }))).await;
    assert_eq!(sse.answer(1).await["type"], "SUBSCRIBED");
    // Each answer is some 800 kB, and nobody reads them.
    let mut posts = JoinSet::new();
    for id in 0..POSTS {
        let (address, session) = (node.address(), sse.session.clone());
        posts.spawn(async move {
            let lines = line("HISTORY", id + 10, &json!({ "topic": "chat:a", "limit": 200 }));
            (id + 10, post(address, &session, &lines).await)
        });
    }
    let mut taken = Vec::new();
    let refused = loop {
        let (id, answer) = posts.join_next().await.expect("some are refused").expect("answered");
        match answer.status {
            202 => taken.push(id),
            _ => break answer,
        }
    };
    assert_problem(&refused, 429, "TOO_MANY_REQUESTS_IN_FLIGHT", "wait");
    for batch in 0..20_u64 {
        let publications: Vec<_> = (0..50).map(|n| json!({ "data": { "n": batch * 50 + n, "text": text } })).collect();
        let body = json!({ "publications": publications }).to_string();
        let answer = Http::once(node.address(), "POST", "/v1/topics/chat:a", &[], &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let reading = tokio::spawn(async move {
        let (mut pages, mut expected) = (Vec::new(), 0);
        while expected < 1_000 {
            let envelope = sse.hear().await;
            match envelope["type"].as_str() {
                Some("HISTORY_PAGE") => pages.push(envelope["id"].as_u64().expect("an id")),
                Some("EVENT") => {
                    let events = envelope["payload"]["events"].as_array().expect("events");
                    for event in events.iter().filter(|event| event["type"] == "put") {
                        assert_eq!(event["data"]["n"], json!(expected));
                        expected += 1;
                    }
                }
                _ => {}
            }
        }
        (sse, pages)
    });
    while let Some(post) = posts.join_next().await {
        let (id, answer) = post.expect("answered");
        if answer.status == 202 {
            taken.push(id);
        }
    }
    let (mut sse, mut pages) = reading.await.expect("read");
    while pages.len() < taken.len() {
        let envelope = sse.hear().await;
        if envelope["type"] == "HISTORY_PAGE" {
            pages.push(envelope["id"].as_u64().expect("an id"));
        }
    }
    pages.sort_unstable();
    taken.sort_unstable();
    assert_eq!(pages, taken, "each POST that was taken was answered, once");
}

/// S9: as over any other transport, and the stream ends cleanly.
#[tokio::test]
async fn a_stopping_node_says_goaway_and_ends_the_stream() {
    let mut node = Node::start();
    let mut sse = SseSession::open(node.address(), &line("SUBSCRIBE", 1, &json!({ "topic": "chat:a" }))).await;
    sse.events().await;
    node.terminate();
    let goaway = sse.hear().await;
    assert_eq!((&goaway["type"], goaway["payload"]["withinMs"].is_u64()), (&json!("GOAWAY"), true), "{goaway}");
    let last = sse.stream.text_to_the_end().await;
    let slot = last.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix("\n\n")).and_then(|ms| ms.parse().ok());
    assert!(slot.is_some_and(|ms: u64| ms <= 5_000), "{last:?}");
    drop(sse);
    assert_eq!(node.wait(Duration::from_secs(10)).code(), Some(0));
}

/// S9: who comes while the node stops is sent elsewhere, and who is still there is told so in-band.
#[tokio::test]
async fn a_session_opened_while_the_node_stops_is_refused() {
    let node = Node::start();
    // Until this client has closed too, or the node gives up on it, the node stays.
    let mut lingering = Socket::json(node.address()).await;
    lingering.ask("PING", 1, json!({})).await;
    node.terminate();
    assert_eq!(lingering.hear().await["type"], "GOAWAY");
    let refused = Http::once(node.address(), "POST", "/v1/sse", &[], "").await;
    assert_problem(&refused, 503, "GOING_AWAY", "retry");
    let seconds: u64 = refused.header("retry-after").expect("a slot").parse().expect("whole seconds");
    assert!((1..=5).contains(&seconds), "{seconds}");
}

/// H13: who reads the log must not be able to speak for a client.
#[tokio::test]
async fn the_name_of_a_session_stands_in_no_log() {
    let variables = vec![("FANFARE_LOG", "info,fanfare_engine=debug,actix_http=debug,actix_web=debug".into())];
    let node = Launch { variables, ..Launch::default() }.start().expect("a node");
    let mut sse = SseSession::open(node.address(), "").await;
    assert_eq!(sse.ask("PING", 1, json!({})).await["type"], "PONG");
    let (_, secret) = sse.session.split_once('.').expect("the node and the secret");
    let line = node.told("/v1/sse/{session}");
    assert!(!line.contains(secret), "{line}");
    let logged = node.logged();
    assert!(logged.iter().all(|line| !line.contains(secret)), "{logged:#?}");
}

/// Threat 1: the same rules as for every other route.
#[tokio::test]
async fn a_foreign_page_neither_opens_a_session_nor_posts_to_one() {
    let node = Node::start();
    let mut sse = SseSession::open(node.address(), "").await;
    let path = format!("/v1/sse/{}", sse.session);
    for target in ["/v1/sse", path.as_str()] {
        let ask = |origin| Http::once(node.address(), "POST", target, origin, "");
        assert_problem(&ask(&[("Origin", "https://evil.example")]).await, 403, "ORIGIN_NOT_ALLOWED", "terminal");
    }
    let own = "http://localhost:5173";
    let taken = Http::once(node.address(), "POST", &path, &[("Origin", own)], &line("PING", 1, &json!({}))).await;
    assert_eq!((taken.status, taken.header("access-control-allow-origin")), (202, Some(own)), "{taken:?}");
    assert_eq!(sse.hear().await["type"], "PONG");
}
