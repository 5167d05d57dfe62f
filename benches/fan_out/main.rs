//! CPU time per delivery of the real binary, beside a server written by hand the way actix-web-actors suggests.
//!
//! `cargo bench --bench fan_out` runs both in turn, A B A B, with the same load, and prints the table that stands in
//! `benches/RESULTS.md`. CPU time of the server process, publishing included; throughput is not compared, because
//! machines are shared. Every delivery is counted: a run in which one is missing fails.

mod baseline;
mod load;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use load::{Run, Speech};

const SUBSCRIBERS: usize = 1_000;
const PUBLICATIONS: u64 = 1_500;
const ROUNDS: usize = 3;
const IN_FLIGHT: [u64; 3] = [1, 8, 64];

fn main() {
    if std::env::args().any(|a| a == "--baseline") {
        return baseline::serve();
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

    fn start(self, directory: &std::path::Path) -> Child {
        let mut command = match self {
            Self::Fanfare => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
                command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
                command.env("FANFARE_SERVER__WORKERS", "1");
                command
            }
            Self::Baseline => {
                let mut command = Command::new(std::env::current_exe().expect("this bench is a file"));
                command.arg("--baseline");
                command
            }
        };
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts")
    }
}

fn measure(kind: Kind, in_flight: u64) -> Run {
    let directory = std::env::temp_dir().join(format!("fanfare-bench-{}", std::process::id()));
    let mut child = kind.start(&directory);
    let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
    let address = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, rest) = line.split_once("http://")?;
            rest.split(['/', ' ']).next()?.parse().ok()
        })
        .expect("the server prints its address");
    let speech = match kind {
        Kind::Fanfare => Speech::Fanfare,
        Kind::Baseline => Speech::Plain,
    };
    let run = load::run(address, child.id(), speech, SUBSCRIBERS, PUBLICATIONS, in_flight);
    // It was started by this process and has no state worth keeping.
    let _ = child.kill();
    let _ = child.wait();
    let _ = std::fs::remove_dir_all(&directory);
    run
}
