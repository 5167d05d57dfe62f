//! `interval` and `debounce` beside `maxEventsPerSecond` or `credit`, of one topic: on sessions, SSE and NDJSON.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{View, keyed, node, publish, publish_all, short};
use crate::harness::Node;
use crate::harness::http::Http;

const MS: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Session,
    Sse,
    Ndjson,
}

const FORMS: [Form; 3] = [Form::Session, Form::Sse, Form::Ndjson];

/// A watch of one topic behind its snapshot, and what it says, event by event.
enum Stream {
    Session(Box<View>, Vec<Value>),
    Http(Box<Http>, Form),
}

impl Stream {
    async fn open(node: &Node, form: Form, topic: &str, parameters: &[(&str, &str)]) -> Self {
        let mut stream = match form {
            Form::Session => {
                let mut watch = json!({ "topic": topic });
                parameters.iter().for_each(|(name, value)| watch[*name] = (*value).into());
                Self::Session(Box::new(View::open(node, watch).await), Vec::new())
            }
            Form::Sse | Form::Ndjson => {
                let mut path = format!("/v1/topics/{topic}?watch=true&onGone=snapshot");
                parameters.iter().for_each(|(name, value)| path.push_str(&format!("&{name}={value}")));
                let accept = if form == Form::Sse { "text/event-stream" } else { "application/x-ndjson" };
                let mut http = Http::connect(node.address()).await;
                http.say("GET", &path, &[("accept", accept)], "").await;
                assert_eq!(http.head().await.status, 200);
                Self::Http(Box::new(http), form)
            }
        };
        assert_eq!(stream.event().await.0, "snapshot-end");
        stream
    }

    async fn value(&mut self) -> Value {
        match self {
            Self::Session(view, told) => loop {
                if !told.is_empty() {
                    return told.remove(0);
                }
                told.clone_from(view.batch().await["events"].as_array().expect("a list"));
            },
            Self::Http(http, form) => loop {
                let text = http.text_through(if *form == Form::Sse { "\n\n" } else { "\n" }).await;
                let is_data = |line: &&str| *form == Form::Ndjson || line.starts_with("data: ");
                if let Some(data) = text.lines().find(is_data) {
                    return serde_json::from_str(data.trim_start_matches("data: ")).expect("JSON");
                }
            },
        }
    }

    /// The next event but for bookmarks, in short, and when it came.
    async fn event(&mut self) -> (String, Instant) {
        loop {
            if let Some(event) = short(&self.value().await) {
                return (event, Instant::now());
            }
        }
    }

    async fn events(&mut self, count: usize) -> (Vec<String>, Vec<Instant>) {
        let (mut events, mut moments) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (event, at) = self.event().await;
            events.push(event);
            moments.push(at);
        }
        (events, moments)
    }
}

/// W15: a batch in an interval, and as much of a second in it as the ceiling allows.
#[tokio::test]
async fn an_interval_makes_batches_of_what_a_ceiling_allows() {
    let node = node();
    for form in FORMS {
        let topic = format!("t:{form:?}");
        let pace = [("interval", "300ms"), ("maxEventsPerSecond", "20")];
        let mut stream = Stream::open(&node, form, &topic, &pace).await;
        let began = Instant::now();
        publish(&node, &topic, json!({ "data": 0 })).await;
        assert_eq!(stream.event().await.0, "put 0", "the first goes at once");
        for n in 1..=12 {
            publish(&node, &topic, json!({ "data": n })).await;
        }
        let (events, moments) = stream.events(12).await;
        assert_eq!(events, (1..=12).map(|n| format!("put {n}")).collect::<Vec<_>>(), "{form:?}");
        for (at, moment) in moments.iter().enumerate() {
            // A quarter of what a second may have is five.
            let intervals = 1 + at as u32 / 5;
            assert!(*moment - began >= 300 * MS * intervals, "{form:?}: {at} came after {:?}", *moment - began);
        }
    }
}

#[tokio::test]
async fn quiet_is_waited_for_below_a_ceiling_and_with_a_credit() {
    let node = node();
    for (number, meter) in [("maxEventsPerSecond", "100"), ("credit", "100")].into_iter().enumerate() {
        for form in FORMS {
            let topic = format!("t:{form:?}{number}");
            let mut stream = Stream::open(&node, form, &topic, &[("debounce", "300ms"), meter]).await;
            for round in 0..2 {
                let numbers = round * 5..round * 5 + 5;
                let began = Instant::now();
                publish_all(&node, &topic, numbers.clone().map(|n| json!({ "data": n })).collect()).await;
                let (events, moments) = stream.events(5).await;
                assert_eq!(events, numbers.map(|n| format!("put {n}")).collect::<Vec<_>>(), "{form:?}");
                assert!(moments[0] - began >= 300 * MS, "{form:?} {meter:?}: {:?}", moments[0] - began);
                assert!(moments[4] - began < 3_000 * MS, "{form:?} {meter:?}: {:?}", moments[4] - began);
            }
        }
    }
}

