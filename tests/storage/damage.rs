//! `fanfare storage check` of what is not as it should be: every kind of file, damaged on disk.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::{NAMESPACES, fill, publish};
use crate::command::{check, path, run};
use crate::files::{Scratch, contents, find, flip, node_on};

/// Stands in a publication, and so in the log and in the state.
const NEEDLE: &str = "a needle that nothing else has";

/// The directory of a node that was killed some windows after the needle was published.
async fn killed(scratch: &Scratch) -> PathBuf {
    let data = scratch.path("data");
    let mut node = node_on(&data, &format!("[storage]\nwindow_ms = 50\n{NAMESPACES}"));
    publish(&node, "chat:needle", json!({ "data": NEEDLE })).await;
    fill(&node).await;
    // Both are behind everything above.
    run(&["backup", path(&scratch.path("file")), "--url", &node.url("")]).done();
    fill(&node).await;
    run(&["backup", path(&scratch.path("file")), "--force", "--url", &node.url("")]).done();
    node.kill();
    data
}

/// What check prints of a directory that is damaged: its faults, without notes and summary.
#[track_caller]
fn faults(data: &Path) -> Vec<String> {
    let before = contents(data);
    let said = check(data);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.error.contains("is damaged"), "{said:?}");
    assert_eq!(contents(data), before, "not a byte is changed");
    let json = run(&["storage", "check", path(data), "--json"]);
    let json: Value = serde_json::from_str(&json.printed).expect("an object");
    let lines: Vec<String> = said.printed.lines().map(str::to_owned).collect();
    let (summary, lines) = lines.split_last().expect("a summary");
    assert!(summary.contains("fault") && summary.starts_with(path(data)), "{summary}");
    let faults: Vec<_> = lines.iter().filter(|line| !line.starts_with("note: ")).cloned().collect();
    assert_eq!(json["faultsCount"], faults.len(), "{json}");
    faults
}

#[tokio::test]
async fn a_flipped_bit_in_the_log_is_found() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    let (file, at) = find(&data.join("wal"), NEEDLE.as_bytes());
    flip(&file, at);
    let faults = faults(&data);
    assert_eq!(faults.len(), 1, "{faults:?}");
    let place = faults[0].split_once(", byte ").filter(|(place, _)| Path::new(place) == file);
    let byte = place.and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok());
    assert!(byte.is_some_and(|byte| byte < at && at - byte < 4_096), "{faults:?}, flipped at {at}");
}

#[tokio::test]
async fn a_flipped_bit_in_the_state_is_found() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    let (file, at) = find(&data.join("state"), NEEDLE.as_bytes());
    flip(&file, at);
    let faults = faults(&data);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains(path(&file)), "it names the file itself, not what was opened in its place: {faults:?}");
}

#[tokio::test]
async fn a_flipped_bit_in_the_namespaces_is_found() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    flip(&data.join("meta/state"), 40);
    let faults = faults(&data);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("meta/state: its checksum does not match"), "{faults:?}");
}

#[tokio::test]
async fn a_log_that_is_not_there_is_missed() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    for (file, _) in contents(&data.join("wal")) {
        fs::remove_file(file).expect("it is there");
    }
    let faults = faults(&data);
    assert_eq!(faults.len(), 65, "every shard, and the namespaces: {faults:?}");
    assert!(faults.iter().all(|fault| fault.ends_with("and its log is not there")), "{faults:?}");
    fs::remove_dir(data.join("wal")).expect("it is empty");
    assert_eq!(self::faults(&data).len(), 1);
}

#[tokio::test]
async fn a_state_that_is_not_there_is_missed() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    fs::remove_dir_all(data.join("state")).expect("it is there");
    let faults = faults(&data);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("state: "), "{faults:?}");
}

#[tokio::test]
async fn an_identity_that_is_not_its_own_is_noticed() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    let identity = data.join("identity.toml");
    let text = fs::read_to_string(&identity).expect("it is there");
    fs::write(&identity, text.replace("shards = 64", "shards = 63")).expect("it can be written");
    let found = faults(&data);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("shard 63: "), "{found:?}");
    fs::write(&identity, "format = 9\nnode = 1\n").expect("it can be written");
    assert!(check(&data).failed().contains("is of format 9"));
    fs::write(&identity, "shards").expect("it can be written");
    assert!(check(&data).failed().contains("is not the identity of a node"));
}

/// What was acknowledged and not stored may be in the part of the log that cannot be read.
#[tokio::test]
async fn a_node_with_a_damaged_log_serves_the_other_shards_and_gives_no_backup() {
    let scratch = Scratch::new();
    let data = killed(&scratch).await;
    let (file, at) = find(&data.join("wal"), NEEDLE.as_bytes());
    flip(&file, at);
    let node = node_on(&data, "");
    let said = run(&["backup", path(&scratch.path("another")), "--url", &node.url("")]).failed();
    assert!(said.contains("STORAGE_FAULT") && said.contains("serves no one"), "{said}");
    assert!(!scratch.path("another").exists() && !scratch.path("another.partial").exists());
    publish(&node, "chat:lobby", json!({ "data": "others go on" })).await;
}
