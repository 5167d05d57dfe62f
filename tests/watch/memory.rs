//! What a reader by itself knows of what it has shown: several topics in a line, and long polls.

use serde_json::{Value, json};

use crate::client::{NAMESPACES, keyed, node, publish, publish_all, short};
use crate::harness::Node;
use crate::harness::http::Http;
use crate::line::{FORMS, Line};

/// With and without something that waits.
const PACES: [&str; 2] = ["", "&interval=1ms"];

fn delete(key: &str) -> Value {
    json!({ "key": key, "delete": true })
}

/// `TOPIC KIND KEY DATA` of each, and the cursor behind them.
async fn poll(node: &Node, query: &str) -> (Vec<String>, String) {
    let answer = Http::once(node.address(), "GET", &format!("/v1/watch?topic=s:a&topic=t:a&{query}"), &[], "").await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let answer = answer.json();
    let cursor = answer["resourceVersion"].as_str().expect("a cursor").to_owned();
    (answer["events"].as_array().expect("a list").iter().filter_map(short).collect(), cursor)
}

/// W3: changes only.
#[tokio::test]
async fn a_line_of_several_topics_leaves_out_what_did_not_change() {
    for (form, pace) in FORMS.into_iter().flat_map(|form| PACES.map(|pace| (form, pace))) {
        let node = node();
        publish(&node, "s:a", keyed("a", json!({ "n": 1, "m": 1 }))).await;
        let mut line = Line::open(&node, form, &format!("onChange=true&fields=n{pace}")).await;
        publish(&node, "s:a", keyed("a", json!({ "n": 1, "m": 2 }))).await;
        publish(&node, "s:a", keyed("b", json!({ "n": 7 }))).await;
        assert_eq!(line.through("b {\"n\":7}").await, ["s:a put b {\"n\":7}"], "{form} {pace}");
        publish(&node, "s:a", keyed("b", json!({ "n": 7, "m": 3 }))).await;
        publish(&node, "s:a", delete("nothing")).await;
        publish(&node, "s:a", keyed("a", json!({ "n": 2 }))).await;
        assert_eq!(line.through("a {\"n\":2}").await, ["s:a put a {\"n\":2}"], "{form} {pace}");
    }
}

/// W16.
#[tokio::test]
async fn a_line_of_several_topics_tells_patches() {
    let long = "x".repeat(100);
    for (form, pace) in FORMS.into_iter().flat_map(|form| PACES.map(|pace| (form, pace))) {
        let node = node();
        let value = |n: u32| json!({ "text": long, "n": n });
        publish(&node, "s:a", keyed("a", value(1))).await;
        let mut line = Line::open(&node, form, &format!("delta=true{pace}")).await;
        for n in 2..4 {
            publish(&node, "s:a", keyed("a", value(n))).await;
            let patch = format!("s:a patch a {{\"n\":{n}}}");
            assert_eq!(line.through(&patch).await, [patch.as_str()], "{form} {pace}");
        }
        publish(&node, "s:a", delete("a")).await;
        assert_eq!(line.through("delete a").await, ["s:a delete a"]);
        publish(&node, "s:a", keyed("a", value(4))).await;
        let whole = format!("s:a put a {}", value(4));
        assert_eq!(line.through(&whole).await, [whole.as_str()], "{form} {pace}");
    }
}

/// W14: of a key that was never in sight nothing is told, and that one leaves it only once.
#[tokio::test]
async fn a_line_of_several_topics_knows_what_is_out_of_sight() {
    for (form, pace) in FORMS.into_iter().flat_map(|form| PACES.map(|pace| (form, pace))) {
        let node = node();
        publish(&node, "s:a", keyed("hidden", json!(1))).await;
        publish(&node, "s:a", keyed("seen", json!(10))).await;
        let mut line = Line::open(&node, form, &format!("filter=data%3E9{pace}")).await;
        for n in 0..3 {
            publish(&node, "s:a", keyed("hidden", json!(n))).await;
            publish(&node, "s:a", keyed("new", json!(n))).await;
            publish(&node, "s:a", keyed("seen", json!(n))).await;
        }
        publish(&node, "s:a", delete("hidden")).await;
        publish(&node, "s:a", keyed("hidden", json!(11))).await;
        assert_eq!(line.through("hidden 11").await, ["s:a delete seen", "s:a put hidden 11"], "{form} {pace}");
    }
}

