//! Clients that others wrote, unmodified, against the real binary: each connects, sees the snapshot, sees a publication, is
//! cut off, and resumes by its own means. One that is missing fails its test: `cargo xtask test --only tools` installs them.

#[path = "../harness/mod.rs"]
mod harness;

mod autobahn;
mod cut;
mod running;
mod websocat;

use std::path::{Path, PathBuf};
use std::process::Command;

use cut::Line;
use harness::{Http, Node};
use running::Running;

const TOPIC: &str = "chat:clients";

/// Where the scripts are.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Python with the packages of `requirements.txt`.
fn python(name: &str) -> Command {
    let mut command = installed("python/bin/python");
    // The caches would lie between the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script(name));
    command
}

/// What `cargo xtask test --only tools` has put below the target directory.
fn installed(program: &str) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target directory");
    let program = target.join(program);
    assert!(program.exists(), "{} is missing: run `cargo xtask test --only tools`", program.display());
    Command::new(program)
}

/// Node.js; the packages are those of `sdk-ts`.
fn node_js(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(script(name));
    command
}

fn curl(accept: &str, target: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sN", "-H", &format!("Accept: {accept}"), target]);
    command
}

async fn publish(node: &Node, number: u32) {
    let target = format!("/v1/topics/{TOPIC}");
    let json = [("Content-Type", "application/json")];
    let answer = Http::once(node.address(), "POST", &target, &json, &format!("{{\"data\":{number}}}")).await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
}

/// A client that resumes by itself: it is given the URL of the node and the topic, and prints what comes.
async fn resumes_by_itself(mut client: Command) {
    let node = Node::start();
    publish(&node, 1).await;
    publish(&node, 2).await;
    let line = Line::to(node.address());
    let running = Running::start(client.args([&line.url(), TOPIC]));
    running.prints(&["put 1", "put 2", "snapshot-end"]);
    publish(&node, 3).await;
    running.prints(&["put 3"]);
    line.cut();
    publish(&node, 4).await;
    line.mend();
    running.prints(&["put 4"]);
    publish(&node, 5).await;
    // Were one doubled, it would come before.
    running.prints(&["put 5"]);
    publish(&node, 6).await;
    running.prints(&["put 6"]);
    assert!(line.connections_count() >= 2, "it was cut off and came back");
}

#[tokio::test]
async fn python_websockets() {
    let mut client = python("websockets_session.py");
    // It waits up to 5 s before it tries again; the tests are less patient.
    client.env("WEBSOCKETS_BACKOFF_INITIAL_DELAY", "0.1").env("WEBSOCKETS_BACKOFF_MIN_DELAY", "0.1");
    resumes_by_itself(client).await;
}

#[tokio::test]
async fn python_httpx_sse() {
    resumes_by_itself(python("httpx_sse_watch.py")).await;
}

#[tokio::test]
async fn npm_eventsource() {
    resumes_by_itself(node_js("event_source.mjs")).await;
}

#[tokio::test]
async fn npm_ws() {
    resumes_by_itself(node_js("ws_session.mjs")).await;
}

/// HTTP/1.1, and HTTP/2 without encryption.
const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

/// What of the lines of a stream is its version, if any, and what it says.
type Reading = fn(&str) -> (Option<String>, Option<String>);

/// curl shows what comes; whoever calls it notes the version and gives it to the next call.
async fn is_resumed_with_curl(accept: &str, http: &str, reading: Reading, resume: fn(&mut Command, &str)) {
    let node = Node::start();
    publish(&node, 1).await;
    publish(&node, 2).await;
    let line = Line::to(node.address());
    let target = format!("{}/v1/topics/{TOPIC}?watch=true", line.url());
    let running = Running::start(curl(accept, &target).arg(http));
    let mut version = None;
    let mut read = |running: &Running, expected: &[&str]| {
        for expected in expected {
            loop {
                let (cursor, said) = reading(&running.line());
                version = cursor.or(version.take());
                if let Some(said) = said {
                    assert_eq!(said, *expected);
                    break;
                }
            }
        }
        version.clone().expect("a version came along")
    };
    read(&running, &["put 1", "put 2", "snapshot-end"]);
    publish(&node, 3).await;
    let cursor = read(&running, &["put 3"]);
    line.cut();
    running.ends();
    publish(&node, 4).await;
    line.mend();
    let mut command = curl(accept, &target);
    command.arg(http);
    resume(&mut command, &cursor);
    let running = Running::start(&mut command);
    publish(&node, 5).await;
    read(&running, &["put 4", "put 5"]);
}

/// The kind of an event and, of a put, its data.
fn shown(event: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(event).expect("an event is JSON");
    match event["type"].as_str().expect("a type") {
        "put" => Some(format!("put {}", event["data"])),
        "bookmark" => None,
        kind => Some(kind.to_owned()),
    }
}

#[tokio::test]
async fn curl_on_server_sent_events() {
    // `id:` stands before `data:` of its event.
    let reading: Reading = |line| match line.split_once(": ") {
        Some(("id", id)) => (Some(id.to_owned()), None),
        Some(("data", event)) => (None, shown(event)),
        _ => (None, None),
    };
    for http in VERSIONS {
        is_resumed_with_curl("text/event-stream", http, reading, |curl, version| {
            curl.args(["-H", &format!("Last-Event-ID: {version}")]);
        })
        .await;
    }
}

#[tokio::test]
async fn curl_on_lines_of_json() {
    let reading: Reading = |line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("a line is an event");
        (event["resourceVersion"].as_str().map(str::to_owned), shown(line))
    };
    for http in VERSIONS {
        is_resumed_with_curl("application/x-ndjson", http, reading, |curl, version| {
            curl.args(["-G", "--data-urlencode", &format!("resourceVersion={version}")]);
        })
        .await;
    }
}

/// E1: the recorded frames mean the same to a runtime that knows nothing of this project but its descriptors.
#[test]
fn google_protobuf() {
    let descriptors = harness::node::temporary_directory().join("descriptors.binpb");
    std::fs::write(&descriptors, fanfare_protocol::DESCRIPTORS).expect("a temporary file can be written");
    let messages = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/conformance/messages.json");
    let running = Running::start(python("protobuf_frames.py").arg(&descriptors).arg(messages));
    let line = running.line();
    let counts: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(counts[..], [decoded, compared] if decoded > 50 && compared > 100), "{line}");
    std::fs::remove_dir_all(descriptors.parent().expect("a directory")).expect("it can be removed");
}
