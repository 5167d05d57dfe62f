//! What `storage.fsync = "interval"` loses with the power: the end of what was acknowledged, and no more of it than the
//! interval had.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::disk::{Disk, Rules};
use crate::harness::node::{Launch, Node, temporary_directory};
use crate::life::{Command, body};
use crate::reader::Reader;
use crate::shim::Shim;
use crate::trace;
use crate::verdict::Kind;

const INTERVAL: Duration = Duration::from_millis(100);
/// Until a sync that is due is begun and has been done, on a machine that runs other tests.
const SLACK: Duration = Duration::from_millis(500);
/// Longer than both is published before the power is cut.
const PUBLISHED_FOR: Duration = Duration::from_millis(1_500);
/// As many as are in several shards for sure.
const TOPICS: usize = 12;
/// Power cuts for each setting.
const CUTS: u64 = 2;
/// Nothing is stored as long as these tests last, so that the log is all there is; or it is all the time.
const LONG_WINDOW_MS: u64 = 60_000;
const SHORT_WINDOW_MS: u64 = 80;

/// One publication after the other, each acknowledged before the next was sent, and which of them were left.
struct Outcome {
    acknowledged: Vec<Instant>,
    left: BTreeSet<usize>,
}

impl Outcome {
    /// How long before the last acknowledgement the oldest of those that are lost had its own.
    fn lost_for(&self) -> Duration {
        let lost = (0..self.acknowledged.len()).find(|number| !self.left.contains(number));
        let last = self.acknowledged.last().expect("there were many");
        lost.map_or(Duration::ZERO, |oldest| last.duration_since(self.acknowledged[oldest]))
    }

    /// Whether what is left is a beginning of what was sent.
    fn is_beginning(&self) -> bool {
        self.left.iter().copied().eq(0..self.left.len())
    }

    /// Whether it is that of each topic by itself.
    fn has_beginnings(&self) -> bool {
        (0..TOPICS).all(|topic| {
            let left: Vec<_> = self.left.iter().filter(|number| **number % TOPICS == topic).collect();
            left.iter().zip(0..).all(|(number, at)| **number / TOPICS == at)
        })
    }
}

/// A directory under a shim; gone with the test.
struct Bench {
    root: PathBuf,
    storage: String,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Bench {
    fn new(fsync: &str, window_ms: u64) -> Self {
        let root = temporary_directory();
        fs::create_dir(root.join("data")).expect("a temporary directory can be written");
        let interval_ms = INTERVAL.as_millis();
        let storage =
            format!("[storage]\nfsync = \"{fsync}\"\nfsync_interval_ms = {interval_ms}\nwindow_ms = {window_ms}\n");
        Self { root, storage }
    }

    fn start(&self, data: &str, shim: Option<&Shim>) -> Node {
        let variables = shim.map_or_else(Vec::new, Shim::variables);
        let data = Some(self.root.join(data));
        let launch = Launch { configuration: &self.storage, data, variables, ..Launch::default() };
        launch.start().unwrap_or_else(|ended| panic!("the node does not start: {ended:?}"))
    }

    /// Publishes, cuts the power, and reads what is left.
    async fn cut(&self, seed: u64) -> Outcome {
        let (data, file) = (self.root.join("data"), self.root.join("trace"));
        let mut chance = Rng::with_seed(seed);
        let mut disk = Disk::of(&data, Rules::StrictBut("blobs")).expect("it is empty");
        let shim = Shim::over(&data, &self.root).tracing(file.clone());
        let mut node = self.start("data", Some(&shim));
        let (client, mut acknowledged) = (reqwest::Client::new(), Vec::new());
        let started = Instant::now();
        while started.elapsed() < PUBLISHED_FOR {
            let url = node.url(&format!("/v1/topics/{}", topic(acknowledged.len())));
            let publish = Command::Publish { serial: acknowledged.len() as u64, key: None, ttl: None };
            let body = body(&publish).expect("a publish has one");
            let answer = client.post(url).body(body.to_string()).send().await.expect("an answer");
            assert!(answer.status().is_success(), "{}", answer.status());
            acknowledged.push(Instant::now());
        }
        node.kill();
        assert_eq!(node.ended().and_then(|status| status.signal()), Some(9));
        trace::read(&file).into_iter().for_each(|operation| disk.follow(operation));
        disk.cut(&mut chance, &self.root.join("left")).expect("a temporary directory can be written");
        Outcome { acknowledged, left: self.left().await }
    }

    async fn left(&self) -> BTreeSet<usize> {
        let node = self.start("left", None);
        let (reader, mut left) = (Reader::new(node.address()), BTreeSet::new());
        for at in 0..TOPICS {
            let (seen, _) = reader.show(&topic(at), Kind::Stream).await.expect("it serves");
            assert!(seen.iter().all(|seen| seen.is_whole), "{seen:?}");
            left.extend(seen.into_iter().map(|seen| seen.serial as usize));
        }
        left
    }
}

fn topic(number: usize) -> String {
    format!("log:{}", number % TOPICS)
}

/// The log is one order of all publications. What is stored meanwhile is in no such order: it may add to what is left.
#[tokio::test]
async fn an_interval_loses_the_end_and_nothing_older_than_itself() {
    for window_ms in [LONG_WINDOW_MS, SHORT_WINDOW_MS] {
        let mut lost = 0;
        for seed in 1..=CUTS {
            let outcome = Bench::new("interval", window_ms).cut(seed).await;
            assert!(outcome.has_beginnings(), "seed {seed}: a hole in what is left, {:?}", outcome.left);
            assert!(outcome.is_beginning() || window_ms == SHORT_WINDOW_MS, "seed {seed}: a hole, {:?}", outcome.left);
            let lost_for = outcome.lost_for();
            assert!(lost_for <= INTERVAL + SLACK, "seed {seed}: what was acknowledged {lost_for:?} before is lost");
            lost += outcome.acknowledged.len().saturating_sub(outcome.left.len());
        }
        assert!(lost > 0 || window_ms == SHORT_WINDOW_MS, "the power took nothing in {CUTS} cuts");
    }
}

/// The test bites: a log that is not synced loses what is older.
#[tokio::test]
async fn without_syncs_more_than_an_interval_is_lost() {
    let mut longest = Duration::ZERO;
    for seed in 1..=CUTS {
        longest = longest.max(Bench::new("never", LONG_WINDOW_MS).cut(seed).await.lost_for());
    }
    assert!(longest > INTERVAL + SLACK, "no more than {longest:?} is lost");
}