/// W14, W16: behind a cursor nothing is known of a key until it was told.
#[tokio::test]
async fn behind_a_cursor_a_key_is_told_once_whatever_it_was() {
    let long = "x".repeat(100);
    let value = |n: u32| json!({ "text": long, "n": n });
    for (form, pace) in FORMS.into_iter().flat_map(|form| PACES.map(|pace| (form, pace))) {
        let node = node();
        publish(&node, "s:a", keyed("a", value(10))).await;
        let lens = format!("filter=data.n%3E9&delta=true&onChange=true{pace}");
        let (_, cursor) = poll(&node, &lens).await;
        let mut line = Line::begin(&node, form, &format!("{lens}&resourceVersion={cursor}")).await;
        let whole = format!("s:a put a {}", value(10));
        publish(&node, "s:a", keyed("a", value(10))).await;
        assert_eq!(line.through(&whole).await, [whole.as_str()], "{form} {pace}");
        publish(&node, "s:a", keyed("b", value(1))).await;
        assert_eq!(line.through("delete b").await, ["s:a delete b"], "{form} {pace}");
        publish(&node, "s:a", keyed("a", value(10))).await;
        publish(&node, "s:a", keyed("b", value(2))).await;
        publish(&node, "s:a", delete("b")).await;
        publish(&node, "s:a", keyed("a", value(11))).await;
        assert_eq!(line.through("{\"n\":11}").await, ["s:a patch a {\"n\":11}"], "{form} {pace}");
    }
}

/// A topic that ended is begun anew, and what was shown of it counts no more.
#[tokio::test]
async fn a_new_life_of_a_topic_is_told_anew() {
    for form in FORMS {
        let node = node();
        publish(&node, "s:a", keyed("a", json!(1))).await;
        let mut line = Line::open(&node, form, "onChange=true&onGone=snapshot").await;
        let deleted = Http::once(node.address(), "DELETE", "/v1/topics/s:a", &[], "").await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        assert_eq!(line.through("snapshot-end").await, ["s:a gone", "s:a snapshot-end"]);
        publish(&node, "s:a", keyed("a", json!(1))).await;
        assert_eq!(line.through("put a 1").await, ["s:a put a 1"]);
    }
}

/// A long poll remembers as long as it lasts: within an answer, and not from one to the next.
#[tokio::test]
async fn an_answer_remembers_what_it_has_shown_itself() {
    let node = node();
    let lens = "filter=data.n%3E9&onChange=true&fields=n";
    publish(&node, "s:a", keyed("a", json!({ "n": 10 }))).await;
    let (_, cursor) = poll(&node, lens).await;
    let value = |n: u32, m: u32| json!({ "n": n, "m": m });
    let all = [("a", 10, 1), ("a", 10, 2), ("b", 1, 1), ("b", 1, 2), ("a", 11, 1)];
    publish_all(&node, "s:a", all.map(|(key, n, m)| keyed(key, value(n, m))).to_vec()).await;
    let (events, cursor) = poll(&node, &format!("{lens}&resourceVersion={cursor}")).await;
    assert_eq!(events, ["put a {\"n\":10}", "delete b", "put a {\"n\":11}"]);
    publish_all(&node, "s:a", vec![keyed("a", value(11, 2)), keyed("b", value(1, 3))]).await;
    let (events, _) = poll(&node, &format!("{lens}&resourceVersion={cursor}")).await;
    assert_eq!(events, ["put a {\"n\":11}", "delete b"]);
}

/// What cannot be remembered is not known, and told.
#[tokio::test]
async fn what_there_is_no_room_for_is_told_as_if_it_was_new() {
    for (form, pace) in FORMS.into_iter().flat_map(|form| PACES.map(|pace| (form, pace))) {
        let node = Node::with(&[], &format!("[delivery]\nheld_bytes_max = 2000\n{NAMESPACES}"));
        let long = "x".repeat(1_000);
        publish(&node, "s:a", keyed("small", json!(10))).await;
        publish(&node, "s:a", keyed("large", json!(long))).await;
        let mut line = Line::open(&node, form, &format!("onChange=true{pace}")).await;
        publish(&node, "s:a", keyed("small", json!(10))).await;
        publish(&node, "s:a", keyed("large", json!(long))).await;
        let large = format!("s:a put large {long}");
        assert_eq!(line.through(&large).await, [large.as_str()], "{form} {pace}");
        publish(&node, "s:a", delete("nothing")).await;
        assert_eq!(line.through("delete nothing").await, ["s:a delete nothing"], "{form} {pace}");
    }
}
