//! The first traffic after a start: reads and publishes on topics that nobody has touched since, one at a time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fanfare_protocol::ResourceVersion;
use serde_json::Value;

use crate::fill::{Filling, name};
use crate::http::{Answer, Http};

/// Reads, and as many publishes, each on a topic of its own.
const COUNT: usize = 200;

/// Items of a snapshot unless more are asked for.
const SNAPSHOT_COUNT: u64 = 100;

/// What was published since the filling, by topic: it has to be there after the next start.
pub struct Oracle {
    filling: Filling,
    published: HashMap<usize, u64>,
}

/// Sorted latencies.
pub struct Probed {
    pub reads: Vec<Duration>,
    pub publishes: Vec<Duration>,
}

impl Probed {
    /// The slowest of all.
    pub fn slowest(&self) -> Duration {
        self.reads.iter().chain(&self.publishes).max().copied().unwrap_or_default()
    }
}

impl Oracle {
    /// Of a node that was just filled.
    pub fn new(filling: Filling) -> Self {
        Self { filling, published: HashMap::new() }
    }

    /// Reads some topics and publishes to others; then reads all that was ever published to by this.
    ///
    /// # Errors
    /// When a topic does not hold what it must.
    pub fn probe(&mut self, address: SocketAddr) -> Result<Probed> {
        let mut http = Http::connect(address)?;
        // The connection itself is no part of what is measured.
        http.get("/readyz")?;
        let (mut reads, mut publishes) = (Vec::new(), Vec::new());
        for _ in 0..COUNT {
            reads.push(self.read(&mut http, fastrand::usize(..self.filling.topics))?);
            publishes.push(self.publish(&mut http, fastrand::usize(..self.filling.topics))?);
        }
        for topic in self.published.keys() {
            self.read(&mut http, *topic)?;
        }
        reads.sort_unstable();
        publishes.sort_unstable();
        Ok(Probed { reads, publishes })
    }

    fn read(&self, http: &mut Http, topic: usize) -> Result<Duration> {
        let begin = Instant::now();
        let body = http.get(&format!("/v1/topics/{}", name(topic)))?;
        let taken = begin.elapsed();
        let snapshot: Value = serde_json::from_slice(&body)?;
        let items = snapshot["items"].as_array().map_or(0, Vec::len) as u64;
        let (expected, offset) = (self.expected(topic), offset(&snapshot)?);
        ensure!(offset == expected, "topic `{}` stands at {offset} instead of {expected}", name(topic));
        ensure!(items == expected.min(SNAPSHOT_COUNT), "topic `{}` has {items} items at {offset}", name(topic));
        Ok(taken)
    }

    fn publish(&mut self, http: &mut Http, topic: usize) -> Result<Duration> {
        let begin = Instant::now();
        let Answer { status, body } = http.ask("POST", &format!("/v1/topics/{}", name(topic)), br#"{"data":1}"#)?;
        let taken = begin.elapsed();
        ensure!(status == 200, "a publish was answered {status}: {}", String::from_utf8_lossy(&body));
        *self.published.entry(topic).or_default() += 1;
        let (expected, offset) = (self.expected(topic), offset(&serde_json::from_slice(&body)?)?);
        ensure!(offset == expected, "topic `{}` went on at {offset} instead of {expected}", name(topic));
        Ok(taken)
    }

    fn expected(&self, topic: usize) -> u64 {
        self.filling.publications_per_topic() + self.published.get(&topic).copied().unwrap_or_default()
    }
}

fn offset(answer: &Value) -> Result<u64> {
    let version = answer["resourceVersion"].as_str().context("an answer without a version")?;
    Ok(version.parse::<ResourceVersion>()?.offset)
}
