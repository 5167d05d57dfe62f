//! `fanfare namespace` from outside: what it prints, what it refuses, and what a node makes of it.

mod harness;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use harness::node::{Launch, temporary_directory};
use harness::{Http, Node};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_fanfare");

/// Runs a command to its end, without variables of whoever runs the tests.
fn run(node: &Node, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    command.args(arguments).args(["--url", &node.url("")]).stdin(Stdio::null());
    command.output().expect("the binary under test starts")
}

/// What a command that must succeed prints.
#[track_caller]
fn printed(node: &Node, arguments: &[&str]) -> String {
    let output = run(node, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that must fail says.
#[track_caller]
fn refused(node: &Node, arguments: &[&str], status: i32) -> String {
    let output = run(node, arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// A file that is removed with its directory.
struct Scratch(PathBuf);

impl Scratch {
    fn with(content: &str) -> Self {
        let directory = temporary_directory();
        fs::write(directory.join("f.toml"), content).expect("a temporary file can be written");
        Self(directory)
    }

    fn file(&self) -> String {
        self.0.join("f.toml").display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn apply(node: &Node, content: &str) -> String {
    printed(node, &["namespace", "apply", &Scratch::with(content).file()])
}

fn shown(node: &Node, name: &str) -> Value {
    serde_json::from_str(&printed(node, &["namespace", "show", name, "--json"])).expect("an object")
}

#[test]
fn the_demos_are_listed_without_a_file() {
    let node = Node::start();
    let table = printed(&node, &["namespace", "list"]);
    let names: Vec<_> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["NAME", "chat", "default", "doc", "fleet", "ticks", "typing"]);
    let widths: Vec<_> = table.lines().map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
    let lines = printed(&node, &["namespace", "list", "--json"]);
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("an object");
    assert_eq!((&first["namespace"]["name"], &first["version"]), (&json!("chat"), &json!(1)));
}

#[test]
fn what_changed_is_told_for_each_namespace() {
    let node = Node::start();
    let file =
        "[[namespace]]\nname = \"chat\"\nhistory_count = 5\n[[namespace]]\nname = \"orders\"\nkind = \"state\"\n";
    assert_eq!(apply(&node, file), "chat: history_count 1000 → 5\norders: created\n");
    assert_eq!(apply(&node, file), "chat: unchanged\norders: unchanged\n");
    assert_eq!(shown(&node, "orders")["namespace"]["kind"], "state");
}

#[test]
fn what_is_shown_can_be_applied() {
    let node = Node::start();
    let declaration = printed(&node, &["namespace", "show", "ticks"]);
    assert!(declaration.starts_with("[[namespace]]\nname = \"ticks\"\n"), "{declaration}");
    assert_eq!(apply(&node, &declaration), "ticks: unchanged\n");
    let changed = declaration.replace("keys_max = 10000", "keys_max = 20000");
    assert_eq!(apply(&node, &changed), "ticks: keys_max 10000 → 20000\n");
}

#[test]
fn a_change_acts_once_the_command_is_done() {
    let node = Node::start();
    for number in 0..4 {
        printed(&node, &["publish", "chat:a", &number.to_string()]);
    }
    apply(&node, "[[namespace]]\nname = \"chat\"\npublication_bytes_max = 10\nhistory_count = 2");
    let said = refused(&node, &["publish", "chat:a", "12345678901"], 1);
    assert!(said.contains("PUBLICATION_TOO_LARGE"), "{said}");
    assert!(printed(&node, &["publish", "chat:a", "5"]).ends_with(".5\n"), "its epoch goes on");
}

/// Nobody publishes to it any more.
#[tokio::test]
async fn what_a_quiet_topic_retains_beyond_another_policy_goes() {
    let node = Node::start();
    for number in 0..4 {
        printed(&node, &["publish", "chat:a", &number.to_string()]);
    }
    apply(&node, "[[namespace]]\nname = \"chat\"\nhistory_count = 2");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let history = Http::once(node.address(), "GET", "/v1/topics/chat:a/history", &[], "").await.json();
        let data: Vec<_> = history["items"].as_array().into_iter().flatten().map(|item| item["data"].clone()).collect();
        if data == [2, 3] {
            return;
        }
        assert!(Instant::now() < deadline, "still there: {history}");
    }
}

#[test]
fn another_durability_ends_the_topics() {
    let node = Node::start();
    let before = printed(&node, &["publish", "chat:a", "1"]);
    printed(&node, &["publish", "other:a", "1"]);
    let applied = apply(&node, "[[namespace]]\nname = \"chat\"\ndurability = \"ephemeral\"");
    assert_eq!(applied, "chat: durability replicated → ephemeral\n");
    assert!(printed(&node, &["topics"]).starts_with("other:a "));
    let after = printed(&node, &["publish", "chat:a", "1"]);
    let epoch = |version: &str| version.split('.').next().map(str::to_owned);
    assert_ne!(epoch(&after), epoch(&before));
    assert!(shown(&node, "chat").get("movingTo").is_none());
}

#[test]
fn a_kind_cannot_be_changed() {
    let node = Node::start();
    let file = Scratch::with("[[namespace]]\nname = \"new\"\n[[namespace]]\nname = \"chat\"\nkind = \"state\"");
    let output = run(&node, &["namespace", "apply", &file.file()]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), "new: created\n"));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: the namespace `chat` was not applied: BAD_PARAMETER"), "{said}");
    assert!(said.contains("the kind of a namespace is fixed"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_lines_before_anything_is_applied() {
    let node = Node::start();
    let file = Scratch::with("[[namespace]]\nname = \"new\"\n[[namespace]]\nname = \"chat\"\nhistorycount = 5");
    let said = refused(&node, &["namespace", "apply", &file.file()], 1);
    assert!(said.contains("f.toml:5: unknown key `namespace.historycount`"), "{said}");
    assert!(refused(&node, &["namespace", "show", "new"], 1).contains("NOT_FOUND"));
    let empty = Scratch::with("[limits]\ntopics_max = 5");
    assert!(refused(&node, &["namespace", "apply", &empty.file()], 1).contains("declares no `[[namespace]]`"));
    assert!(refused(&node, &["namespace", "apply", "no-such-file.toml"], 1).contains("`no-such-file.toml`"));
}

#[test]
fn wrong_usage_exits_2() {
    let node = Node::start();
    assert!(refused(&node, &["namespace", "show", "a/b"], 2).contains("cannot name a namespace"));
    refused(&node, &["namespace"], 2);
    refused(&node, &["namespace", "apply"], 2);
}

/// Over HTTP, because the SDK of the command line would wait for room.
#[tokio::test]
async fn a_full_namespace_takes_no_more_and_reads_go_on() {
    let small = "[[namespace]]\nname = \"small\"\npublication_bytes_max = 1000\nbytes_max = ";
    let node = Node::with(&[], &format!("{small}3000"));
    let body = json!({ "data": "x".repeat(900) }).to_string();
    let publish = async |topic: &str| Http::once(node.address(), "POST", topic, &[], &body).await;
    for _ in 0..2 {
        assert_eq!(publish("/v1/topics/small:a").await.status, 200);
    }
    let refused = publish("/v1/topics/small:b").await;
    assert_eq!((refused.status, &refused.json()["name"]), (429, &json!("QUOTA_EXCEEDED")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(printed(&node, &["topics"]).starts_with("small:a "));
    assert_eq!(apply(&node, &format!("{small}300000")), "small: bytes_max 3000 → 300000\n");
    assert_eq!(publish("/v1/topics/small:b").await.status, 200);
}

/// The meta group holds them, not the file.
#[test]
fn what_was_applied_is_there_after_a_crash() {
    let directory = temporary_directory();
    let launch = |configuration| Launch { data: Some(directory.join("data")), configuration, ..Launch::default() };
    let mut node = launch("").start().expect("a node starts");
    apply(&node, "[[namespace]]\nname = \"chat\"\nhistory_count = 5");
    node.kill();
    let node = launch("[[namespace]]\nname = \"chat\"\nhistory_count = 7").start().expect("a node starts");
    assert_eq!(shown(&node, "chat")["namespace"]["history_count"], 5);
    drop(node);
    let _ = fs::remove_dir_all(directory);
}
