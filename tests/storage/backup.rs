//! `fanfare backup`: what is in it while the node goes on, and what it refuses.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio::sync::watch;

use crate::client::{NAMESPACES, get, offset, publish};
use crate::command::{path, restore, run};
use crate::content::{history, topics};
use crate::files::{Scratch, contents, node_on};
use crate::harness::Http;

const TOPICS: usize = 12;

/// What was acknowledged, in the order of its acknowledgement: topic, version, data.
type Acknowledged = Vec<(String, String, u64)>;

/// Publishes until it is told to stop, and tells everything that was acknowledged.
async fn publisher(
    address: std::net::SocketAddr,
    topic: String,
    acknowledged: watch::Sender<Acknowledged>,
    is_over: Arc<AtomicBool>,
) {
    let mut http = Http::connect(address).await;
    for number in 0_u64.. {
        let body = json!({ "data": number }).to_string();
        let answer = http.ask("POST", &format!("/v1/topics/{topic}"), &[], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let version = answer.json()["resourceVersion"].as_str().expect("a version").to_owned();
        acknowledged.send_modify(|all| all.push((topic.clone(), version, number)));
        if is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[tokio::test]
async fn a_backup_under_load_holds_everything_that_was_acknowledged_before_it_was_asked_for() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), "[[namespace]]\nname = \"chat\"\nhistory_count = 1000000\n");
    let (acknowledged, mut seen) = watch::channel(Acknowledged::new());
    let is_over = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..TOPICS)
        .map(|n| publisher(node.address(), format!("chat:{n}"), acknowledged.clone(), Arc::clone(&is_over)))
        .map(tokio::spawn)
        .collect();
    seen.wait_for(|all| all.len() >= 40 * TOPICS).await.expect("the publishers live");

    let before = acknowledged.borrow().clone();
    let (file, url) = (scratch.path("file"), node.url(""));
    let arguments = ["backup".to_owned(), path(&file).to_owned(), "--url".to_owned(), url];
    let backup = move || run(&arguments.each_ref().map(String::as_str));
    let printed = tokio::task::spawn_blocking(backup).await.expect("it ends").done();
    assert!(printed.contains("64 shards"), "{printed}");
    let (during, bytes) = (acknowledged.borrow().len() - before.len(), fs::metadata(&file).expect("it is there").len());
    assert!(printed.contains(&format!("{bytes} bytes")) && during > 0, "{printed}, {during} meanwhile");
    is_over.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.await.expect("a publisher ends well");
    }
    let live = topics(&node).await;
    drop(node);

    let restored = scratch.path("restored");
    assert!(restore(&file, &restored).done().contains(&format!("{TOPICS} topics")));
    let node = node_on(&restored, "");
    for (topic, was) in live {
        let is = history(&node, &topic).await;
        let count = before.iter().filter(|(of, ..)| *of == topic).count();
        assert!(is.len() >= count, "{topic}: {} of {count}", is.len());
        assert!(is.len() <= was.history.len(), "{topic}: nothing is invented");
        for (is, was) in is.iter().zip(&was.history) {
            let version = |event: &serde_json::Value| offset(event["resourceVersion"].as_str().expect("a version"));
            assert_eq!((&is["data"], version(is), &is["time"]), (&was["data"], version(was), &was["time"]));
        }
    }
    for (topic, version, number) in before {
        let event =
            &get(&node, &format!("/v1/topics/{topic}/history?limit=1000")).await.json()["items"][number as usize];
        let offset_is = offset(event["resourceVersion"].as_str().expect("a version"));
        assert_eq!((&event["data"], offset_is), (&json!(number), offset(&version)), "{topic}");
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_only_by_force() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), NAMESPACES);
    publish(&node, "chat:lobby", json!({ "data": 1 })).await;
    let (file, url) = (scratch.path("file"), node.url(""));
    fs::write(&file, "dear").expect("it can be written");
    let said = run(&["backup", path(&file), "--url", &url]).failed();
    assert!(said.contains("is there already") && said.contains("--force"), "{said}");
    assert_eq!(fs::read(&file).expect("it is there"), b"dear");
    run(&["backup", path(&file), "--force", "--url", &url]).done();
    restore(&file, &scratch.path("restored")).done();
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let scratch = Scratch::new();
    let file = scratch.path("file");
    let said = run(&["backup", path(&file), "--url", "http://127.0.0.1:9"]).failed();
    assert!(said.contains("cannot reach"), "{said}");
    let said = run(&["backup", path(&scratch.path("no/such/folder")), "--url", "http://127.0.0.1:9"]).failed();
    assert!(said.contains("cannot create"), "{said}");
    assert_eq!(contents(&scratch.path("")).len(), 0, "no partial file is left");
}

/// A second one would hold as much back as the first.
#[tokio::test]
async fn one_backup_is_taken_at_a_time_and_a_reader_who_leaves_ends_it() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), NAMESPACES);
    // More than sockets and the node's own buffers take.
    for _ in 0..60 {
        publish(&node, "chat:lobby", json!({ "data": "x".repeat(200_000) })).await;
    }
    let mut slow = Http::connect(node.address()).await;
    slow.say("GET", "/v1/admin/backup", &[], "").await;
    let head = slow.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    let second = get(&node, "/v1/admin/backup").await;
    assert_eq!((second.status, &second.json()["name"]), (503, &json!("OVERLOADED")));
    assert_eq!(second.header("retry-after"), Some("10"));
    drop(slow);
    let deadline = std::time::Instant::now() + crate::harness::PATIENCE;
    while run(&["backup", path(&scratch.path("file")), "--url", &node.url("")]).status != Some(0) {
        assert!(std::time::Instant::now() < deadline, "the first one never ended");
    }
}

#[tokio::test]
async fn the_route_is_for_programs_of_this_machine() {
    let scratch = Scratch::new();
    let node = node_on(&scratch.path("data"), "");
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let answer = Http::once(node.address(), method, "/v1/admin/backup", headers, "").await;
        (answer.status, answer.json()["name"].as_str().map(str::to_owned))
    };
    let said = |status: u16, name: &str| (status, Some(name.to_owned()));
    assert_eq!(ask("GET", &[("x-forwarded-for", "203.0.113.7")]).await, said(403, "FORBIDDEN"));
    assert_eq!(ask("GET", &[("origin", "https://evil.example")]).await, said(403, "ORIGIN_NOT_ALLOWED"));
    assert_eq!(ask("POST", &[]).await, said(405, "METHOD_NOT_ALLOWED"));
    let answer = get(&node, "/v1/admin/backup?force=true").await;
    assert_eq!((answer.status, &answer.json()["name"]), (422, &json!("UNKNOWN_PARAMETER")));
}
