//! Reports to try the forms on: of a run that went well, of one that did not, and of peers.

use crate::bench::{Deliveries, Figure, Latency, Machine, Report, Series, Setting};

/// Samples of a run of ten seconds, four a second.
const SAMPLES: u32 = 40;

/// A run in which all is well.
pub(super) fn fanout() -> Report {
    of_a_peer("fanfare 0.1.0", "history of 1,000, order and resume; ephemeral", 0.138, 410)
}

/// The same of something else: its CPU time for a delivery in µs, and its median latency in µs.
pub(super) fn of_a_peer(target: &str, guarantees: &str, cpu_us: f64, median_us: u64) -> Report {
    let rate = (1.0 / cpu_us).min(7.0) * 1e6;
    let received = (rate * 10.0) as u64 / 1_000 * 1_000;
    let wave = |at: u32| 1.0 + 0.04 * (f64::from(at) * 0.7 + cpu_us).sin() - 0.1 * f64::from(at % 13 / 12);
    let over_time = |scale: f64| (1..=SAMPLES).map(|at| (f64::from(at) * 0.25, scale * wave(at))).collect();
    Report {
        scenario: "fanout".to_owned(),
        target: target.to_owned(),
        guarantees: guarantees.to_owned(),
        settings: [("connections", "1000"), ("in-flight", "64"), ("payload-bytes", "128"), ("duration", "10s")]
            .map(|(name, value)| Setting { name, value: value.to_owned() })
            .to_vec(),
        machine: Machine {
            processor: "AMD EPYC 7B13".to_owned(),
            cores: 2,
            kernel: "Linux 6.12.8".to_owned(),
            version: "0.1.0".to_owned(),
        },
        began_at_ms: 1_793_715_727_000,
        seconds: 10.002,
        publications: received / 1_000,
        deliveries: Deliveries { expected: received, received, ..Deliveries::default() },
        figures: vec![
            Figure { name: "CPU of the server per delivery", value: cpu_us, unit: "µs" },
            Figure { name: "deliveries per second", value: rate, unit: "" },
            Figure { name: "memory of the server", value: 24.0 + cpu_us * 9.0, unit: "MiB" },
        ],
        latency: Some(latency(median_us, received)),
        series: vec![
            Series { name: "deliveries per second", unit: "", points: over_time(rate) },
            Series { name: "CPU of the server", unit: "%", points: over_time(93.0) },
        ],
        warnings: Vec::new(),
    }
}

/// Lost, doubled and reordered, slowed by its own load generator, against a target that tells a hostile name.
pub(super) fn spoilt() -> Report {
    let mut report = fanout();
    report.target = "evil\u{1b}[31m <script>alert(\"1\")</script> & 'co'".to_owned();
    report.settings.push(Setting { name: "topic", value: "</svg><img src=x onerror=alert(1)>".to_owned() });
    report.deliveries = Deliveries { lost: 12, doubled: 2, reordered: 1, ..report.deliveries };
    report.deliveries.received -= 10;
    report.warnings = vec![
        "the load generator was the bottleneck: its core was busy for 98 % of the time, so give it more of them with `--threads`"
            .to_owned(),
        "the <b>clock</b> went back by 3 ms".to_owned(),
    ];
    report
}

/// A scenario of memory: nothing published, nothing delivered.
pub(super) fn idle(target: &str, process_kib: f64) -> Report {
    let mut report = of_a_peer(target, "one subscription each", 1.0, 1);
    report.scenario = "idle".to_owned();
    report.settings.truncate(1);
    report.settings[0].value = "10000".to_owned();
    report.publications = 0;
    report.deliveries = Deliveries::default();
    report.latency = None;
    report.figures = vec![
        Figure { name: "process memory per connection", value: process_kib, unit: "KiB" },
        Figure { name: "kernel memory per connection", value: 3.61, unit: "KiB" },
        Figure { name: "connections", value: 10_000.0, unit: "" },
    ];
    let grown = |at: u32| (f64::from(at) * 0.25, 12.0 + process_kib * 9.77 * f64::from(at.min(30)) / 30.0);
    report.series =
        vec![Series { name: "memory of the server", unit: "MiB", points: (1..=SAMPLES).map(grown).collect() }];
    report
}

/// Fanfare beside peers, in two scenarios.
pub(super) fn side_by_side() -> Vec<Report> {
    let mut durable = of_a_peer("fanfare 0.1.0", "history of 1,000, order and resume; fsynced", 0.151, 640);
    durable.settings.push(Setting { name: "namespace", value: "chat".to_owned() });
    vec![
        fanout(),
        durable,
        of_a_peer("Bun 1.4.5 (uWebSockets)", "no history", 0.142, 430),
        of_a_peer("NATS 2.9.10, WebSocket", "no history", 0.418, 1_150),
        of_a_peer("Centrifuge 0.15", "history, resumable", 1.2, 4_300),
        of_a_peer("nchan 1.3.6 (nginx)", "history", 2.68, 6_700),
        idle("fanfare 0.1.0", 1.84),
        idle("Bun 1.4.5 (uWebSockets)", 2.5),
        idle("NATS 2.9.10, WebSocket", 25.0),
    ]
}

/// A tail that grows as those of real runs do, slowly and then steeply.
fn latency(median: u64, count: u64) -> Latency {
    let at = |percentile: f64| {
        let nines = -(1.0 - percentile / 100.0).max(1e-7).log10();
        (median as f64 * (0.45 + nines * 0.8 + (nines - 1.5).max(0.0).powi(2))) as u64
    };
    let mut percentiles: Vec<(f64, u64)> = Vec::new();
    for decade in 0..6 {
        let rest = 100.0 / 10_f64.powi(decade);
        percentiles.extend((0..10).map(|step| 100.0 - rest + rest * 0.09 * f64::from(step)).map(|p| (p, at(p))));
    }
    percentiles.push((100.0, at(100.0)));
    Latency {
        count,
        min: at(0.0),
        p50: at(50.0),
        p90: at(90.0),
        p99: at(99.0),
        p999: at(99.9),
        max: at(100.0),
        percentiles,
    }
}
