//! websocat: a session as one types it. Who cuts it off notes where it was and says so in the next one.

use serde_json::{Value, json};

use crate::cut::Line;
use crate::harness::Node;
use crate::running::Running;
use crate::{TOPIC, installed, publish, shown};

/// A websocat that is connected.
struct Typed {
    running: Running,
    /// Behind what was read.
    cursor: Option<String>,
}

impl Typed {
    fn open(line: &Line, arguments: &[&str]) -> Self {
        let url = format!("{}/v1/ws", line.url().replacen("http", "ws", 1));
        // It ends with its connection, although its input goes on.
        let running = Running::told(installed("tools/bin/websocat").arg("--exit-on-eof").args(arguments).arg(url));
        let typed = Self { running, cursor: None };
        typed.types("CONNECT", 1, &json!({ "client": "websocat" }));
        typed
    }

    fn types(&self, kind: &str, id: u64, payload: &Value) {
        self.running.tell(&json!({ "type": kind, "id": id, "payload": payload }).to_string());
    }

    /// What it prints next is these events and answers, whatever of both comes first.
    #[track_caller]
    fn prints(&mut self, events: &[&str], answers: &[&str]) {
        let (mut seen, mut answered) = (Vec::new(), Vec::new());
        while seen.len() < events.len() || answered.len() < answers.len() {
            let line = self.running.line();
            let envelope: Value = serde_json::from_str(&line).expect("a line is an envelope");
            match envelope["type"].as_str() {
                Some("EVENT") => {
                    self.cursor = envelope["payload"]["through"].as_str().map(str::to_owned);
                    let batch = envelope["payload"]["events"].as_array().expect("events");
                    seen.extend(batch.iter().filter_map(|event| shown(&event.to_string())));
                }
                Some(kind) => answered.push(kind.to_owned()),
                None => panic!("{line}"),
            }
        }
        assert_eq!(seen, events);
        assert_eq!(answered, answers);
    }
}

#[tokio::test]
async fn websocat() {
    let node = Node::start();
    publish(&node, 1).await;
    publish(&node, 2).await;
    let line = Line::to(node.address());
    let mut session = Typed::open(&line, &[]);
    session.types("SUBSCRIBE", 2, &json!({ "topic": TOPIC }));
    session.prints(&["put 1", "put 2", "snapshot-end"], &["CONNECTED", "SUBSCRIBED"]);
    session.types("PUBLISH", 3, &json!({ "topic": TOPIC, "data": 3 }));
    session.prints(&["put 3"], &["PUBLISHED"]);
    line.cut();
    session.running.ends();
    publish(&node, 4).await;
    line.mend();
    let cursor = session.cursor;
    let mut session = Typed::open(&line, &["--protocol", "fanfare.v1.json"]);
    session.types("SUBSCRIBE", 2, &json!({ "topic": TOPIC, "resourceVersion": cursor }));
    session.prints(&["put 4"], &["CONNECTED", "SUBSCRIBED"]);
    session.types("PUBLISH", 3, &json!({ "topic": TOPIC, "data": 5 }));
    session.prints(&["put 5"], &["PUBLISHED"]);
}
