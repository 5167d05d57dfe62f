//! A disk that fails under a running node, one fault at a time: it says so, acknowledges nothing that it cannot keep, and
//! goes on with what it can.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use crate::harness::node::temporary_directory;
use crate::rig::Rig;

const TOPIC: &str = "chat:a";
/// Stored by the log alone, as long as these tests last.
const LONG_WINDOW: &str = "window_ms = 60000";

/// Publishes to many topics, so that every lane of the node is touched, and gives the code of each that failed.
async fn failures(rig: &Rig, text: &str) -> Vec<String> {
    let mut failed = Vec::new();
    for at in 0..40 {
        failed.extend(rig.publish(&format!("chat:t{at}"), text).await.err());
    }
    failed
}

/// G15.
#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_acknowledged_and_reads_go_on() {
    let mut rig = Rig::new(LONG_WINDOW);
    rig.publish(TOPIC, "before").await.expect("all is well");
    rig.shim.fail("sync EIO 0 1 /wal/");
    assert_eq!(rig.publish(TOPIC, "in between").await, Err("STORAGE_FAULT".to_owned()));
    // The disk would work again, but what it holds is not known any more.
    assert_eq!(failures(&rig, "after").await, ["STORAGE_FAULT"; 40]);
    assert_eq!(snapshot(&rig).await, ["before"]);
    let told = rig.node().told("cannot sync");
    assert!(told.contains(".wal"), "{told}");

    rig.kill();
    rig.shim.fail("");
    rig.start().expect("a restart is the way out");
    let texts = rig.read(TOPIC).await.expect("it serves again");
    assert!(["before", "in between"].starts_with(&texts.iter().map(String::as_str).collect::<Vec<_>>()), "{texts:?}");
    rig.publish(TOPIC, "again").await.expect("it serves again");
}

/// G15.
#[tokio::test]
async fn after_a_write_that_failed_nothing_is_acknowledged_and_reads_go_on() {
    let mut rig = Rig::new(LONG_WINDOW);
    rig.publish(TOPIC, "before").await.expect("all is well");
    rig.shim.fail("write EIO 0 1 /wal/");
    assert_eq!(rig.publish(TOPIC, "in between").await, Err("STORAGE_FAULT".to_owned()));
    assert_eq!(failures(&rig, "after").await, ["STORAGE_FAULT"; 40]);
    assert_eq!(snapshot(&rig).await, ["before"]);
    rig.kill();
    rig.shim.fail("");
    rig.start().expect("a restart is the way out");
    assert_eq!(rig.read(TOPIC).await.expect("it serves again")[0], "before");
}

#[tokio::test]
async fn a_short_write_is_finished_and_everything_acknowledged_is_there() {
    let mut rig = Rig::new(LONG_WINDOW);
    rig.shim.fail("write SHORT 0 5 /wal/");
    let texts: Vec<_> = (0..20).map(|at| format!("text {at}")).collect();
    for text in &texts {
        rig.publish(TOPIC, text).await.expect("a short write is no failure");
    }
    rig.kill();
    rig.start().expect("nothing is wrong");
    assert_eq!(rig.read(TOPIC).await, Ok(texts));
}

#[tokio::test]
async fn a_slow_sync_delays_the_acknowledgement() {
    let rig = Rig::new(LONG_WINDOW);
    rig.publish(TOPIC, "fast").await.expect("all is well");
    rig.shim.fail("sync SLOW400 0 0 /wal/");
    let started = Instant::now();
    rig.publish(TOPIC, "slow").await.expect("it comes in the end");
    assert!(started.elapsed() >= Duration::from_millis(400), "acknowledged after {:?}", started.elapsed());
    let reading = Instant::now();
    assert_eq!(rig.read(TOPIC).await.map(|texts| texts.len()), Ok(2));
    assert!(reading.elapsed() < Duration::from_millis(400), "a read waits for no sync");
}

