//! `interval`, `debounce` and `maxEventsPerSecond` where a client reads by itself: long polls, and several topics in a line.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{keyed, node, publish, publish_all, short};
use crate::harness::http::Http;
use crate::harness::{Node, Socket};
use crate::line::{FORMS, Line};

const MS: Duration = Duration::from_millis(1);

#[derive(Clone, Copy)]
enum Shape {
    Alone,
    Together,
}

const SHAPES: [Shape; 2] = [Shape::Alone, Shape::Together];

/// A client that polls in a loop, alone or together with a topic in which nothing happens.
struct Polls<'a> {
    node: &'a Node,
    path: String,
    cursor: String,
}

impl<'a> Polls<'a> {
    /// Stands behind the snapshot.
    async fn open(node: &'a Node, shape: Shape, topic: &str, parameters: &str) -> Self {
        let path = match shape {
            Shape::Alone => format!("/v1/topics/{topic}?watch=true&{parameters}"),
            Shape::Together => format!("/v1/watch?topic=t:quiet&topic={topic}&{parameters}"),
        };
        let mut polls = Self { node, path, cursor: String::new() };
        assert!(polls.next("").await.contains(&"snapshot-end".to_owned()));
        polls
    }

    /// The events of the next answer, in short.
    async fn next(&mut self, parameters: &str) -> Vec<String> {
        let cursor = format!("&resourceVersion={}", self.cursor);
        let cursor = if self.cursor.is_empty() { "" } else { &cursor };
        let path = format!("{}{cursor}{parameters}", self.path);
        let answer = Http::once(self.node.address(), "GET", &path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let answer = answer.json();
        answer["resourceVersion"].as_str().expect("a cursor").clone_into(&mut self.cursor);
        answer["events"].as_array().expect("a list").iter().filter_map(short).collect()
    }
}

/// Passes so much time, as a node tells it.
async fn wait(node: &Node, time: Duration) {
    let path = format!("/v1/topics/t:silent?watch=true&from=latest&timeout={}ms", time.as_millis());
    Http::once(node.address(), "GET", &path, &[], "").await;
}

/// W15: an answer is a batch.
#[tokio::test]
async fn a_loop_of_polls_is_answered_once_in_an_interval() {
    let node = node();
    for topic in ["t:a", "s:a"] {
        let is_stream = topic == "t:a";
        let publication = |n| if is_stream { json!({ "data": n }) } else { keyed(&format!("k{}", n % 3), json!(n)) };
        let last = if is_stream { "put 59" } else { "put k2 59" };
        for shape in SHAPES {
            let mut polls = Polls::open(&node, shape, topic, "interval=250ms").await;
            let (began, mut answers) = (Instant::now(), Vec::new());
            let publishing = async {
                for n in 0..60 {
                    publish(&node, topic, publication(n)).await;
                }
            };
            let reading = async {
                while !answers.iter().flatten().any(|event| event == last) {
                    answers.push(polls.next("").await);
                }
            };
            tokio::join!(publishing, reading);
            let most = began.elapsed().as_millis() / 250;
            assert!(answers.len() as u128 <= most, "{} answers in {:?}: {answers:?}", answers.len(), began.elapsed());
            if is_stream {
                assert_eq!(answers.concat(), (0..60).map(|n| format!("put {n}")).collect::<Vec<_>>());
            } else {
                assert!(answers.iter().all(|answer| answer.len() <= 3), "the latest of each key: {answers:?}");
            }
        }
    }
}

/// W15: what comes while an answer is made belongs to the next one, or it would have a key twice.
#[tokio::test]
async fn an_answer_has_each_key_once() {
    let node = node();
    let (mut publisher, told) = (Socket::json(node.address()).await, Cell::new(0));
    let publishing = async {
        let mut id = 0;
        while told.get() < 40 {
            for _ in 0..16 {
                id += 1;
                let publication = keyed(&format!("k{}", id % 3), json!(id));
                publisher.say("PUBLISH", id, json!({ "topic": "s:a", "publications": [publication] })).await;
            }
            for _ in 0..16 {
                assert_eq!(publisher.hear().await["type"], "PUBLISHED");
            }
        }
    };
    let reading = async {
        for shape in SHAPES {
            let mut polls = Polls::open(&node, shape, "s:a", "interval=20ms").await;
            for _ in 0..20 {
                let answer = polls.next("").await;
                assert!(answer.len() <= 3, "the latest of each key: {answer:?}");
                told.set(told.get() + 1);
            }
        }
    };
    tokio::join!(publishing, reading);
}

/// W15: the interval is that of answers, and who was not answered just now does not wait for it.
#[tokio::test]
async fn an_answer_comes_no_later_than_it_has_to() {
    let node = node();
    publish(&node, "t:a", json!({ "data": 0 })).await;
    for path in ["/v1/topics/t:a?watch=true&", "/v1/watch?topic=t:a&topic=s:a&"] {
        for from in ["snapshot", "beginning"] {
            let began = Instant::now();
            let path = format!("{path}interval=20s&maxEventsPerSecond=1&from={from}");
            let answer = Http::once(node.address(), "GET", &path, &[], "").await.json();
            assert!(answer["events"].to_string().contains("\"data\":0"), "{answer}");
            assert!(began.elapsed() < 10_000 * MS, "{path}: {:?}", began.elapsed());
        }
    }
    for shape in SHAPES {
        let mut polls = Polls::open(&node, shape, "t:a", "interval=1500ms").await;
        let late = async {
            wait(&node, 1_600 * MS).await;
            let at = Instant::now();
            publish(&node, "t:a", json!({ "data": 1 })).await;
            at
        };
        let (events, at) = tokio::join!(polls.next(""), late);
        assert_eq!(events, ["put 1"]);
        assert!(at.elapsed() < 1_300 * MS, "the interval was over: {:?}", at.elapsed());
    }
}

/// W15: `timeout` bounds whatever is waited for.
#[tokio::test]
async fn nothing_is_held_back_longer_than_the_client_waits() {
    let node = node();
    for (parameters, count) in [("interval=20s", 4), ("debounce=20s", 4), ("maxEventsPerSecond=0.01", 1)] {
        for shape in SHAPES {
            let mut polls = Polls::open(&node, shape, "t:a", parameters).await;
            publish_all(&node, "t:a", (0..4).map(|n| json!({ "data": n })).collect()).await;
            let began = Instant::now();
            let events = polls.next("&timeout=400ms").await;
            assert_eq!(events, (0..count).map(|n| format!("put {n}")).collect::<Vec<_>>(), "{parameters}");
            assert!((350 * MS..10_000 * MS).contains(&began.elapsed()), "{parameters}: {:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn a_poll_waits_for_quiet() {
    let node = node();
    for shape in SHAPES {
        let mut polls = Polls::open(&node, shape, "s:a", "debounce=300ms").await;
        let publishing = async {
            for n in 0..10 {
                publish(&node, "s:a", keyed("a", json!(n))).await;
            }
            Instant::now()
        };
        let (events, last) = tokio::join!(polls.next(""), publishing);
        assert_eq!(events, ["put a 9"]);
        assert!(last.elapsed() >= 250 * MS, "after the quiet, not before: {:?}", last.elapsed());
    }
}

/// W15: a change that was taken back is no beginning of the quiet that the next one has to wait for.
#[tokio::test]
async fn quiet_is_not_counted_from_what_was_taken_back() {
    for form in FORMS {
        let node = node();
        let mut line = Line::open(&node, form, "debounce=150ms&onChange=true").await;
        publish(&node, "s:a", keyed("a", json!(1))).await;
        assert_eq!(line.through("put a 1").await, ["s:a put a 1"]);
        publish(&node, "s:a", keyed("a", json!(2))).await;
        publish(&node, "s:a", keyed("a", json!(1))).await;
        // Ten times the quiet, and more.
        wait(&node, 1_700 * MS).await;
        let began = Instant::now();
        publish(&node, "s:a", keyed("a", json!(3))).await;
        assert!(line.through("put a 3").await.ends_with(&["s:a put a 3".to_owned()]));
        assert!(began.elapsed() >= 150 * MS, "{:?}", began.elapsed());
    }
}

/// W15: a batch holds all that has come meanwhile, and not only what came first.
#[tokio::test]
async fn several_topics_in_a_stream_have_batches_below_a_ceiling() {
    for form in FORMS {
        let node = node();
        let mut line = Line::open(&node, form, "interval=600ms&maxEventsPerSecond=40").await;
        let began = Instant::now();
        publish(&node, "t:a", json!({ "data": 0 })).await;
        assert_eq!(line.through("put 0").await, ["t:a put 0"], "the first goes at once");
        for n in 1..=15 {
            publish(&node, "t:a", json!({ "data": n })).await;
        }
        let published = began.elapsed();
        assert_eq!(line.through("put 1").await, ["t:a put 1"]);
        let batch = Instant::now();
        assert!(began.elapsed() >= 600 * MS, "{:?}", began.elapsed());
        assert_eq!(line.through("put 15").await, (2..=15).map(|n| format!("t:a put {n}")).collect::<Vec<_>>());
        if published < 500 * MS {
            assert!(batch.elapsed() < 500 * MS, "all of it in one batch: {:?}", batch.elapsed());
        }
    }
}

/// W15: what a view does not show does not break its quiet.
#[tokio::test]
async fn what_is_hidden_is_no_noise() {
    let node = node();
    for shape in SHAPES {
        let mut polls = Polls::open(&node, shape, "t:a", "debounce=400ms&filter=data==1").await;
        let is_answered = Cell::new(false);
        let began = Instant::now();
        let reading = async {
            let events = polls.next("").await;
            is_answered.set(true);
            events
        };
        let publishing = async {
            publish(&node, "t:a", json!({ "data": 1 })).await;
            while !is_answered.get() {
                publish(&node, "t:a", json!({ "data": 0 })).await;
            }
        };
        let (events, ()) = tokio::join!(reading, publishing);
        assert_eq!(events, ["put 1"]);
        assert!((350 * MS..3_000 * MS).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

/// W15.
#[tokio::test]
async fn a_loop_of_polls_has_no_more_than_the_ceiling() {
    let node = node();
    for topic in ["t:a", "s:a"] {
        let is_stream = topic == "t:a";
        let publication = |n| if is_stream { json!({ "data": n }) } else { keyed(&format!("k{}", n % 3), json!(n)) };
        for shape in SHAPES {
            let mut polls = Polls::open(&node, shape, topic, "maxEventsPerSecond=20").await;
            let began = Instant::now();
            publish_all(&node, topic, (0..30).map(publication).collect()).await;
            let expected: Vec<_> = match is_stream {
                true => (0..30).map(|n| format!("put {n}")).collect(),
                false => (27..30).map(|n| format!("put k{} {n}", n % 3)).collect(),
            };
            let mut shown = Vec::new();
            while shown.len() < expected.len() {
                shown.extend(polls.next("").await);
            }
            assert_eq!(shown, expected);
            let least = expected.len() as u32 * 50 * MS;
            assert!(began.elapsed() >= least, "{} events in {:?}", shown.len(), began.elapsed());
        }
    }
}

/// W15: each topic at its pace, as if it were watched alone.
#[tokio::test]
async fn several_topics_in_a_stream_keep_their_interval() {
    for form in FORMS {
        let node = node();
        let mut line = Line::open(&node, form, "interval=1s").await;
        publish(&node, "s:a", keyed("a", json!(0))).await;
        let began = Instant::now();
        assert_eq!(line.through("put a 0").await, ["s:a put a 0"], "the first goes at once");
        assert!(began.elapsed() < 800 * MS, "{:?}", began.elapsed());
        let mut all: Vec<_> = (1..=300).flat_map(|n| [keyed("a", json!(n)), keyed("b", json!(-n))]).collect();
        all.extend([keyed("c", json!(1)), json!({ "key": "c", "delete": true })]);
        publish_all(&node, "s:a", all).await;
        // The other topic has told nothing yet.
        publish(&node, "t:a", json!({ "data": 0 })).await;
        assert_eq!(line.through("put 0").await, ["t:a put 0"]);
        publish_all(&node, "t:a", (1..=40).map(|n| json!({ "data": n })).collect()).await;
        // More than one page of the log, and only the latest of it.
        assert_eq!(line.through("delete c").await, ["s:a put a 300", "s:a put b -300", "s:a delete c"]);
        assert!(began.elapsed() >= 900 * MS, "{:?}", began.elapsed());
        assert_eq!(line.through("put 40").await, (1..=40).map(|n| format!("t:a put {n}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn several_topics_in_a_stream_wait_for_quiet() {
    for form in FORMS {
        let node = node();
        let mut line = Line::open(&node, form, "debounce=300ms").await;
        for n in 0..10 {
            publish(&node, "s:a", keyed("a", json!(n))).await;
        }
        let last = Instant::now();
        assert_eq!(line.through("put a 9").await, ["s:a put a 9"]);
        assert!(last.elapsed() >= 250 * MS, "after the quiet, not before: {:?}", last.elapsed());
    }
}

#[tokio::test]
async fn several_topics_in_a_stream_have_a_ceiling_each() {
    for form in FORMS {
        let node = node();
        let mut line = Line::open(&node, form, "maxEventsPerSecond=20").await;
        let began = Instant::now();
        publish_all(&node, "t:a", (0..30).map(|n| json!({ "data": n })).collect()).await;
        publish_all(&node, "s:a", (0..30).map(|n| keyed(&format!("k{}", n % 3), json!(n))).collect()).await;
        let shown = line.through("put 29").await;
        let (keys, stream): (Vec<_>, Vec<_>) = shown.into_iter().partition(|event| event.starts_with("s:a"));
        assert_eq!(keys, ["s:a put k0 27", "s:a put k1 28", "s:a put k2 29"], "what was replaced is left out");
        assert_eq!(stream, (0..30).map(|n| format!("t:a put {n}")).collect::<Vec<_>>());
        assert!(began.elapsed() >= 1_400 * MS, "30 events at 20 a second: {:?}", began.elapsed());
    }
}

/// W15: what waits is told before the end of its topic is.
#[tokio::test]
async fn what_waits_outlives_its_topic() {
    for form in FORMS {
        let node = node();
        let mut line = Line::open(&node, form, "interval=20s&onGone=snapshot").await;
        publish(&node, "t:a", json!({ "data": "first" })).await;
        assert_eq!(line.through("first").await, ["t:a put first"]);
        publish(&node, "t:a", json!({ "data": "second" })).await;
        // Until it is held back.
        while Http::once(node.address(), "GET", "/metrics", &[], "").await.text().contains("fanfare_held_bytes 0") {}
        let deleted = Http::once(node.address(), "DELETE", "/v1/topics/t:a", &[], "").await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        let shown = line.through("snapshot-end").await;
        assert_eq!(shown, ["t:a put second", "t:a gone", "t:a snapshot-end"]);
    }
}
