//! What a watch shows and how fast, and how that changes while it goes on.

use std::time::Duration;

use fanfare_client::{Client, Code, Event, EventKind, Start, Topic, View, Watch};
use serde_json::{Value, json};

use crate::node::Node;
use crate::proxy::Proxy;
use crate::{client, next, next_of};

async fn connected(node: &Node) -> Client {
    client(&node.url()).connect().await.expect("a connection")
}

async fn put(topic: &Topic, key: &str, data: Value) {
    topic.publish(data).key(key).send().await.expect("a version");
}

async fn say(topic: &Topic, data: Value) {
    topic.publish(data).send().await.expect("a version");
}

/// What comes next, in short: `put KEY DATA`, `delete KEY`, or the kind.
async fn shown(watch: &mut Watch) -> String {
    let event = next(watch).await;
    let key = event.key().map_or_else(String::new, |key| format!(" {key}"));
    match event.kind() {
        EventKind::Put => format!("put{key} {}", String::from_utf8_lossy(event.data())),
        EventKind::Delete => format!("delete{key}"),
        EventKind::ViewChanged => format!("changed, resumed {}", event.is_resumed()),
        kind => format!("{kind:?}"),
    }
}

async fn all_shown(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(shown(watch).await);
    }
    all
}

#[tokio::test]
async fn filters_equalities_and_fields_show_what_they_say() {
    let node = Node::start();
    let client = connected(&node).await;
    let topic = client.topic("chat:lens");
    let mut dear = topic.watch().filter("data.price > 10").fields(["price"]).open();
    let mut acme = topic.watch().equal("data.symbol", "ACME").equal("attributes.lang", "en").open();
    for watch in [&mut dear, &mut acme] {
        next_of(EventKind::SnapshotEnd, watch).await;
    }
    say(&topic, json!({ "symbol": "ACME", "price": 5 })).await;
    topic.publish(json!({ "symbol": "ACME", "price": 6 })).attribute("lang", "en").send().await.expect("a version");
    say(&topic, json!({ "symbol": "IBM", "price": 11 })).await;
    assert_eq!(shown(&mut dear).await, r#"put {"price":11}"#);
    assert_eq!(next(&mut acme).await.json::<Value>().expect("JSON")["price"], 6);
}

/// W15: the latest of each key.
#[tokio::test]
async fn a_paced_watch_of_a_state_leaves_out_what_was_replaced() {
    let node = Node::start();
    let client = connected(&node).await;
    let topic = client.topic("fleet:paced");
    let interval = Duration::from_millis(300);
    let mut watches = [
        topic.watch().interval(interval).open(),
        topic.watch().debounce(interval).open(),
        topic.watch().max_events_per_second(4.0).open(),
    ];
    for watch in &mut watches {
        next_of(EventKind::SnapshotEnd, watch).await;
    }
    let sends: Vec<_> = (0..=100).map(|n| topic.publish(json!({ "n": n })).key("van").send()).collect();
    for send in sends {
        send.await.expect("a version");
    }
    for watch in &mut watches {
        let mut count = 0;
        loop {
            count += 1;
            if next(watch).await.json::<Value>().expect("JSON")["n"] == 100 {
                break;
            }
        }
        assert!(count < 50, "{count} came of 101");
    }
}

#[tokio::test]
async fn on_change_is_silent_while_what_is_kept_stays_as_it_is() {
    let node = Node::start();
    let client = connected(&node).await;
    let topic = client.topic("fleet:silent");
    let mut watch = topic.watch().fields(["lat"]).on_change().open();
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    for (lat, fuel) in [(1, 9), (1, 8), (2, 7)] {
        put(&topic, "van", json!({ "lat": lat, "fuel": fuel })).await;
    }
    assert_eq!(all_shown(&mut watch, 2).await, [r#"put van {"lat":1}"#, r#"put van {"lat":2}"#]);
}

/// W16: patches come over the line, whole values out of the watch, over a cut as well.
#[tokio::test]
async fn a_delta_watch_delivers_whole_values_and_less_comes_over_the_line() {
    let node = Node::start();
    let publisher = connected(&node).await;
    let topic = publisher.topic("fleet:delta");
    let long = "x".repeat(5_000);
    let value = |n: u32| json!({ "text": long, "n": n });
    put(&topic, "van", value(0)).await;

    let reader = connected(&node).await;
    let mut watch = reader.topic("fleet:delta").watch().delta().open();
    assert_eq!(next(&mut watch).await.json::<Value>().expect("JSON"), value(0));
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    let before = reader.stats().received_bytes;
    for n in 1..=20 {
        put(&topic, "van", value(n)).await;
        let event = next(&mut watch).await;
        assert_eq!((event.kind(), event.key()), (EventKind::Put, Some("van")));
        assert_eq!(event.json::<Value>().expect("JSON"), value(n));
    }
    let received = reader.stats().received_bytes - before;
    assert!(received < 20_000, "{received} bytes of 100,000");

    // A line that breaks between patches, but now and then takes what was missed in one frame.
    let proxy = Proxy::start(node.address(), 7, 4_000..6_000).await;
    let broken = client(&proxy.url()).connect_later().expect("a URL");
    let mut watch = broken.topic("fleet:broken").watch().delta().open();
    let topic = publisher.topic("fleet:broken");
    let value = |n: u64| json!({ "text": &long[..300], "n": n });
    for last in (0..=200).step_by(5) {
        for n in last..last + 5 {
            put(&topic, "van", value(n)).await;
        }
        loop {
            let event = next(&mut watch).await;
            if event.kind() == EventKind::Put {
                let data = event.json::<Value>().expect("JSON");
                let n = data["n"].as_u64().expect("a number");
                assert_eq!(data, value(n));
                if n == last + 4 {
                    break;
                }
            }
        }
    }
    assert!(proxy.cuts_count() > 0, "the line broke");
}

/// W18: the node holds back what was not granted, and all of it comes.
#[tokio::test]
async fn a_reader_with_credit_is_never_ahead_of_itself_and_gets_everything() {
    let node = Node::start();
    let publisher = connected(&node).await;
    let topic = publisher.topic("chat:credit");
    let pad = "x".repeat(1_000);
    for n in 0..200 {
        say(&topic, json!([n, pad])).await;
    }
    let reader = connected(&node).await;
    let mut watch = reader.topic("chat:credit").watch().from(Start::Beginning).credit(10).open();
    let mut other = reader.topic("chat:other").watch().open();
    for n in 0..200 {
        let event = next(&mut watch).await;
        assert_eq!(event.json::<Value>().expect("JSON")[0], n);
        if n == 5 {
            // An answer comes behind whatever was sent before it.
            next_of(EventKind::SnapshotEnd, &mut other).await;
            let received = reader.stats().received_bytes;
            assert!(received < 30_000, "{received} bytes of 200,000");
        }
    }
    say(&topic, json!([200])).await;
    assert_eq!(shown(&mut watch).await, "put [200]");
}

/// W17.
#[tokio::test]
async fn a_watch_is_updated_and_says_from_where_on() {
    let node = Node::start();
    let client = connected(&node).await;
    let chat = client.topic("chat:updated");
    let mut watch = chat.watch().equal("data.n", 1).open();
    next_of(EventKind::SnapshotEnd, &mut watch).await;
    watch.update(View::new().equal("data.n", 2)).expect("the client is open");
    assert_eq!(shown(&mut watch).await, "changed, resumed true");
    for n in [1, 2] {
        say(&chat, json!({ "n": n })).await;
    }
    assert_eq!(shown(&mut watch).await, r#"put {"n":2}"#);

    let fleet = client.topic("fleet:updated");
    for n in [1, 2] {
        put(&fleet, &format!("van-{n}"), json!({ "n": n })).await;
    }
    let mut watch = fleet.watch().equal("data.n", 1).open();
    assert_eq!(all_shown(&mut watch, 2).await, [r#"put van-1 {"n":1}"#, "SnapshotEnd"]);
    watch.update(View::new().equal("data.n", 2)).expect("the client is open");
    let anew = ["changed, resumed false", r#"put van-2 {"n":2}"#, "SnapshotEnd"];
    assert_eq!(all_shown(&mut watch, 3).await, anew);
    watch.update(View::new().equal("data.n", 2).interval(Duration::from_millis(10))).expect("the client is open");
    assert_eq!(shown(&mut watch).await, "changed, resumed true");
    put(&fleet, "van-2", json!({ "n": 1 })).await;
    assert_eq!(shown(&mut watch).await, "delete van-2");

    watch.update(View::new().filter("data.n >")).expect("the client is open");
    let failure: Event = next(&mut watch).await;
    assert_eq!(failure.kind(), EventKind::Failure);
    assert_eq!(failure.error().and_then(fanfare_client::Error::code), Some(Code::BadFilter));
    put(&fleet, "van-3", json!({ "n": 2 })).await;
    assert_eq!(shown(&mut watch).await, r#"put van-3 {"n":2}"#, "the view is as it was");
}
