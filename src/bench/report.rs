//! What a run measured, as it is printed, written as JSON and drawn. Everything that a reader needs to judge a figure stands in
//! it: what was run against what, on which machine, with which settings, and what spoils it.

use serde::Serialize;

/// See the module.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// The subcommand: `fanout`, `latency`, …
    pub(crate) scenario: String,
    /// What it spoke to, with its version where it tells one: `fanfare 0.1.0`.
    pub(crate) target: String,
    /// What that promises: a history, an order, a sync. Peers differ in it, and figures without it say little.
    pub(crate) guarantees: String,
    /// In the order of the command's help.
    pub(crate) settings: Vec<Setting>,
    /// On which it ran.
    pub(crate) machine: Machine,
    /// When the measured part began, in milliseconds since 1970.
    pub(crate) began_at_ms: u64,
    /// How long that took, without the warm-up.
    pub(crate) seconds: f64,
    /// Of the measured part.
    pub(crate) publications: u64,
    /// Each by its number.
    pub(crate) deliveries: Deliveries,
    /// The most telling first.
    pub(crate) figures: Vec<Figure>,
    /// From the moment at which a publication was meant to be sent, where the scenario measures it.
    #[serde(rename = "latencyUs")]
    pub(crate) latency: Option<Latency>,
    /// What is plotted over time.
    pub(crate) series: Vec<Series>,
    /// What makes the figures worth less, a sentence each: the load generator was the bottleneck, say.
    pub(crate) warnings: Vec<String>,
}

/// An option of the command, as it was in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setting {
    /// As it is typed, without the dashes.
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// Where it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    /// The processor's own name.
    pub(crate) processor: String,
    /// Which this process may use.
    pub(crate) cores: usize,
    /// System and release of the kernel.
    pub(crate) kernel: String,
    /// Of this program.
    pub(crate) version: String,
}

/// What arrived, by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deliveries {
    pub(crate) expected: u64,
    pub(crate) received: u64,
    /// Never came.
    pub(crate) lost: u64,
    /// Came again.
    pub(crate) doubled: u64,
    /// Came after a later one.
    pub(crate) reordered: u64,
}

impl Deliveries {
    /// Of two groups of subscribers together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            received: self.received + other.received,
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            reordered: self.reordered + other.reordered,
        }
    }

    /// Whether each came once and in its place.
    pub(crate) fn is_exact(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.reordered == 0 && self.received == self.expected
    }
}

/// One number of the summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    /// `CPU of the server per delivery`
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// `µs`; empty for a plain number.
    pub(crate) unit: &'static str,
}

/// Latencies in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) min: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    /// Percentile (0 to 100) and latency, ascending: what a curve is drawn from.
    pub(crate) percentiles: Vec<(f64, u64)>,
}

impl Latency {
    /// What a summary shows of it: names and microseconds, ascending.
    pub(crate) fn columns(&self) -> [(&'static str, u64); 6] {
        [
            ("min", self.min),
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p999),
            ("max", self.max),
        ]
    }
}

/// A curve over the time of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Series {
    /// `deliveries per second`
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Seconds since the measured part began, and the value.
    pub(crate) points: Vec<(f64, f64)>,
}
