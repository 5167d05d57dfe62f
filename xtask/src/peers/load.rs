//! What is measured of every server: a scenario of `fanfare bench`, and the figures that are taken from its report.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::install::{Prepared, Workshop};
use super::roster::Peer;
use super::server::{LOAD_CORE, Server, free_ports, pinned};

/// A figure of a report, as a column of the table.
pub(super) struct Column {
    source: Source,
    /// In the table.
    pub(super) title: &'static str,
    /// By which the report's value is divided.
    divisor: f64,
    /// What the file of its plot has behind the name of the load; without one it is not plotted.
    pub(super) plot: Option<&'static str>,
}

/// Where in a report it stands.
enum Source {
    /// Among the figures, by name.
    Figure(&'static str),
    /// Among the latencies.
    Latency(&'static str),
}

/// See the module.
pub(super) struct Load {
    /// For `--loads`, and of the files of its plots.
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) arguments: Vec<String>,
    pub(super) topics: usize,
    /// Of whom, by name; of everyone where there is none.
    pub(super) of: &'static [&'static str],
    /// Of a publication, where publications flow.
    pub(super) deliveries: Option<usize>,
    pub(super) columns: &'static [Column],
}

/// What one run told; a value for each column.
pub(super) struct Outcome {
    pub(super) values: Vec<Option<f64>>,
    pub(super) warnings: Vec<String>,
}

/// The first of a load with deliveries.
const CPU_PER_DELIVERY: Column =
    Column::figure("CPU of the server per delivery", "CPU µs per delivery", 1.0).plotted("");

const PER_DELIVERY: [Column; 2] =
    [CPU_PER_DELIVERY, Column::figure("deliveries per second", "1,000 deliveries per second", 1_000.0)];

const PER_CONNECTION: [Column; 2] = [
    Column::figure("CPU of the server to connect and subscribe", "CPU µs to connect and subscribe", 1.0)
        .plotted("-connect"),
    Column::figure("memory of the server per connection", "KiB of process memory per connection", 1_024.0).plotted(""),
];

const PER_GUEST: [Column; 3] = [
    Column::figure("CPU of the server to connect, subscribe and leave", "CPU µs to connect, subscribe and leave", 1.0)
        .plotted(""),
    Column::figure("until subscribed, median", "ms until subscribed, p50", 1.0),
    Column::figure("until subscribed, 99 %", "ms until subscribed, p99", 1.0),
];

const LATENCY: [Column; 4] = [
    Column::latency("p50", "p50 ms"),
    Column::latency("p99", "p99 ms").plotted(""),
    Column::latency("p999", "p99.9 ms"),
    Column { plot: None, ..CPU_PER_DELIVERY },
];

impl Column {
    const fn figure(name: &'static str, title: &'static str, divisor: f64) -> Self {
        Self { source: Source::Figure(name), title, divisor, plot: None }
    }

    /// In milliseconds.
    const fn latency(name: &'static str, title: &'static str) -> Self {
        Self { source: Source::Latency(name), title, divisor: 1_000.0, plot: None }
    }

    const fn plotted(self, suffix: &'static str) -> Self {
        Self { plot: Some(suffix), ..self }
    }

    fn value(&self, report: &Value) -> Option<f64> {
        let value = match self.source {
            Source::Figure(name) => {
                let figures = report["figures"].as_array()?;
                &figures.iter().find(|figure| figure["name"] == name)?["value"]
            }
            Source::Latency(name) => &report["latencyUs"][name],
        };
        Some(value.as_f64()? / self.divisor)
    }
}

impl Load {
    /// All of them, in the order of the table.
    pub(super) fn all(is_quick: bool) -> [Self; 9] {
        let (few, many) = if is_quick { ("50", "200") } else { ("1,000", "10,000") };
        let (topics, guests) = if is_quick { ("10", "50") } else { ("1,000", "500") };
        let (seconds, longer, warm_up) = if is_quick { ("1", "1", "0.3") } else { ("3", "6", "1") };
        let load = |name, title: String, command: String, seconds: &str, columns| {
            let command = format!("{command} --seconds {seconds} --warm-up {warm_up}");
            let arguments = command.replace(',', "").split(' ').map(str::to_owned).collect();
            Self { name, title, arguments, topics: 1, of: &[], deliveries: None, columns }
        };
        let (audience, of_topics) = if is_quick { (50, 10) } else { (1_000, 1_000) };
        let (fewer, most) = if is_quick { ("20", "100") } else { ("100", "10,000") };
        let flow =
            |subscribers: &str, in_flight: &str| format!("fanout --subscribers {subscribers} --in-flight {in_flight}");
        let fan_out = |name, subscribers: &'static str| {
            let title = format!("Fan-out: {subscribers} subscribers of one topic, 64 publications in flight");
            load(name, title, flow(subscribers, "64"), seconds, &PER_DELIVERY)
        };
        // Whether it costs more the more there are is asked of Fanfare, and beside it of the fastest.
        let by_size = &["fanfare-ephemeral", "fanfare-replicated", "bun"];
        [
            Self { deliveries: Some(audience), ..fan_out("fanout", few) },
            Self { of: by_size, ..fan_out("fanout-few", fewer) },
            Self { of: by_size, ..fan_out("fanout-many", most) },
            Self {
                deliveries: Some(audience),
                ..load(
                    "lockstep",
                    format!("Lock-step: {few} subscribers of one topic, one publication in flight"),
                    flow(few, "1"),
                    seconds,
                    &PER_DELIVERY,
                )
            },
            Self {
                topics: of_topics,
                deliveries: Some(5),
                ..load(
                    "topics",
                    format!("Many topics: {topics} of 5 subscribers each, 64 publications in flight"),
                    format!("topics --topics {topics} --subscribers 5 --in-flight 64"),
                    seconds,
                    &PER_DELIVERY,
                )
            },
            load(
                "idle",
                format!("Idle: {many} connections to one topic"),
                format!("idle --subscribers {many}"),
                "1",
                &PER_CONNECTION,
            ),
            Self {
                topics: of_topics,
                of: &["fanfare-ephemeral", "bun", "nats", "centrifuge", "mosquitto"],
                ..load(
                    "idle-topics",
                    format!("Idle: {many} connections to a topic each"),
                    format!("idle --subscribers {many} --topics {many}"),
                    "1",
                    &PER_CONNECTION,
                )
            },
            load(
                "churn",
                format!("Churn: {guests} connections a second come, subscribe, stay a second and leave"),
                format!("churn --subscribers 50 --churn {guests} --rate 2"),
                seconds,
                &PER_GUEST,
            ),
            load(
                "latency",
                format!("Latency: {few} subscribers of one topic, 20 publications a second"),
                format!("latency --subscribers {few} --rate 20"),
                longer,
                &LATENCY,
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
            values: self.columns.iter().map(|column| column.value(&report)).collect(),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_and_latencies_are_found_in_a_report() {
        let figures = json!([{"name": "memory of the server per connection", "value": 2048.0, "unit": "bytes"}]);
        let report = json!({"figures": figures, "latencyUs": {"p99": 2500}});
        assert_eq!(PER_CONNECTION.map(|column| column.value(&report)), [None, Some(2.0)]);
        assert_eq!(LATENCY.map(|column| column.value(&report)), [None, Some(2.5), None, None]);
        assert_eq!(LATENCY.map(|column| column.value(&json!({"latencyUs": null}))), [None; 4]);
    }
}
