//! `fanfare storage check` and `stat` of what is as it should be.

use std::fs;

use serde_json::{Value, json};

use crate::client::{NAMESPACES, fill, publish};
use crate::command::{check, path, run};
use crate::content::topics;
use crate::files::{Scratch, contents, node_on};

fn object(printed: &str) -> Value {
    serde_json::from_str(printed).expect("an object")
}

#[tokio::test]
async fn a_killed_node_is_whole_and_not_a_byte_of_it_is_changed() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut node = node_on(&data, NAMESPACES);
    fill(&node).await;
    let live = topics(&node).await;
    node.kill();
    let before = contents(&data);

    let printed = check(&data).done();
    let summary = printed.lines().last().expect("a summary");
    assert!(summary.contains("nothing is wrong"), "{printed}");
    let checked = object(&run(&["storage", "check", path(&data), "--json"]).done());
    assert_eq!((&checked["format"], &checked["faultsCount"], &checked["faults"]), (&json!(1), &json!(0), &json!([])));
    // Whether a window was stored before the kill is a matter of moments; what was not is applied again.
    let is_stored = checked["shards"] == 64;
    assert!(is_stored || checked["replayedEntries"].as_u64().is_some_and(|entries| entries > 0), "{checked}");
    let table = run(&["storage", "stat", path(&data)]).done();
    assert!(table.lines().any(|line| line.starts_with("log: segments") && line.ends_with(" 1")), "{table}");
    let figures = object(&run(&["storage", "stat", path(&data), "--json"]).done());
    assert_eq!(figures["log"]["replayedEntries"], checked["replayedEntries"]);
    assert_eq!((&figures["topics"], &figures["publications"]), (&checked["topics"], &checked["publications"]));
    assert_eq!(figures["log"]["oldestSegment"], 1);
    assert_eq!(contents(&data), before);

    // After a start and an orderly stop everything is stored, and nothing is left to apply again.
    let mut node = node_on(&data, "");
    assert_eq!(topics(&node).await, live);
    node.terminate();
    assert!(node.wait(crate::harness::PATIENCE).success());
    let figures = object(&run(&["storage", "stat", path(&data), "--json"]).done());
    assert_eq!((&figures["topics"], &figures["log"]["replayedEntries"]), (&json!(live.len()), &json!(0)));
    let count: usize = live.values().map(|topic| topic.history.len()).sum();
    assert_eq!((&figures["publications"], &figures["namespaces"]), (&json!(count), &json!(4)));
}

#[tokio::test]
async fn a_running_node_is_not_looked_at() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let node = node_on(&data, "");
    publish(&node, "chat:lobby", json!({ "data": 1 })).await;
    for said in [check(&data), run(&["storage", "stat", path(&data)])] {
        let said = said.failed();
        assert!(said.contains("is used by a running node; stop it first") && said.contains("fanfare backup"), "{said}");
    }
    publish(&node, "chat:lobby", json!({ "data": 2 })).await;
}

#[test]
fn what_is_no_data_directory_is_told_and_left_alone() {
    let scratch = Scratch::new();
    let said = check(&scratch.path("none")).failed();
    assert!(said.contains("none"), "{said}");
    assert!(!scratch.path("none").exists());
    fs::write(scratch.path("photo"), "x").expect("it can be written");
    let said = check(&scratch.path("")).failed();
    assert!(said.contains("no `identity.toml`"), "{said}");
    assert_eq!(contents(&scratch.path("")).len(), 1, "no lock is left");
}

/// A directory on a medium that cannot be written to, or of another user.
#[tokio::test]
async fn a_directory_without_its_lock_can_be_looked_at() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut node = node_on(&data, NAMESPACES);
    fill(&node).await;
    node.kill();
    for lock in ["lock", "wal/lock", "state/lock"] {
        fs::remove_file(data.join(lock)).expect("it is there");
    }
    let before = contents(&data);
    assert!(check(&data).done().contains("nothing is wrong"));
    assert_eq!(contents(&data), before);
}