/// W15, W18: neither the interval nor the ceiling is lost to a credit.
#[tokio::test]
async fn keys_with_a_credit_are_conflated_at_their_pace() {
    let node = node();
    for form in FORMS {
        let topic = format!("s:{form:?}");
        let pace = [("interval", "300ms"), ("credit", "100")];
        let mut stream = Stream::open(&node, form, &topic, &pace).await;
        let began = Instant::now();
        publish(&node, &topic, keyed("a", json!(0))).await;
        assert_eq!(stream.event().await.0, "put a 0", "the first goes at once");
        for n in 1..=6 {
            publish(&node, &topic, keyed("a", json!(n))).await;
            publish(&node, &topic, keyed("b", json!(-n))).await;
        }
        let (events, moments) = stream.events(2).await;
        if moments[1] - began < 600 * MS {
            assert_eq!(events, ["put a 6", "put b -6"], "{form:?}");
        }
        assert!(moments[0] - began >= 300 * MS, "{form:?}: {:?}", moments[0] - began);

        let topic = format!("s:{form:?}c");
        let pace = [("maxEventsPerSecond", "20"), ("credit", "100")];
        let mut stream = Stream::open(&node, form, &topic, &pace).await;
        let began = Instant::now();
        publish_all(&node, &topic, (0..30).map(|n| keyed(&format!("k{}", n % 10), json!(n))).collect()).await;
        let (events, moments) = stream.events(10).await;
        assert_eq!(events, (20..30).map(|n| format!("put k{} {n}", n % 10)).collect::<Vec<_>>(), "{form:?}");
        assert!(moments[9] - began >= 450 * MS, "{form:?}: ten at 20 a second: {:?}", moments[9] - began);
    }
}

/// W15, W18: what waits for a grant is conflated, too, and goes when it comes.
#[tokio::test]
async fn what_waits_for_a_grant_is_the_latest_of_each_key() {
    let node = node();
    let mut view = View::open(&node, json!({ "topic": "s:a", "interval": "100ms", "credit": 1 })).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    publish(&node, "s:a", keyed("a", json!(0))).await;
    assert_eq!(view.events().await, ["put a 0"]);
    for n in 1..=5 {
        publish(&node, "s:a", keyed("a", json!(n))).await;
        publish(&node, "s:a", keyed("b", json!(-n))).await;
    }
    // Long enough for all of it to be heard.
    let path = "/v1/topics/t:silent?watch=true&from=latest&timeout=500ms";
    Http::once(node.address(), "GET", path, &[], "").await;
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 1 })).await;
    let batch = view.batch().await;
    let through = batch["through"].as_str().unwrap();
    assert_eq!((short(&batch["events"][0]).as_deref(), through.rsplit('.').next()), (Some("put a 5"), Some("10")));
    // Who is cut here has everything up to there.
    let again = json!({ "topic": "s:a", "resourceVersion": through, "interval": "100ms", "credit": 9 });
    assert_eq!(View::open(&node, again).await.events().await, ["put b -5"]);
    view.socket.say("GRANT", 0, json!({ "view": view.number, "events": 1 })).await;
    assert_eq!(view.events().await, ["put b -5"]);
}

/// W15: what waits is told before the end of its topic is.
#[tokio::test]
async fn what_waits_outlives_its_topic() {
    for form in FORMS {
        let node = node();
        let mut stream = Stream::open(&node, form, "t:a", &[("interval", "20s"), ("credit", "100")]).await;
        publish(&node, "t:a", json!({ "data": "first" })).await;
        assert_eq!(stream.event().await.0, "put first");
        publish(&node, "t:a", json!({ "data": "second" })).await;
        // Until it is held back.
        while Http::once(node.address(), "GET", "/metrics", &[], "").await.text().contains("fanfare_held_bytes 0") {}
        let deleted = Http::once(node.address(), "DELETE", "/v1/topics/t:a", &[], "").await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        assert_eq!(stream.events(3).await.0, ["put second", "gone", "snapshot-end"], "{form:?}");
    }
}

/// W12: a bookmark covers what a filter hides, and nothing that waits.
#[tokio::test]
async fn a_bookmark_covers_what_is_hidden_and_nothing_that_waits() {
    let node = Node::with(&[], "[delivery]\nbookmark_interval_ms = 1000\n[[namespace]]\nname = \"t\"\n");
    let watch = json!({ "topic": "t:a", "interval": "2500ms", "maxEventsPerSecond": 9, "filter": "data > 0" });
    let mut view = View::open(&node, watch).await;
    assert_eq!(view.events().await, ["snapshot-end"]);
    let hidden = publish(&node, "t:a", json!({ "data": 0 })).await;
    while view.batch().await["through"] != hidden {}
    publish(&node, "t:a", json!({ "data": 1 })).await;
    assert_eq!(view.events().await, ["put 1"]);
    publish(&node, "t:a", json!({ "data": 2 })).await;
    let last = publish(&node, "t:a", json!({ "data": 3 })).await;
    let batch = view.batch().await;
    assert_eq!(batch["events"].as_array().unwrap().iter().filter_map(short).collect::<Vec<_>>(), ["put 2", "put 3"]);
    assert_eq!(batch["through"], last);
}
