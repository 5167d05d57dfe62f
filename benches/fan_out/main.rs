//! CPU time per delivery of the real binary, beside a server written by hand the way actix-web-actors suggests.
//!
//! `cargo bench --bench fan_out -- --views` measures what filters cost instead.
//! `cargo bench --bench fan_out` runs both in turn, A B A B, with the same load, and prints the table that stands in
//! `benches/RESULTS.md`. CPU time of the server process, publishing included; throughput is not compared, because
//! machines are shared. Every delivery is counted: a run in which one is missing fails.

#[path = "../http/client.rs"]
mod http;
#[path = "../node/mod.rs"]
mod node;
#[path = "../process/mod.rs"]
mod process;
#[path = "../websocket/mod.rs"]
mod websocket;

mod baseline;
mod load;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use load::{Audience, Run, Speech};
use process::Process;

const SUBSCRIBERS: usize = 1_000;
const PUBLICATIONS: u64 = 1_500;
const ROUNDS: usize = 3;
const IN_FLIGHT: [u64; 3] = [1, 8, 64];

/// Of the comparison of views, which `--views` asks for.
const VIEWERS: usize = 10_000;
const VIEWS: usize = 100;
const SHOWN_TO_ALL: u64 = 300;
const DISTINCT: u64 = VIEWERS as u64 * 5;
const ROUNDS_OF_VIEWS: usize = 5;

/// Before a part of the names of those that are to be compared, instead of all.
const ONLY: &str = "--only";

/// Before the address at which this program is to be the baseline.
const BASELINE: &str = "--baseline";

fn main() {
    if let Some(address) = std::env::args().skip_while(|argument| argument != BASELINE).nth(1) {
        return baseline::serve(address.parse().expect("this bench gives itself an address"));
    }
    if std::env::args().any(|argument| argument == "--views") {
        let only = std::env::args().skip_while(|argument| argument != ONLY).nth(1);
        return views(only.as_deref());
    }
    println!("{SUBSCRIBERS} subscribers, {PUBLICATIONS} publications of 128 bytes, {ROUNDS} rounds");
    println!("| server | in flight | CPU µs per delivery (min, median, max) | bytes per idle connection |");
    println!("| --- | --- | --- | --- |");
    for in_flight in IN_FLIGHT {
        let mut runs: [Vec<Run>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (kind, runs) in Kind::ALL.into_iter().zip(&mut runs) {
                runs.push(measure(kind, in_flight));
            }
        }
        for (kind, runs) in Kind::ALL.into_iter().zip(runs) {
            let mut micros: Vec<f64> = runs.iter().map(|run| run.micros_per_delivery).collect();
            micros.sort_by(f64::total_cmp);
            let bytes = runs.iter().map(|run| run.bytes_per_connection).min().unwrap_or_default();
            let (name, last) = (kind.name(), micros.len() - 1);
            println!(
                "| {name} | {in_flight} | {:.2}, {:.2}, {:.2} | {bytes} |",
                micros[0],
                micros[last / 2],
                micros[last]
            );
        }
    }
}

/// One comparison of `--views`.
struct Viewing {
    name: &'static str,
    audience: Audience,
    subscribers: usize,
    count: u64,
    in_flight: u64,
}

impl Viewing {
    const ALL: [Self; 7] = [
        Self::new("10,000 in 1 view", Audience::OneView, VIEWERS, SHOWN_TO_ALL, 64),
        Self::new("10,000 in 100 views", Audience::Views(VIEWS), VIEWERS, SHOWN_TO_ALL, 64),
        Self::new("1 subscriber", Audience::OneView, 1, DISTINCT, 64),
        Self::new("10,000 topics of one each", Audience::Topics, VIEWERS, DISTINCT, 64),
        Self::new("10,000 equality views of one each", Audience::Distinct, VIEWERS, DISTINCT, 64),
        // With nothing to batch, both are a publication, a sync and a write for each delivery.
        Self::new("1 subscriber", Audience::OneView, 1, VIEWERS as u64, 1),
        Self::new("10,000 equality views of one each", Audience::Distinct, VIEWERS, VIEWERS as u64, 1),
    ];

    const fn new(name: &'static str, audience: Audience, subscribers: usize, count: u64, in_flight: u64) -> Self {
        Self { name, audience, subscribers, count, in_flight }
    }

