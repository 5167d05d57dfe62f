//! Entries that are neither in the state nor in the log: the shard that they belonged to answers for nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use crate::client::{get, post, publish};
use crate::command::{check, path, run};
use crate::files::{Scratch, find, flip, node_on};
use crate::harness::{Node, PATIENCE};

/// Windows that are written when a backup is taken and hardly ever else, of topics that retain next to nothing: so a log
/// of any length leaves a state of some kilobytes, in batches of which each is known.
const CONFIGURATION: &str = "\
[storage]\nwindow_ms = 60000\nwindow_bytes_max = 1073741824\n\
[[namespace]]\nname = \"short\"\nhistory_count = 3\n";

/// Stands in the last publication, and so in the last batch of the state.
const NEEDLE: &str = "a needle that nothing else has";

/// The topic whose shard is behind, and others.
const BEHIND: &str = "short:behind";
const OTHERS: [&str; 3] = ["chat:a", "chat:b", "chat:c"];

fn write_a_window(node: &Node, scratch: &Scratch) {
    run(&["backup", path(&scratch.path("backup")), "--force", "--url", &node.url("")]).done();
}

/// The directory of a node whose log has let go of what only the last batch of the state has.
async fn purged(scratch: &Scratch) -> PathBuf {
    let data = scratch.path("data");
    let mut node = node_on(&data, CONFIGURATION);
    for topic in OTHERS.iter().chain([&BEHIND]) {
        publish(&node, topic, json!({ "data": "first" })).await;
    }
    write_a_window(&node, scratch);
    // Five segments: the oldest of them is in the way.
    let many = json!({ "publications": vec![json!({ "data": "x".repeat(240_000) }); 4] });
    while segments(&data).len() < 5 {
        assert_eq!(post(&node, BEHIND, &[], &many).await.status, 200);
    }
    publish(&node, BEHIND, json!({ "data": NEEDLE })).await;
    let first = segments(&data)[0].clone();
    write_a_window(&node, scratch);
    let deadline = Instant::now() + PATIENCE;
    while first.exists() {
        assert!(Instant::now() < deadline, "the log does not let go of {}", first.display());
        get(&node, &format!("/v1/topics/{BEHIND}")).await;
    }
    node.kill();
    data
}

/// Those in use, in order.
fn segments(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("wal")).expect("the log is there");
    let names = entries.map(|entry| entry.expect("it can be listed").path());
    let is_numbered =
        |path: &PathBuf| path.file_stem().is_some_and(|stem| stem.to_string_lossy().parse::<u64>().is_ok());
    let mut segments: Vec<_> = names.filter(is_numbered).collect();
    segments.sort();
    segments
}

/// The name of the code.
async fn refused(node: &Node, topic: &str) -> [String; 2] {
    let publishing = post(node, topic, &[], &json!({ "data": 1 })).await;
    let reading = get(node, &format!("/v1/topics/{topic}/history")).await;
    [publishing, reading].map(|answer| answer.json()["name"].as_str().unwrap_or_default().to_owned())
}

/// Rot there cannot be told from a write that power interrupted, so the state falls back to the batch before.
#[tokio::test]
async fn a_shard_whose_state_falls_back_behind_its_log_is_silent_and_the_others_serve() {
    let scratch = Scratch::new();
    let data = purged(&scratch).await;
    let (journal, at) = find(&data.join("state"), NEEDLE.as_bytes());
    assert_eq!(journal.extension().and_then(|end| end.to_str()), Some("jnl"));
    flip(&journal, at);
    let said = check(&data).printed;
    let gap = said.lines().find(|line| line.contains("are neither in its state nor in its log")).expect("the gap");
    let mut words = gap.split_whitespace();
    let mut number = |before: &str| {
        let word = words.by_ref().skip_while(|word| *word != before).nth(1).expect("a number");
        word.trim_end_matches(':').parse::<u64>().expect("a number")
    };
    let (shard, next, last) = (number("shard"), number("entries"), number("to"));

    // Not forgotten by the start that cuts the journal off.
    for _ in 0..2 {
        let mut node = node_on(&data, CONFIGURATION);
        assert_eq!(refused(&node, BEHIND).await, ["STORAGE_FAULT", "STORAGE_FAULT"]);
        let told = node.told(&format!("shard `{shard}`"));
        assert!(told.contains(&format!("entry {}", next - 1)) && told.contains(&format!("entry {last}")), "{told}");
        for topic in OTHERS {
            publish(&node, topic, json!({ "data": "others go on" })).await;
            assert_eq!(get(&node, &format!("/v1/topics/{topic}/history")).await.status, 200);
        }
        node.kill();
    }
}

#[tokio::test]
async fn a_state_that_is_not_there_is_a_storage_fault_of_every_shard() {
    let scratch = Scratch::new();
    let data = purged(&scratch).await;
    fs::remove_dir_all(data.join("state")).expect("it is there");
    let node = node_on(&data, CONFIGURATION);
    node.told("nothing is stored of");
    for topic in OTHERS.iter().chain([&BEHIND]) {
        assert_eq!(refused(&node, topic).await, ["STORAGE_FAULT", "STORAGE_FAULT"], "{topic}");
    }
    assert_eq!(get(&node, "/readyz").await.status, 503);
}
