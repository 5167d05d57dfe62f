//! Publishers: what they repeat after a restart is stored once, and what they have yet to say is taken.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::lasting::{ENDS, End, Lasting};
use super::{parts, version};
use crate::harness::{Http, Socket};

const TOPIC: &str = "chat:a";
const TARGET: &str = "/v1/topics/chat:a";

fn publication(sequence: u64) -> Value {
    json!({ "topic": TOPIC, "data": sequence, "producer": { "id": "p-1", "sequence": sequence } })
}

/// The data that are stored, in their order.
async fn stored(node: &mut Lasting) -> Vec<Value> {
    let mut stored: Value = serde_json::from_str(&node.get(&format!("{TARGET}?limit=1000")).await).expect("a snapshot");
    stored["items"].as_array_mut().expect("items are a list").iter_mut().map(|item| item["data"].take()).collect()
}

/// P9, G5: the results of a producer are remembered, and the next sequence is the next.
#[tokio::test]
async fn a_producer_goes_on_where_it_was_and_what_it_repeats_is_stored_once() {
    for end in ENDS {
        let mut node = Lasting::start();
        let mut socket = node.socket().await;
        let mut versions = Vec::new();
        for sequence in 1..=300 {
            versions.push(version(&socket.ask("PUBLISH", sequence, publication(sequence)).await));
        }
        node.restart(end);
        let mut socket = node.socket().await;
        // The last 256 are kept.
        for sequence in [45, 46, 299, 300] {
            let again = socket.ask("PUBLISH", sequence, publication(sequence)).await;
            assert_eq!(version(&again), versions[sequence as usize - 1], "{end:?}");
        }
        let forgotten = socket.ask("PUBLISH", 1, publication(44)).await;
        assert_eq!(forgotten["payload"]["name"], "OUT_OF_SEQUENCE", "{end:?}: {forgotten}");
        assert_eq!(forgotten["payload"]["expected"], 301, "{end:?}: {forgotten}");
        let leap = socket.ask("PUBLISH", 2, publication(302)).await;
        assert_eq!(leap["payload"]["name"], "OUT_OF_SEQUENCE", "{end:?}: {leap}");
        let mut other = publication(300);
        other["data"] = json!("something else");
        let other = socket.ask("PUBLISH", 3, other).await;
        assert_eq!(other["payload"]["name"], "IDEMPOTENCY_MISMATCH", "{end:?}: {other}");
        let next = version(&socket.ask("PUBLISH", 301, publication(301)).await);
        assert_eq!(parts(&next), (parts(&versions[0]).0, 301), "{end:?}");
        assert_eq!(stored(&mut node).await, (1..=301).map(Value::from).collect::<Vec<_>>(), "{end:?}");
    }
}

/// P14, G3, G5: killed amid a burst again and again; a client that repeats whatever was not answered stores each once.
#[tokio::test]
async fn a_producer_that_is_cut_off_in_a_burst_repeats_it_and_each_is_stored_once_and_in_order() {
    const COUNT: u64 = 600;
    const BURST: u64 = 100;
    let mut node = Lasting::start();
    let mut answered: BTreeMap<u64, String> = BTreeMap::new();
    let mut ends = [End::Killed, End::Killed, End::Terminated].into_iter().cycle();
    let mut restarts = 0;
    loop {
        let next = (1..).find(|sequence| !answered.contains_key(sequence)).expect("numbers do not end");
        if next > COUNT {
            break;
        }
        let burst = next..(next + BURST).min(COUNT + 1);
        let mut socket = node.socket().await;
        for sequence in burst.clone() {
            socket.say("PUBLISH", sequence, publication(sequence)).await;
        }
        // One more than in the burst before: the end comes at another place each time.
        for _ in 0..(BURST / 2 + restarts).min(burst.end - burst.start) {
            let answer = socket.hear().await;
            let sequence = answer["id"].as_u64().expect("an id is a number");
            let version = version(&answer);
            let before = answered.insert(sequence, version.clone());
            assert!(before.is_none_or(|before| before == version), "{sequence} has two versions");
        }
        node.restart(ends.next().expect("they go round"));
        restarts += 1;
    }
    assert!(restarts > 5, "{restarts} restarts prove nothing");
    let (epoch, _) = parts(&answered[&1]);
    let expected: Vec<_> = (1..=COUNT).map(|n| format!("{epoch}.{n}")).collect();
    assert_eq!(answered.values().cloned().collect::<Vec<_>>(), expected, "none was refused, skipped or stored twice");
    assert_eq!(stored(&mut node).await, (1..=COUNT).map(Value::from).collect::<Vec<_>>());
}

