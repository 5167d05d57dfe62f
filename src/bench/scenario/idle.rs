//! Connections that are there and hear nothing: what memory each of them takes, and what it took to get there.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::fanout::subscribe;
use crate::bench::curve::MemoryCurve;
use crate::bench::options::Options;
use crate::bench::run::{Run, setting};
use crate::bench::{Deliveries, Report};

/// Connections that come and go before: what a server sets up once is not what a connection takes.
const FIRST: usize = 64;

/// Memory has settled when it stays within a share of itself for so many looks.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: usize = 4;
const SETTLED_SHARE: f64 = 0.002;
const SETTLE_PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    /// Connections with a subscription each.
    pub(crate) subscribers: usize,
    /// Which they watch in turn.
    pub(crate) topics: usize,
}

impl Idle {
    /// Runs it.
    ///
    /// # Errors
    /// When a connection cannot be opened, or does not stay.
    pub(crate) fn run(&self, options: Options) -> Result<Report> {
        let mut run = Run::new(options, self.subscribers, self.subscribers + FIRST)?;
        run.check_topics(self.topics)?;
        let first = [run.topic(self.topics)];
        for id in subscribe(&mut run, FIRST.min(self.subscribers), &first)?.ids {
            run.fleet.close(id);
        }
        run.wait_for_rest()?;
        let before = settled(&mut run)?;
        let topics: Vec<String> = (0..self.topics).map(|number| run.topic(number)).collect();
        let from = run.begin();
        run.memory = Some(MemoryCurve::begin());
        subscribe(&mut run, self.subscribers, &topics)?;
        run.wait_for_rest()?;
        let opened = run.server.glance();
        let after = settled(&mut run)?;
        let window = run.options.window;
        run.progress.begin_time("idle", window);
        let held = run.server.glance();
        let begin = Instant::now();
        while begin.elapsed() < window {
            run.idle(LOOK.min(window))?;
            run.progress.at(begin.elapsed().as_millis() as u64);
        }
        let to = run.server.glance();
        let memory = run.memory.take().map(MemoryCurve::end);
        let seconds = to.seconds_since(&from);
        let settings = vec![setting("subscribers", self.subscribers), setting("topics", self.topics)];
        let mut report = run.report("idle", settings, seconds, Deliveries::default());
        let each = self.subscribers as f64;
        let bytes = before.zip(after).map(|(before, after)| (after as f64 - before as f64) / each);
        report.figure("memory of the server per connection", "bytes", bytes);
        let micros = opened.server_micros_since(&from).map(|micros| micros / each);
        report.figure("CPU of the server to connect and subscribe", "µs", micros);
        let idle = to.server_micros_since(&held).map(|micros| micros / to.seconds_since(&held) / 1e4);
        report.figure("CPU of the server while all are idle", "%", idle);
        report.series.extend(memory);
        Ok(report)
    }
}

/// The server's memory once it no longer changes; what it is then, if it never stops.
fn settled(run: &mut Run) -> Result<Option<u64>> {
    let begin = Instant::now();
    let (mut last, mut looks) = (run.server.resident_bytes(), 0);
    while looks < LOOKS && begin.elapsed() < SETTLE_PATIENCE {
        let look = Instant::now();
        while look.elapsed() < LOOK {
            run.idle(LOOK)?;
        }
        let now = run.server.resident_bytes();
        let (is, was) = (now.unwrap_or_default() as f64, last.unwrap_or_default() as f64);
        looks = if (is - was).abs() <= was * SETTLED_SHARE { looks + 1 } else { 0 };
        last = now;
    }
    if looks < LOOKS {
        run.warn("the server's memory had not settled when it was read");
    }
    Ok(last)
}
