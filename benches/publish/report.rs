//! What is printed: a row for each load and server, and how Fanfare stands against its targets. Medians of the rounds, with the
//! spread of the CPU time.

use std::time::Duration;

use crate::load::{Run, quantile};
use crate::peer::Promise;

/// Above this share of its core the load is what limits a row, not the server.
const BUSY_MAX: f64 = 0.95;

/// Above this share something else on the machine kept the load from its core.
const STARVED_MAX: f64 = 0.10;

/// Which topics the clients publish to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Topics {
    /// All to the same.
    One,
    /// Each to its own.
    Each,
}

/// One load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub clients: usize,
    pub in_flight: usize,
    pub topics: Topics,
}

impl Cell {
    /// How many topics there are.
    pub fn topic_count(self) -> usize {
        match self.topics {
            Topics::One => 1,
            Topics::Each => self.clients,
        }
    }

    /// Whether it is one of the three that place a server: alone, one each, and pipelined.
    pub fn is_landmark(self) -> bool {
        self.topics == Topics::Each && [(1, 1), (32, 1), (32, 100)].contains(&(self.clients, self.in_flight))
    }

    /// The topic of a client.
    pub fn topic_of(self, client: usize) -> usize {
        client % self.topic_count()
    }
}

/// All rounds of one server under one load.
pub struct Row {
    pub server: String,
    pub promise: Option<Promise>,
    pub cell: Cell,
    pub runs: Vec<Run>,
}

/// The head of the table.
pub const HEAD: &str = "\
| server | clients × in flight | topics | publications/s | CPU µs per publication (min, median, max) | p50 / p99 ms | load's core |
| --- | --- | --- | --- | --- | --- | --- |";

impl Row {
    /// The line of the table.
    pub fn line(&self) -> String {
        let Self { server, cell, runs, .. } = self;
        let (low, cpu, high) = spread(runs, |run| run.server_micros_per_publication);
        let (_, rate, _) = spread(runs, |run| run.publications_per_second);
        let (_, busy, busiest) = spread(runs, |run| run.load_busy);
        let (_, starved, _) = spread(runs, |run| run.load_starved);
        let (p50, p99) = (millis(self.latency(|run| run.p50)), millis(self.latency(|run| run.p99)));
        let (clients, in_flight, topics) = (cell.clients, cell.in_flight, cell.topic_count());
        let mut core = format!("{:.0} %", busy * 100.0);
        if busiest >= BUSY_MAX {
            core.push_str(", the bottleneck");
        }
        if starved >= STARVED_MAX {
            core += &format!(", waited {:.0} %", starved * 100.0);
        }
        format!(
            "| {server} | {clients} × {in_flight} | {topics} | {rate:.0} | {low:.2}, {cpu:.2}, {high:.2} | {p50} / {p99} | {core} |"
        )
    }

    fn cpu(&self) -> f64 {
        spread(&self.runs, |run| run.server_micros_per_publication).1
    }

    fn latency(&self, of: impl Fn(&Run) -> Duration) -> Duration {
        let mut all: Vec<Duration> = self.runs.iter().map(of).collect();
        all.sort_unstable();
        quantile(&all, 0.5)
    }
}

/// Least, median and greatest.
fn spread(runs: &[Run], of: impl Fn(&Run) -> f64) -> (f64, f64, f64) {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    (all[0], all[all.len() / 2], all[all.len() - 1])
}

fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1_000.0;
    if millis < 10.0 { format!("{millis:.2}") } else { format!("{millis:.0}") }
}

/// At most this share of the CPU time of the other server, for these clients and publications in flight.
const TARGETS: [(usize, usize, f64); 6] =
    [(1, 1, 1.0), (32, 1, 0.5), (256, 1, 0.5), (1, 100, 1.0), (32, 100, 1.0), (256, 100, 1.0)];

/// A lone publisher's p99 against the median sync of the disk.
const SYNCS_MAX: f64 = 4.0;

/// How Fanfare stands against the peer that promises the same, and against the disk. Empty when either was not measured.
pub fn targets(rows: &[Row], syncs: &[Duration]) -> Vec<String> {
    let of = |promise: Promise, cell: Cell| rows.iter().find(|row| row.promise == Some(promise) && row.cell == cell);
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| row.promise == Some(Promise::Ours)) {
        let Some(other) = of(Promise::Theirs, row.cell) else { continue };
        if lines.is_empty() {
            lines.push(format!("| CPU of {} : {} | topics | ratio | floor | target |", row.server, other.server));
            lines.push("| --- | --- | --- | --- | --- |".to_owned());
        }
        let (ratio, Cell { clients, in_flight, .. }) = (row.cpu() / other.cpu(), row.cell);
        let target = TARGETS.iter().find(|target| (target.0, target.1) == (clients, in_flight));
        let target = match target {
            Some((_, _, share_max)) => format!("≤ {share_max:.1}: {}", verdict(ratio <= *share_max)),
            None => "–".to_owned(),
        };
        let floor = of(Promise::Floor, row.cell).map(|floor| format!("{:.2}", floor.cpu() / other.cpu()));
        let (topics, floor) = (row.cell.topic_count(), floor.as_deref().unwrap_or("–"));
        lines.push(format!("| {clients} × {in_flight} | {topics} | {ratio:.2} | {floor} | {target} |"));
    }
    let lone = Cell { clients: 1, in_flight: 1, topics: Topics::Each };
    if let (Some(row), false) = (of(Promise::Ours, lone), syncs.is_empty()) {
        let (p50, p99) = (quantile(syncs, 0.50), quantile(syncs, 0.99));
        let latency = row.latency(|run| run.p99);
        let ratio = latency.as_secs_f64() / p50.as_secs_f64();
        lines.push(String::new());
        lines.push(format!(
            "fdatasync of 4 KiB on this disk: p50 {} ms, p99 {} ms. A lone publisher's p99 is {} ms, {ratio:.1} of the former; \
             target < {SYNCS_MAX:.0}: {}.",
            millis(p50),
            millis(p99),
            millis(latency),
            verdict(ratio < SYNCS_MAX)
        ));
    }
    lines
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}
