//! What is plotted over the time of a run.

use std::time::{Duration, Instant};

use super::Series;
use super::server::{Moment, Server};

/// Points of a curve.
const POINTS: u32 = 50;
/// They are no closer, because to look at a process costs something too.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// How fast something goes, and what CPU time the server takes for it.
pub(crate) struct Curves {
    began: Instant,
    interval: Duration,
    name: &'static str,
    last: Moment,
    count: u64,
    rates: Vec<(f64, f64)>,
    shares: Vec<(f64, f64)>,
}

impl Curves {
    /// Of so much time; `count` grows from here on.
    pub(crate) fn begin(server: &Server, time: Duration, name: &'static str, count: u64) -> Self {
        let last = server.glance();
        let interval = (time / POINTS).max(INTERVAL_MIN);
        Self { began: last.at, interval, name, last, count, rates: Vec::new(), shares: Vec::new() }
    }

    /// Adds a point when it is time for one.
    pub(crate) fn step(&mut self, server: &Server, count: u64) {
        if self.last.at.elapsed() < self.interval {
            return;
        }
        let now = server.glance();
        let (seconds, at) = (now.seconds_since(&self.last), (now.at - self.began).as_secs_f64());
        self.rates.push((at, (count - self.count) as f64 / seconds));
        if let Some(micros) = now.server_micros_since(&self.last) {
            self.shares.push((at, micros / seconds / 1e4));
        }
        self.count = count;
        self.last = now;
    }

    pub(crate) fn end(self) -> Vec<Series> {
        let curves = [(self.name, "", self.rates), ("CPU of the server", "%", self.shares)];
        let curves = curves.into_iter().filter(|(_, _, points)| !points.is_empty());
        curves.map(|(name, unit, points)| Series { name, unit, points }).collect()
    }
}

/// The memory of the server.
pub(crate) struct MemoryCurve {
    began: Instant,
    last: Option<Instant>,
    points: Vec<(f64, f64)>,
}

impl MemoryCurve {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), last: None, points: Vec::new() }
    }

    /// Adds a point when it is time for one.
    pub(crate) fn step(&mut self, server: &Server) {
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL_MIN) {
            return;
        }
        if let Some(bytes) = server.resident_bytes() {
            self.points.push((self.began.elapsed().as_secs_f64(), bytes as f64 / f64::from(1 << 20)));
        }
        self.last = Some(Instant::now());
    }

    pub(crate) fn end(self) -> Series {
        Series { name: "memory of the server", unit: "MiB", points: self.points }
    }
}
