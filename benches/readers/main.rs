//! Readers who are not where everyone is: ten thousand that come back at once after a restart, and some that take nothing.
//!
//! `cargo bench --bench readers` prints the tables of `benches/RESULTS.md`; `-- --quick` does the same with little. Every
//! delivery carries its number: a run in which one is missing, doubled or out of order fails. The server has one core and the
//! load the other.

#[path = "../http/client.rs"]
mod http;
#[path = "../node/mod.rs"]
mod node;
#[path = "../process/mod.rs"]
mod process;
#[path = "../websocket/mod.rs"]
mod websocket;

mod figures;
mod herd;
mod place;
mod reader;
mod stalled;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use place::Place;

/// Herds that resume, and readers that stall.
#[derive(Parser)]
struct Options {
    /// Little of everything: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long, value_enum, num_args = 1.., default_values = ["herd", "stalled", "memory"])]
    only: Vec<Part>,
    /// Interleaved pairs of runs with and without a stalled reader.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Where data directories are made. By default in cargo's target directory.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All come back at once, from a hundred publications back.
    Herd,
    /// One of a thousand takes nothing: what the others feel of it.
    Stalled,
    /// A tenth takes nothing: what it costs in memory.
    Memory,
}

fn main() -> Result<()> {
    let options = Options::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    process::pin_load()?;
    let place = Place::new(&options.dir);
    let (herd, readers, pairs) = if options.quick { (500, 100, 1) } else { (10_000, 1_000, options.pairs) };
    for part in options.only {
        match part {
            Part::Herd => herd::run(&place, herd)?,
            Part::Stalled => stalled::felt(&place, readers, pairs)?,
            Part::Memory => stalled::memory(&place, readers)?,
        }
    }
    Ok(())
}