/// P6, P8, G5.
#[tokio::test]
async fn an_idempotency_key_is_remembered_with_its_answer_and_its_body() {
    let keyed = [("Idempotency-Key", "order-17"), ("content-type", "application/json")];
    let batched = [("Idempotency-Key", "orders"), ("content-type", "application/json")];
    let one = r#"{"data":{"order":17}}"#;
    let several = r#"{"publications":[{"data":18},{"data":19},{"data":20}]}"#;
    for end in ENDS {
        let mut node = Lasting::start();
        let mut http = Http::connect(node.address()).await;
        let first = http.ask("POST", TARGET, &keyed, one).await;
        let batch = http.ask("POST", TARGET, &batched, several).await;
        assert_eq!((first.status, batch.status), (200, 200), "{}", first.text());

        node.restart(end);
        let mut http = Http::connect(node.address()).await;
        let again = http.ask("POST", TARGET, &keyed, one).await;
        assert_eq!((again.status, again.text()), (200, first.text()), "{end:?}");
        let again = http.ask("POST", TARGET, &batched, several).await;
        assert_eq!((again.status, again.text()), (200, batch.text()), "{end:?}");
        let other = http.ask("POST", TARGET, &keyed, r#"{"data":{"order":18}}"#).await;
        assert_eq!(other.status, 422, "{end:?}: {}", other.text());
        assert_eq!(other.json()["name"], "IDEMPOTENCY_MISMATCH", "{end:?}");
        assert_eq!(stored(&mut node).await, [json!({ "order": 17 }), json!(18), json!(19), json!(20)], "{end:?}");
    }
}

/// P8: the window goes on, and ends.
#[tokio::test]
async fn an_idempotency_key_is_forgotten_once_its_window_is_over_after_a_restart_too() {
    let mut node = Lasting::with("[idempotency]\nwindow_ms = 1000\n");
    let body = json!({ "topic": TOPIC, "data": 1, "idempotencyKey": "k" });
    let mut socket = node.socket().await;
    let first = version(&socket.ask("PUBLISH", 1, body.clone()).await);
    node.restart(End::Killed);
    let mut socket: Socket = node.socket().await;
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(100));
    // It is repeated until it is a new one: only the time that passes brings that about.
    for id in 1..200 {
        pace.tick().await;
        let again = version(&socket.ask("PUBLISH", id, body.clone()).await);
        if again != first {
            assert_eq!(parts(&again), (parts(&first).0, 2));
            return;
        }
    }
    panic!("the key is remembered for ever");
}

/// P7: the version that a condition names is the one of before.
#[tokio::test]
async fn a_condition_on_a_version_of_before_holds_or_is_refused_as_ever() {
    for end in ENDS {
        let mut node = Lasting::start();
        let versions = node.publish(TOPIC, 1..=2).await;
        node.restart(end);
        let mut socket = node.socket().await;
        let late = json!({ "topic": TOPIC, "data": 3, "ifVersion": versions[0] });
        let late = socket.ask("PUBLISH", 1, late).await;
        assert_eq!(late["payload"]["name"], "VERSION_CONFLICT", "{end:?}: {late}");
        assert_eq!(late["payload"]["current"], versions[1], "{end:?}: {late}");
        let right = json!({ "topic": TOPIC, "data": 3, "ifVersion": versions[1] });
        assert_eq!(parts(&version(&socket.ask("PUBLISH", 2, right).await)).1, 3, "{end:?}");
    }
}
