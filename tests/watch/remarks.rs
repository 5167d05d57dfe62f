//! What a watch over HTTP says of its answer, where no frame does.

use serde_json::{Value, json};

use crate::client::{View, keyed, node, publish};
use crate::harness::Node;
use crate::harness::http::Http;

const SSE: &str = "text/event-stream";
const NDJSON: &str = "application/x-ndjson";
const FORMS: [&str; 2] = [SSE, NDJSON];

/// The events of a stream that ends after a moment, bookmarks too.
async fn events(node: &Node, form: &str, path: &str) -> Vec<Value> {
    let mut http = Http::connect(node.address()).await;
    let path = format!("{path}&timeout=300ms");
    http.say("GET", &path, &[("accept", form)], "").await;
    assert_eq!(http.head().await.status, 200, "{path}");
    let text = http.text_to_the_end().await;
    let data =
        |line: &str| if form == SSE { line.strip_prefix("data: ").map(str::to_owned) } else { Some(line.to_owned()) };
    text.lines().filter_map(data).map(|event| serde_json::from_str(&event).expect("JSON")).collect()
}

/// The types of those that say `remark`, with their topics.
fn remarked(events: &[Value], remark: &str) -> Vec<String> {
    let says = |event: &&Value| event.get(remark).is_some();
    let short = |event: &Value| {
        assert_eq!(event[remark], true, "{event}");
        [event["topic"].as_str(), event["type"].as_str()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    events.iter().filter(says).map(short).collect()
}

/// W9, H2.
#[tokio::test]
async fn a_snapshot_that_left_older_ones_out_says_so_at_its_end() {
    let node = Node::with(
        &[],
        "[[namespace]]\nname = \"t\"\nhistory_count = 5\n[[namespace]]\nname = \"s\"\nkind = \"state\"\n",
    );
    let first = publish(&node, "t:a", json!({ "data": 0 })).await;
    for n in 1..9 {
        publish(&node, "t:a", json!({ "data": n })).await;
        publish(&node, "s:b", keyed(&n.to_string(), json!(n))).await;
    }
    publish(&node, "t:c", json!({ "data": 0 })).await;
    for form in FORMS {
        let limited = events(&node, form, "/v1/topics/t:a?watch=true&limit=3").await;
        assert_eq!((limited[0]["data"].clone(), limited[3]["type"].clone()), (json!(6), json!("snapshot-end")));
        assert_eq!(remarked(&limited, "limited"), ["snapshot-end"]);
        let path = format!("/v1/topics/t:a?watch=true&limit=3&resourceVersion={first}&onGone=snapshot");
        let gone = events(&node, form, &path).await;
        assert_eq!(
            (gone[0]["type"].clone(), remarked(&gone, "limited")),
            (json!("gone"), vec!["snapshot-end".to_owned()])
        );
        for whole in ["/v1/topics/t:a?watch=true&limit=5", "/v1/topics/s:b?watch=true&limit=3"] {
            assert!(remarked(&events(&node, form, whole).await, "limited").is_empty(), "{whole}");
        }
        let several = events(&node, form, "/v1/watch?topic=t:a&topic=s:b&topic=t:c&limit=3").await;
        assert_eq!(remarked(&several, "limited"), ["t:a snapshot-end"]);
    }
    let several = Http::once(node.address(), "GET", "/v1/watch?topic=t:a&topic=t:c&limit=3", &[], "").await.json();
    assert_eq!(remarked(several["events"].as_array().unwrap(), "limited"), ["t:a snapshot-end"]);
    assert!(several.get("limited").is_none(), "it could be of either");
}

/// W22: on a stream, where it begins; after a gap again.
#[tokio::test]
async fn what_was_asked_of_any_replica_says_that_it_may_be_stale() {
    let node = Node::with(&[], "[[namespace]]\nname = \"t\"\nhistory_count = 3\n");
    let first = publish(&node, "t:a", json!({ "data": 0 })).await;
    let mut last = String::new();
    for n in 1..9 {
        last = publish(&node, "t:a", json!({ "data": n })).await;
    }
    let one = "/v1/topics/t:a?watch=true";
    let two = "/v1/watch?topic=t:a&topic=t:b";
    for form in FORMS {
        for (path, expected) in [
            (one.to_owned(), vec!["snapshot-end"]),
            (format!("{one}&from=latest"), vec!["bookmark"]),
            (format!("{one}&from=beginning"), vec!["bookmark"]),
            (format!("{one}&resourceVersion={last}"), vec!["bookmark"]),
            (format!("{one}&resourceVersion={first}&onGone=snapshot"), vec!["snapshot-end"]),
            (two.to_owned(), vec!["t:a snapshot-end", "t:b snapshot-end"]),
            (format!("{two}&from=latest"), vec!["bookmark"]),
        ] {
            let events = events(&node, form, &format!("{path}&consistency=local")).await;
            assert_eq!(remarked(&events, "stale"), expected, "{form} {path}");
            let events = self::events(&node, form, &path).await;
            assert!(remarked(&events, "stale").is_empty(), "{form} {path}");
        }
    }
}

/// W22: on a session, in the answer.
#[tokio::test]
async fn a_view_of_any_replica_is_told_that_it_may_be_stale() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "t:a", "consistency": "local" })).await;
    assert_eq!(view.subscribed["stale"], true, "{}", view.subscribed);
    let views = json!({ "views": [{ "topic": "t:b", "consistency": "local" }, { "topic": "t:c" }] });
    let several = view.ask("SUBSCRIBE", views).await;
    let stale = |at: usize| several["payload"]["views"][at].get("stale").cloned();
    assert_eq!((stale(0), stale(1)), (Some(json!(true)), None), "{several}");
    for (consistency, stale) in [("local", Some(json!(true))), ("linearizable", None)] {
        let update = json!({ "view": view.number, "consistency": consistency });
        let updated = view.ask("UPDATE_VIEW", update).await;
        assert_eq!(
            (&updated["payload"]["view"], updated["payload"].get("stale")),
            (&json!(view.number), stale.as_ref())
        );
    }
    publish(&node, "t:a", json!({ "data": 1 })).await;
    assert_eq!(view.through("put 1").await.last().map(String::as_str), Some("put 1"), "the view goes on");
}