/// What is stored in windows cannot be stored any more: the log would grow without end, and nothing would make room.
#[tokio::test]
async fn a_store_that_cannot_sync_stops_acknowledgements_and_loses_nothing() {
    let mut rig = Rig::new("window_ms = 50");
    rig.publish(TOPIC, "0").await.expect("all is well");
    rig.shim.fail("sync EIO 0 0 /state/");
    let (mut acknowledged, mut next) = (vec!["0".to_owned()], 1);
    let deadline = Instant::now() + crate::harness::PATIENCE;
    let code = loop {
        assert!(Instant::now() < deadline, "the store failed and publishes are still acknowledged");
        match rig.publish(TOPIC, &next.to_string()).await {
            Ok(_) => acknowledged.push(next.to_string()),
            Err(code) => break code,
        }
        next += 1;
    };
    assert_eq!(code, "STORAGE_FAULT");
    rig.node().told("the store failed");
    rig.kill();
    rig.shim.fail("");
    rig.start().expect("a restart is the way out");
    let held = rig.read(TOPIC).await.expect("it serves again");
    assert!(held.starts_with(&acknowledged) || held.len() == 1000, "{} of {}", held.len(), acknowledged.len());
}

/// What was stored goes into files later, in the background; from a failure there the state does not recover, and nobody
/// who publishes would notice before the next window.
#[tokio::test]
async fn a_store_that_fails_in_the_background_is_noticed_while_nobody_publishes() {
    let mut rig = Rig::new(&format!("{LONG_WINDOW}\n[[namespace]]\nname = \"chat\"\nhistory_bytes = 1073741824"));
    // More than the store keeps in memory.
    let filler = "x".repeat(200_000);
    for _ in 0..100 {
        rig.publish(TOPIC, &filler).await.expect("all is well");
    }
    let (status, _) = rig.ask(Method::GET, "/readyz", "").await;
    assert_eq!(status, StatusCode::OK);
    rig.shim.fail("create+open+write EIO 0 0 /keyspaces/");
    // Has all of that stored first. The background may be faster than the answer, which then tells of it.
    let (status, _) = rig.ask(Method::GET, "/v1/admin/backup", "").await;
    assert!([StatusCode::OK, StatusCode::INSUFFICIENT_STORAGE].contains(&status), "{status}");
    rig.node().told("the store failed");
    let (status, _) = rig.ask(Method::GET, "/readyz", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.publish(TOPIC, "after").await, Err("STORAGE_FAULT".to_owned()));
    rig.kill();
    rig.shim.fail("");
    rig.start().expect("a restart is the way out");
    assert_eq!(rig.read(TOPIC).await, Ok(vec![filler; 100]));
}

#[tokio::test]
async fn a_read_only_disk_is_told_in_one_sentence_before_anything_else() {
    for is_new in [true, false] {
        let mut rig = Rig::idle("", None);
        if !is_new {
            rig.start().expect("all is well");
            rig.publish(TOPIC, "before").await.expect("all is well");
            rig.kill();
        }
        rig.shim.fail("create+open+write+length+rename+remove EROFS 0 0");
        let ended = rig.start().expect_err("it cannot keep anything");
        assert_eq!((ended.status.code(), ended.is_hanging), (Some(1), false), "{ended:?}");
        let last = ended.log.last().expect("it says why");
        assert!(last.starts_with("error: ") && last.to_lowercase().contains("read-only"), "{last}");
        assert!(last.contains(rig.data().to_str().expect("UTF-8")), "it names the place: {last}");
        let others = ended.log.iter().filter(|line| line.contains("\"ERROR\"") || line.contains("panicked"));
        assert_eq!(others.count(), 0, "one sentence is enough: {:?}", ended.log);
    }
}

