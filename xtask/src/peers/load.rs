//! What is measured of every server: a scenario of `fanfare bench`, and the figures that are taken from its report.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::install::{Prepared, Workshop};
use super::roster::Peer;
use super::server::{LOAD_CORE, Server, free_ports, pinned};

/// A figure of a report, as a column of the table.
pub(super) struct Column {
    /// In the report.
    pub(super) name: &'static str,
    /// In the table.
    pub(super) title: &'static str,
    /// By which the report's value is divided.
    pub(super) divisor: f64,
}

/// See the module.
pub(super) struct Load {
    pub(super) title: String,
    pub(super) arguments: Vec<String>,
    pub(super) topics: usize,
    pub(super) figures: &'static [Column],
}

/// What one run told; a value for each figure.
pub(super) struct Outcome {
    pub(super) values: Vec<Option<f64>>,
    pub(super) warnings: Vec<String>,
}

const PER_DELIVERY: [Column; 2] = [
    Column { name: "CPU of the server per delivery", title: "CPU µs per delivery", divisor: 1.0 },
    Column { name: "deliveries per second", title: "1,000 deliveries per second", divisor: 1_000.0 },
];

const PER_CONNECTION: [Column; 2] = [
    Column {
        name: "CPU of the server to connect and subscribe",
        title: "CPU µs to connect and subscribe",
        divisor: 1.0,
    },
    Column {
        name: "memory of the server per connection",
        title: "KiB of process memory per idle connection",
        divisor: 1_024.0,
    },
];

impl Load {
    /// All of them, in the order of the table.
    pub(super) fn all(is_quick: bool) -> [Self; 4] {
        let [subscribers, topics, idle] = if is_quick { [50, 10, 200] } else { [1_000, 1_000, 10_000] };
        let window = if is_quick { ["1", "0.3"] } else { ["10", "2"] };
        let load = |title: String, scenario: &[&str], topics, figures| Self {
            title,
            arguments: scenario
                .iter()
                .chain(&["--seconds", window[0], "--warm-up", window[1]])
                .map(ToString::to_string)
                .collect(),
            topics,
            figures,
        };
        let (count, of_topics, idling) = (subscribers.to_string(), topics.to_string(), idle.to_string());
        [
            load(
                format!("{subscribers} subscribers of one topic, 64 publications in flight"),
                &["fanout", "--subscribers", &count, "--in-flight", "64"],
                1,
                &PER_DELIVERY,
            ),
            load(
                format!("{subscribers} subscribers of one topic, one publication in flight"),
                &["fanout", "--subscribers", &count, "--in-flight", "1"],
                1,
                &PER_DELIVERY,
            ),
            load(
                format!("{topics} topics of 5 subscribers each, 64 publications in flight"),
                &["topics", "--topics", &of_topics, "--subscribers", "5"],
                topics,
                &PER_DELIVERY,
            ),
            load(
                format!("{idle} idle connections to one topic"),
                &["idle", "--subscribers", &idling],
                1,
                &PER_CONNECTION,
            ),
        ]
    }

    /// Runs it once on a server that is started for it.
    pub(super) fn run(&self, workshop: &Workshop<'_>, peer: &Peer, prepared: &Prepared) -> Result<Outcome> {
        let ports = free_ports()?;
        let log = workshop.place().join(format!("{}.log", peer.name));
        let start = workshop.start(peer, prepared, ports)?;
        let server = Server::start(&start.command, &log, ports[0], start.ready_path)?;
        let mut bench = pinned(LOAD_CORE, workshop.binary().as_os_str());
        bench.arg("bench").args(&self.arguments).args(["--target", peer.target, "--json", "--quiet"]);
        bench.args([
            "--url",
            &format!("http://127.0.0.1:{}{}", ports[0], start.path),
            "--pid",
            &server.pid().to_string(),
        ]);
        let output = bench.stdin(Stdio::null()).output().context("`fanfare bench` cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} The server said: {}", said.trim(), server.said());
        let report: Value = serde_json::from_slice(&output.stdout).context("`fanfare bench` printed no report")?;
        Ok(Outcome {
            values: self.figures.iter().map(|column| figure(&report, column)).collect(),
            warnings: report["warnings"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        })
    }
}

fn figure(report: &Value, column: &Column) -> Option<f64> {
    let figures = report["figures"].as_array()?;
    let figure = figures.iter().find(|figure| figure["name"] == column.name)?;
    Some(figure["value"].as_f64()? / column.divisor)
}
