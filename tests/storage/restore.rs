//! `fanfare restore`: what goes on in a restored node, and what is refused.

use std::fs;

use serde_json::json;

use crate::client::{NAMESPACES, epoch, fill, get, offset, post, publish};
use crate::command::{check, path, restore, run};
use crate::content::{namespaces, topics};
use crate::files::{Scratch, contents, flip, node_on};

#[tokio::test]
async fn a_restored_node_goes_on_under_new_epochs() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), NAMESPACES);
    let deleted = fill(&node).await;
    let applied = scratch.path("applied.toml");
    // Above all that is there: what a smaller one takes away, it takes a moment later.
    fs::write(&applied, "[[namespace]]\nname = \"chat\"\nhistory_count = 1033\n").expect("it can be written");
    run(&["namespace", "apply", path(&applied), "--url", &node.url("")]).done();
    let (was, policies) = (topics(&node).await, namespaces(&node).await);
    let file = scratch.path("file");
    run(&["backup", path(&file), "--url", &node.url("")]).done();
    drop(node);

    let data = scratch.path("restored");
    let printed = restore(&file, &data).done();
    assert!(printed.contains(&format!("{} topics", was.len())) && printed.contains("4 namespaces"), "{printed}");
    assert!(check(&data).done().contains("nothing is wrong"));
    // What a file says does not count where there were namespaces before.
    let mut node = node_on(&data, "");
    assert_eq!(namespaces(&node).await, policies);
    let is = topics(&node).await;
    assert!(is.keys().eq(was.keys()), "{:?}", is.keys());
    for (name, was) in &was {
        let is = &is[name];
        assert_ne!(epoch(&is.version), epoch(&was.version), "{name}");
        assert_eq!(*is, was.under(&is.version), "{name}");
    }
    assert!(get(&node, "/v1/topics/typing:lobby").await.json()["items"].as_array().is_some_and(Vec::is_empty));
    assert!(!is.contains_key("chat:deleted"), "{deleted} ended before");

    // Who comes back with a version of before is told.
    let old = &was["chat:lobby"].version;
    let resumed = get(&node, &format!("/v1/topics/chat:lobby?watch=true&resourceVersion={old}&timeout=1s")).await;
    assert_eq!((resumed.status, &resumed.json()["name"]), (409, &json!("EPOCH_CHANGED")));
    // And what was published before is not published again.
    let again = post(&node, "chat:once", &[("idempotency-key", "k")], &json!({ "data": "once" })).await;
    assert_eq!(again.json()["resourceVersion"], is["chat:once"].version.as_str());
    let repeated = json!({ "data": 40, "producer": { "id": "p", "sequence": 40 } });
    assert_eq!(publish(&node, "chat:produced", repeated).await, is["chat:produced"].version);
    let next = json!({ "data": 41, "producer": { "id": "p", "sequence": 41 } });
    assert_eq!(offset(&publish(&node, "chat:produced", next).await), offset(&was["chat:produced"].version) + 1);
    let cut = json!({ "data": 43, "producer": { "id": "p", "sequence": 43 } });
    assert_eq!(post(&node, "chat:produced", &[], &cut).await.json()["name"], json!("OUT_OF_SEQUENCE"));
    publish(&node, "chat:new", json!({ "data": 1 })).await;

    let before = topics(&node).await;
    node.kill();
    assert!(check(&data).done().contains("nothing is wrong"));
    assert_eq!(topics(&node_on(&data, "")).await, before);
}

/// Deadlines are in shard time, which goes on where it stood.
#[tokio::test]
async fn what_was_to_expire_expires_in_the_restored_node() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), NAMESPACES);
    publish(&node, "fleet:x", json!({ "key": "stays", "data": 1 })).await;
    publish(&node, "fleet:x", json!({ "key": "brief", "data": 1, "ttl": "3s" })).await;
    let file = scratch.path("file");
    run(&["backup", path(&file), "--url", &node.url("")]).done();
    drop(node);
    restore(&file, &scratch.path("restored")).done();
    let node = node_on(&scratch.path("restored"), "");
    let held = get(&node, "/v1/topics/fleet:x").await.json();
    let version = held["resourceVersion"].as_str().expect("a version").to_owned();
    if held["items"].as_array().expect("items").len() == 2 {
        let target = format!("/v1/topics/fleet:x?watch=true&resourceVersion={version}&timeout=15s");
        let expired = get(&node, &target).await.json();
        let event = &expired["events"][0];
        assert_eq!((&event["type"], &event["key"]), (&json!("delete"), &json!("brief")), "{expired}");
    }
    assert_eq!(get(&node, "/v1/topics/fleet:x").await.json()["items"].as_array().expect("items").len(), 1);
}

#[tokio::test]
async fn a_backup_that_is_cut_or_damaged_is_refused_with_its_place() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), NAMESPACES);
    fill(&node).await;
    let (file, data) = (scratch.path("file"), scratch.path("restored"));
    run(&["backup", path(&file), "--url", &node.url("")]).done();
    drop(node);
    let whole = fs::read(&file).expect("it is there");
    for cut in [0, 10, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..cut]).expect("it can be written");
        let said = restore(&file, &data).failed();
        assert!(said.contains(path(&file)) && said.contains(&format!("ends at byte {cut}, before its end")), "{said}");
    }
    for at in [20, whole.len() / 3, whole.len() - 5] {
        fs::write(&file, &whole).expect("it can be written");
        flip(&file, at);
        let said = restore(&file, &data).failed();
        assert!(said.contains("it is damaged at byte "), "{said}");
    }
    fs::write(&file, "{}").expect("it can be written");
    assert!(restore(&file, &data).failed().contains("it is no backup of a node"));
    assert!(restore(&scratch.path("none"), &data).failed().contains("cannot read"));
    assert!(!data.exists(), "nothing was touched");
}

#[tokio::test]
async fn only_an_empty_directory_is_restored_into() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let node = node_on(&data, NAMESPACES);
    publish(&node, "chat:lobby", json!({ "data": 1 })).await;
    let file = scratch.path("file");
    run(&["backup", path(&file), "--url", &node.url("")]).done();
    assert!(restore(&file, &data).failed().contains("is not empty"));
    drop(node);
    let before = contents(&data);
    assert!(restore(&file, &data).failed().contains("is not empty"));
    assert_eq!(contents(&data), before);

    let empty = scratch.path("empty");
    fs::create_dir(&empty).expect("it can be made");
    restore(&file, &empty).done();
    let mut names: Vec<_> =
        fs::read_dir(&empty).expect("it is there").map(|e| e.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["identity.toml", "lock", "meta", "state", "wal"]);

    // As after a kill in the middle: everything but what makes it a node's.
    fs::remove_file(empty.join("identity.toml")).expect("it is there");
    fs::create_dir(empty.join("restoring")).expect("it can be made");
    let ended = crate::harness::node::Launch { data: Some(empty.clone()), ..Default::default() }.start();
    let log = ended.err().expect("no node starts on it").log.join("\n");
    assert!(log.contains("a restore that did not finish"), "{log}");
    for said in [check(&empty), restore(&file, &empty)] {
        assert!(said.failed().contains("a restore that did not finish"));
    }
}
