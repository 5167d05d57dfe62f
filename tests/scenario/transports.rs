//! A version taken from one transport resumes on any other: the cursor is the topic's, not the connection's.

use serde_json::{Value, json};

use crate::harness::{Http, Node, Socket, SseSession, Tcp, sse, tcp};

const TOPIC: &str = "chat:a";

async fn publish(node: &Node, numbers: std::ops::Range<u32>) {
    let publications: Vec<_> = numbers.map(|n| json!({ "data": n })).collect();
    let body = json!({ "publications": publications }).to_string();
    let answer = Http::once(node.address(), "POST", "/v1/topics/chat:a", &[], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The numbers of a batch, whose `through` is where the next transport goes on.
fn numbers(batch: &Value, cursor: &mut Value) -> Vec<u64> {
    assert_eq!(&batch["after"], &*cursor, "{batch}");
    *cursor = batch["through"].clone();
    let events = batch["events"].as_array().expect("events");
    events.iter().filter_map(|event| event["data"].as_u64()).collect()
}

/// S5, L7: what a session may cost is the same everywhere.
#[tokio::test]
async fn the_limits_of_a_session_hold_on_every_transport() {
    let node = Node::with(
        &[],
        "[server]\ntcp_listen = \"127.0.0.1:0\"\n[limits]\nsubscriptions_max = 1\nrequests_in_flight_max = 1\n",
    );
    // It waits for a version that is not there, so it is still in flight when the next is heard.
    let published = Http::once(node.address(), "POST", "/v1/topics/chat:a", &[], "{\"data\":1}").await.json();
    let (epoch, _) = published["resourceVersion"].as_str().and_then(|v| v.split_once('.')).expect("EPOCH.OFFSET");
    let ahead = json!({ "topic": TOPIC, "resourceVersion": format!("{epoch}.9") });
    let page = json!({ "topic": TOPIC });
    let both = sse::line("SUBSCRIBE", 1, &ahead) + &sse::line("HISTORY", 2, &page);
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    tcp.send_bytes(&[tcp::frame_of("SUBSCRIBE", 1, &ahead), tcp::frame_of("HISTORY", 2, &page)].concat()).await;
    let mut stream = SseSession::open(node.address(), &both).await;
    for refused in [tcp.answer(2).await, stream.answer(2).await] {
        assert_eq!(refused["payload"]["name"], "TOO_MANY_REQUESTS_IN_FLIGHT", "{refused}");
    }
    for first in [tcp.answer(1).await, stream.answer(1).await] {
        assert_eq!(first["payload"]["name"], "VERSION_AHEAD", "{first}");
    }
    let two = json!({ "views": [{ "topic": "chat:b" }, { "topic": "chat:c" }] });
    for refused in [tcp.ask("SUBSCRIBE", 3, two.clone()).await, stream.ask("SUBSCRIBE", 3, two).await] {
        assert_eq!(refused["payload"]["name"], "TOO_MANY_SUBSCRIPTIONS", "{refused}");
    }
}

/// V1, W6, W8.
#[tokio::test]
async fn a_version_of_one_transport_resumes_on_every_other() {
    let node = Node::with(&[], "[server]\ntcp_listen = \"127.0.0.1:0\"\n");
    publish(&node, 0..1).await;
    let mut socket = Socket::json(node.address()).await;
    let subscribed = socket.ask("SUBSCRIBE", 1, json!({ "topic": TOPIC, "from": "latest" })).await;
    let mut cursor = subscribed["payload"]["resourceVersion"].clone();
    publish(&node, 1..3).await;
    assert_eq!(numbers(&socket.events().await, &mut cursor), [1, 2]);
    drop(socket);

    publish(&node, 3..5).await;
    let resume = |cursor: &Value| json!({ "topic": TOPIC, "resourceVersion": cursor });
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    let subscribed = tcp.ask("SUBSCRIBE", 1, resume(&cursor)).await;
    assert_eq!((&subscribed["payload"]["resumed"], &subscribed["payload"]["resourceVersion"]), (&json!(true), &cursor));
    assert_eq!(numbers(&tcp.events().await, &mut cursor), [3, 4]);
    drop(tcp);

    publish(&node, 5..7).await;
    let mut sse = SseSession::open(node.address(), "").await;
    assert_eq!(sse.ask("SUBSCRIBE", 1, resume(&cursor)).await["payload"]["resumed"], true);
    assert_eq!(numbers(&sse.events().await, &mut cursor), [5, 6]);
    drop(sse);

    publish(&node, 7..9).await;
    let path = format!("/v1/topics/{TOPIC}?watch=true&resourceVersion={}", cursor.as_str().expect("a version"));
    let polled = Http::once(node.address(), "GET", &path, &[], "").await.json();
    let of_poll: Vec<_> = polled["events"].as_array().expect("events").iter().map(|e| e["data"].clone()).collect();
    assert_eq!(of_poll, [7, 8]);

    publish(&node, 9..10).await;
    let mut tcp = Tcp::connect(node.tcp_address()).await;
    assert_eq!(tcp.ask("SUBSCRIBE", 1, resume(&polled["resourceVersion"])).await["payload"]["resumed"], true);
    let mut cursor = polled["resourceVersion"].clone();
    assert_eq!(numbers(&tcp.events().await, &mut cursor), [9]);
}
