//! `fanfare demo-feed` from outside: what it publishes, how its devices are told what to do, and how it ends.

mod harness;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use harness::{Http, Node, PATIENCE};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_fanfare");

/// A feed that goes on until it is stopped.
struct Feed(Child);

impl Feed {
    /// Without variables of whoever runs the tests.
    fn start(url: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANFARE_")) {
            command.env_remove(name);
        }
        command.arg("demo-feed").args(arguments).args(["--url", url]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the binary under test starts"))
    }

    /// The first line, once it publishes.
    fn greeting(&mut self) -> String {
        let mut line = String::new();
        let mut out = BufReader::new(self.0.stdout.as_mut().expect("standard output is piped"));
        out.read_line(&mut line).expect("it says something");
        line
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status();
        assert!(status.expect("`kill` is there").success(), "the process lives");
    }

    /// Its exit status, and the rest of what it said.
    fn end(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while self.0.try_wait().expect("the process is our child").is_none() {
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let mut said = String::new();
        self.0.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        self.0.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (self.0.wait().expect("it has ended"), said)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What comes of a topic, from its snapshot on.
struct Lines(Http);

impl Lines {
    async fn of(node: &Node, topic: &str) -> Self {
        let mut http = Http::connect(node.address()).await;
        let target = format!("/v1/topics/{topic}?watch=true");
        http.say("GET", &target, &[("accept", "application/x-ndjson")], "").await;
        assert_eq!(http.head().await.status, 200);
        Self(http)
    }

    /// The next publication of a key that is as wanted.
    async fn put(&mut self, is_wanted: impl Fn(&str, &Value) -> bool) -> Value {
        loop {
            let text = self.0.text_through("\n").await;
            let event: Value = serde_json::from_str(text.trim()).unwrap_or_default();
            if event["type"] == "put" && is_wanted(event["key"].as_str().unwrap_or_default(), &event["data"]) {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_market_is_there_as_a_whole_and_moves() {
    let node = Node::start();
    let mut lines = Lines::of(&node, "ticks:market").await;
    let mut feed = Feed::start(&node.url(""), &["ticker", "--symbols", "40", "--rate", "400"]);
    let greeting = feed.greeting();
    assert!(greeting.starts_with("40 symbols to `ticks:market` at 400 updates a second"), "{greeting}");
    assert!(greeting.trim().ends_with("/demo/ticker/"), "{greeting}");
    let first = lines.put(|key, _| key == "FANF").await;
    let members = ["ask", "asks", "bid", "bids", "change", "last", "name", "sector", "volume"];
    assert_eq!(first["data"].as_object().expect("an object").keys().collect::<Vec<_>>(), members);
    assert_eq!(
        (first["data"]["bids"].as_array().map(Vec::len), &first["data"]["sector"]),
        (Some(10), &json!("Software"))
    );
    lines.put(|key, data| key == "FANF" && data["last"] != first["data"]["last"]).await;
    let snapshot = Http::once(node.address(), "GET", "/v1/topics/ticks:market?limit=1000", &[], "").await.json();
    assert_eq!(snapshot["items"].as_array().map(Vec::len), Some(40));
    feed.signal("INT");
    let (status, said) = feed.end();
    assert!(status.success() && said.trim().ends_with("updates published"), "{status}: {said}");
}

#[tokio::test]
async fn a_device_of_the_fleet_does_what_is_published_to_its_topic() {
    let node = Node::start();
    let mut lines = Lines::of(&node, "fleet:devices").await;
    let mut feed = Feed::start(&node.url(""), &["fleet", "--devices", "5", "--rate", "50"]);
    assert!(feed.greeting().starts_with("5 devices to `fleet:devices`"));
    let moved = lines.put(|key, data| key == "van-003" && data["status"] == "driving").await;
    lines.put(|key, data| key == "van-003" && data["lat"] != moved["data"]["lat"]).await;
    let tell = async |command: &str| {
        let body = json!({ "key": "command", "data": { "command": command } }).to_string();
        let answer = Http::once(node.address(), "POST", "/v1/topics/fleet:van-003", &[], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    tell("halt").await;
    lines.put(|key, data| key == "van-003" && data["status"] == "halted" && data["speed"] == 0).await;
    tell("go").await;
    lines.put(|key, data| key == "van-003" && data["status"] == "driving").await;
    let map = Http::once(node.address(), "GET", "/v1/topics/fleet:map?limit=1000", &[], "").await.json();
    let is_river = |item: &Value| item["data"]["kind"] == "river";
    assert!(map["items"].as_array().expect("a map").iter().any(is_river));
    feed.signal("TERM");
    let (status, said) = feed.end();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn a_node_that_is_not_there_and_a_number_that_is_none_are_told() {
    let (status, said) = Feed::start("http://127.0.0.1:9", &["fleet"]).end();
    assert_eq!(status.code(), Some(1));
    assert!(said.starts_with("error: cannot reach http://127.0.0.1:9/, start a node with `fanfare serve`"), "{said}");
    for (arguments, part) in [
        (&["ticker", "--symbols", "10001"][..], "give a number from 1 to 10000"),
        (&["ticker", "--rate", "0"], "give a number from 1 to 50000"),
        (&["fleet", "--devices", "many"], "give a number from 1 to 500"),
        (&["weather"], "unrecognized subcommand"),
    ] {
        let (status, said) = Feed::start("http://127.0.0.1:9", arguments).end();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_node_without_the_namespaces_of_the_demos_is_told_from_one_that_is_broken() {
    let node = Node::with(&[], "[[namespace]]\nname = \"ticks\"\nkind = \"stream\"\n");
    let (status, said) = Feed::start(&node.url(""), &["ticker", "--symbols", "3"]).end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("where `ticks:market` is of the kind `state`: WRONG_KIND"), "{said}");
}