    fn deliveries(&self) -> u64 {
        if self.audience.is_distinct() { self.count } else { self.count * self.subscribers as u64 }
    }

    fn run(&self) -> Run {
        measured(Kind::Fanfare, Speech::Fanfare(self.audience), self.subscribers, self.count, self.in_flight)
    }
}

/// What filters cost: the same audience in one view and in many, and each with a view of its own beside a lone subscriber.
fn views(only: Option<&str>) {
    println!("publications of 128 bytes, {ROUNDS_OF_VIEWS} rounds");
    println!(
        "| who watches | in flight | deliveries | CPU µs per delivery (min, median, max) | writes per delivery (median) |"
    );
    println!("| --- | --- | --- | --- | --- |");
    let chosen: Vec<_> = Viewing::ALL.iter().filter(|v| only.is_none_or(|only| v.name.contains(only))).collect();
    let mut runs: Vec<Vec<Run>> = chosen.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS_OF_VIEWS {
        for (viewing, runs) in chosen.iter().zip(&mut runs) {
            runs.push(viewing.run());
        }
    }
    for (viewing, runs) in chosen.iter().zip(&runs) {
        let (micros, writes) = (
            sorted(runs.iter().map(|run| run.micros_per_delivery)),
            sorted(runs.iter().map(|run| run.writes_per_delivery)),
        );
        println!(
            "| {} | {} | {} | {:.2}, {:.2}, {:.2} | {:.3} |",
            viewing.name,
            viewing.in_flight,
            viewing.deliveries(),
            micros[0],
            micros[micros.len() / 2],
            micros[micros.len() - 1],
            writes[writes.len() / 2]
        );
    }
    println!("\nround by round, against the first of as many in flight:");
    for (viewing, of) in chosen.iter().zip(&runs) {
        let Some(base) = chosen.iter().position(|first| first.in_flight == viewing.in_flight) else { continue };
        let ratios = sorted(
            of.iter().zip(&runs[base]).map(|(this, first)| this.micros_per_delivery / first.micros_per_delivery),
        );
        println!("{} : {}, median {:.2} of {ratios:.2?}", viewing.name, chosen[base].name, ratios[ratios.len() / 2]);
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

#[derive(Clone, Copy)]
enum Kind {
    Fanfare,
    Baseline,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Fanfare, Self::Baseline];

    fn name(self) -> &'static str {
        match self {
            Self::Fanfare => "fanfare",
            Self::Baseline => "actix-web-actors, no history",
        }
    }

    fn start(self, address: SocketAddr, directory: &Path) -> Process {
        let started = match self {
            Self::Fanfare => {
                // Subscribers answer no pings, and on a busy machine a round takes longer than a node bears silence.
                let settings =
                    [("FANFARE_SERVER__WORKERS", "1"), ("FANFARE_DELIVERY__HEARTBEAT_INTERVAL_MS", "3600000")];
                let command = node::configured(Command::new(node::PROGRAM), address, directory, &settings);
                node::start(command, address).map(|node| node.process)
            }
            Self::Baseline => {
                let mut command = Command::new(std::env::current_exe().expect("this bench is a file"));
                command.args([BASELINE, &address.to_string()]);
                Process::start(command, BASELINE, "it is this program").and_then(|mut process| {
                    process.wait_until(node::START_PATIENCE, || TcpStream::connect(address).is_ok())?;
                    Ok(process)
                })
            }
        };
        started.expect("the server starts")
    }
}

fn measure(kind: Kind, in_flight: u64) -> Run {
    let speech = match kind {
        Kind::Fanfare => Speech::Fanfare(Audience::OneView),
        Kind::Baseline => Speech::Plain,
    };
    measured(kind, speech, SUBSCRIBERS, PUBLICATIONS, in_flight)
}

fn measured(kind: Kind, speech: Speech, subscribers: usize, count: u64, in_flight: u64) -> Run {
    let directory = std::env::temp_dir().join(format!("fanfare-bench-{}", std::process::id()));
    let address = Process::free_address().expect("a port is free");
    let process = kind.start(address, &directory);
    let run = load::run(address, process.pid(), speech, subscribers, count, in_flight);
    drop(process);
    let _ = std::fs::remove_dir_all(&directory);
    run
}