/// Below the reserve that is configured. The shim says how much is free: the disk of the tests is shared by others.
#[tokio::test]
async fn below_its_reserve_publishes_are_refused_reads_go_on_and_space_heals() {
    let rig = Rig::new("");
    rig.publish(TOPIC, "before").await.expect("all is well");
    rig.shim.fail("space ENOSPC 0 0");
    until(&rig, |outcome| outcome == &Err("DISK_LOW".to_owned())).await;
    let body = serde_json::json!({ "data": "refused" }).to_string();
    let (status, problem) = rig.ask(Method::POST, "/v1/topics/chat:b", &body).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
    assert_eq!(rig.read(TOPIC).await.expect("reads go on")[0], "before");
    assert_eq!(rig.read("chat:b").await, Ok(vec![]), "a refusal changed nothing");
    let (status, _) = rig.ask(Method::DELETE, "/v1/topics/chat:a", "").await;
    assert_eq!(status, StatusCode::OK, "deleting is the way out");
    rig.shim.fail("");
    until(&rig, Result::is_ok).await;
}

/// What this node has of the topic, without asking the others: there are none.
async fn snapshot(rig: &Rig) -> Vec<String> {
    let (status, snapshot) = rig.ask(Method::GET, &format!("/v1/topics/{TOPIC}?consistency=local"), "").await;
    assert_eq!(status, StatusCode::OK, "{snapshot}");
    let items = snapshot["items"].as_array().expect("a snapshot has items");
    items.iter().map(|item| item["data"].as_str().expect("a text").to_owned()).collect()
}

/// Publishes until the outcome is as it should be.
async fn until(rig: &Rig, is_so: impl Fn(&Result<String, String>) -> bool) {
    let deadline = Instant::now() + crate::harness::PATIENCE;
    loop {
        let outcome = rig.publish("chat:probe", "?").await;
        if is_so(&outcome) {
            return;
        }
        assert!(Instant::now() < deadline, "it is still {outcome:?}");
    }
}

/// The same on a real disk that fills up: a small one in memory, which takes a privilege that not every machine gives; the
/// test above needs none.
#[tokio::test]
async fn a_disk_that_others_fill_refuses_publishes_serves_reads_and_heals() {
    let Some(disk) = SmallDisk::mount(400) else { return println!("not run: file systems cannot be mounted here") };
    let mut rig = Rig::idle("free_bytes_min = 134217728", Some(&disk.path.join("data")));
    rig.start().expect("there is enough space");
    rig.publish(TOPIC, "before").await.expect("all is well");
    // What is left is enough to store what was taken.
    disk.fill(64 * 1024 * 1024);
    until(&rig, |outcome| outcome == &Err("DISK_LOW".to_owned())).await;
    assert_eq!(rig.read(TOPIC).await, Ok(vec!["before".to_owned()]));
    assert_eq!(rig.publish(TOPIC, "refused").await, Err("DISK_LOW".to_owned()));
    disk.clear();
    until(&rig, Result::is_ok).await;
    rig.publish(TOPIC, "after").await.expect("it has healed");
    rig.kill();
    rig.start().expect("nothing is wrong");
    assert_eq!(rig.read(TOPIC).await, Ok(vec!["before".to_owned(), "after".to_owned()]));
}

/// A file system in memory. Gone with the test.
struct SmallDisk {
    path: PathBuf,
    bytes: u64,
}

impl SmallDisk {
    /// `None` where that is not allowed.
    fn mount(mebibytes: u64) -> Option<Self> {
        let path = temporary_directory();
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "none"]).arg(&path).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        is_mounted.then(|| Self { path, bytes: mebibytes * 1024 * 1024 })
    }

    /// Writes a file until no more than this is free.
    fn fill(&self, free_bytes: u64) {
        let mut filler = fs::File::create(self.path.join("filler")).expect("it can be written");
        while self.bytes - self.used_bytes() > free_bytes {
            filler.write_all(&[1; 1024 * 1024]).expect("there is space");
        }
    }

    fn used_bytes(&self) -> u64 {
        let mut used = Command::new("du");
        let output = used.args(["-s", "-B1"]).arg(&self.path).output().expect("`du` is there");
        let text = String::from_utf8(output.stdout).expect("a number");
        text.split_whitespace().next().and_then(|bytes| bytes.parse().ok()).expect("a number")
    }

    fn clear(&self) {
        fs::remove_file(self.path.join("filler")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a node that is being killed may still have its files open.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        let _ = fs::remove_dir(&self.path);
    }
}
