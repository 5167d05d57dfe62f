//! The data directory of each release, opened by this one. `tests/data_dirs/README.md` says how one is added.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{NAMESPACES, fill, get, offset, post, publish};
use crate::command::{check, path, run};
use crate::content::{Topics, namespaces, topics};
use crate::files::{Scratch, contents, node_on};
use crate::harness::{Node, PATIENCE};

/// Names the directory that is written instead of only being read: `v1`.
const WRITE: &str = "FANFARE_WRITE_DATA_DIR";

fn releases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_dirs")
}

#[tokio::test]
async fn the_data_directory_of_each_release_goes_on() {
    if let Some(name) = std::env::var_os(WRITE) {
        write(&releases().join(name)).await;
    }
    let mut count = 0;
    for entry in fs::read_dir(releases()).expect("it is there") {
        let release = entry.expect("it can be listed").path();
        if release.is_dir() {
            goes_on(&release).await;
            count += 1;
        }
    }
    assert!(count > 0, "there is one at least");
}

/// What the release said of its topics and namespaces when it was killed.
fn told(topics: &Topics, namespaces: &Value) -> Value {
    let topic = |topic: &crate::content::Topic| {
        let (kind, version) = (&topic.kind, &topic.version);
        json!({ "kind": kind, "version": version, "items": shortened(&topic.items), "history": shortened(&json!(topic.history)) })
    };
    let topics: serde_json::Map<_, _> = topics.iter().map(|(name, is)| (name.clone(), topic(is))).collect();
    json!({ "topics": topics, "namespaces": namespaces })
}

/// Long runs of one letter fill tables, and would fill the file too.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > 4_096 && text.bytes().all(|byte| byte == b'x') => {
            json!({ "x": text.len() })
        }
        Value::Array(values) => values.iter().map(shortened).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shortened(value))).collect(),
        other => other.clone(),
    }
}

async fn goes_on(release: &Path) {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    unpack(&release.join("data.tar.gz"), &scratch.path(""));
    let expected = fs::read_to_string(release.join("expected.json")).expect("it is there");
    let expected: Value = serde_json::from_str(&expected).expect("it is JSON");
    assert!(check(&data).done().contains("nothing is wrong"), "{}", release.display());
    run(&["storage", "stat", path(&data)]).done();

    let node = node_on(&data, "");
    let is = topics(&node).await;
    let told = told(&is, &namespaces(&node).await);
    for (name, was) in expected["topics"].as_object().expect("topics") {
        assert_eq!(told["topics"][name], *was, "{name}");
    }
    assert_eq!(told, expected);
    // What makes a repeated publish harmless is remembered, and the next version is the next.
    let again = post(&node, "chat:once", &[("idempotency-key", "k")], &json!({ "data": "once" })).await;
    assert_eq!(again.json()["resourceVersion"], is["chat:once"].version.as_str());
    let repeated = json!({ "data": 40, "producer": { "id": "p", "sequence": 40 } });
    assert_eq!(publish(&node, "chat:produced", repeated).await, is["chat:produced"].version);
    for (name, body) in [("chat:lobby", json!({ "data": 1 })), ("fleet:berlin", json!({ "key": "new", "data": 1 }))] {
        let version = publish(&node, name, body).await;
        assert_eq!(
            version,
            is[name].version.replace(&offset(&is[name].version).to_string(), &offset(&version).to_string())
        );
        assert_eq!(offset(&version), offset(&is[name].version) + 1, "{name}");
    }
    assert_eq!(get(&node, "/v1/topics/chat:deleted").await.json()["resourceVersion"], "0.0");
    drop(node);
    assert!(check(&data).done().contains("nothing is wrong"), "{}, after it went on", release.display());
}

/// Fills a directory with a little of everything, kills the node and packs what is there.
async fn write(release: &Path) {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut node = node_on(&data, &format!("{NAMESPACES}[[namespace]]\nname = \"large\"\nhistory_bytes = 100000000\n"));
    fill(&node).await;
    fill_tables(&node, &scratch).await;
    run(&["backup", path(&scratch.path("file")), "--force", "--url", &node.url("")]).done();
    // In the log and not yet in the state, so that a start has something to apply again.
    publish(&node, "chat:lobby", json!({ "data": "the last" })).await;
    let expected = told(&topics(&node).await, &namespaces(&node).await);
    node.kill();
    // What is kept to be written again says nothing; a start makes another.
    for entry in fs::read_dir(data.join("wal")).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("spare-")) {
            fs::remove_file(path).expect("it is there");
        }
    }
    fs::create_dir_all(release).expect("it can be made");
    pack(&scratch.path(""), &release.join("data.tar.gz"));
    let expected = serde_json::to_string_pretty(&expected).expect("JSON can be written");
    fs::write(release.join("expected.json"), expected + "\n").expect("it can be written");
}

/// More than the state keeps in memory, so that it is in tables and in files of large values too. Of one letter, which
/// packs to next to nothing, and forgotten again, so that nobody has to read it all.
async fn fill_tables(node: &Node, scratch: &Scratch) {
    for _ in 0..150 {
        publish(node, "large:one", json!({ "data": "x".repeat(240_000) })).await;
    }
    let deadline = Instant::now() + PATIENCE;
    while !contents(&scratch.path("data/state")).keys().any(|file| path(file).contains("/blobs/")) {
        assert!(Instant::now() < deadline, "nothing was written to tables");
        run(&["backup", path(&scratch.path("file")), "--force", "--url", &node.url("")]).done();
    }
    let short = scratch.path("short.toml");
    fs::write(&short, "[[namespace]]\nname = \"large\"\nhistory_count = 3\n").expect("it can be written");
    run(&["namespace", "apply", path(&short), "--url", &node.url("")]).done();
    publish(node, "large:one", json!({ "data": "the rest is forgotten" })).await;
}

fn unpack(archive: &Path, into: &Path) {
    tar(&["-xzf", path(archive), "-C", path(into)]);
}

fn pack(from: &Path, archive: &Path) {
    tar(&["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-czf", path(archive), "-C", path(from), "data"]);
}

fn tar(arguments: &[&str]) {
    let status = Command::new("tar").args(arguments).status().expect("`tar` is there");
    assert!(status.success(), "{arguments:?}");
}
