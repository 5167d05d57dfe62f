//! A replica that lost its disk is sent a whole shard, 2 GiB by default, is killed in the middle, and goes on where it was.
//!
//! `cargo bench --bench snapshot` starts three replicas of one shard, each a process of its own (this program again) with
//! what a node has on its disk and over it: the write-ahead log, the Raft groups, the store behind them. Three, because a
//! group of two could not take a publication while one of them is without its state; all are voters. Between them go
//! the messages of the groups over Unix sockets.
//!
//! One replica is killed early and loses its directory. The shard is filled until its log no longer reaches back, and the
//! other two are restarted: who leads from then on has never heard of what was lost, for a replica must not unlearn what
//! a leader knows that it has, and what the filling took of memory is not counted. Then the lost replica comes back empty
//! under its number, is killed when some half of the snapshot was sent, and comes back again. The leader takes
//! publications all the while. In the end sender and receiver must pass `storage check` and have the same digest, and the
//! one that came back must have every publication that was acknowledged. What was sent twice and the memory of both have
//! bounds, and a run that misses one fails.
//!
//! It prints a table of `benches/RESULTS.md`. `-- --quick` does the same with little, in some seconds.

#[path = "../../src/bench/server/usage.rs"]
#[allow(dead_code, reason = "each bench uses its part")]
mod usage;

mod bounds;
mod child;
mod commands;
mod content;
mod door;
mod driver;
mod fill;
mod frame;
mod links;
mod peak;
mod replica;
mod report;
mod trickle;
mod verify;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

use bounds::MIB;
use content::Plan;
use driver::Driver;

/// As in the shipped binary: another allocator would be another figure.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Of a run with `--quick`: enough for its log to be purged.
const QUICK_BYTES: u64 = 64 * MIB;

/// A replica that is sent a shard, killed in the middle, and goes on.
#[derive(Parser)]
struct Options {
    /// Payloads of the shard, in GiB.
    #[arg(long, default_value_t = 2.0)]
    gib: f64,
    /// 64 MiB: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Where the directories of the replicas are made, some four times as large as the shard together. By default in
    /// cargo's target directory.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
    /// To be the replica of that number in `--dir`, commanded over standard input.
    #[arg(long, hide = true)]
    replica: Option<u64>,
    /// The payloads of its shard.
    #[arg(long, hide = true, default_value_t = 0)]
    bytes: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(node) = options.replica {
        return commands::obey(node, &options.dir, Plan::of(options.bytes));
    }
    let bytes = if options.quick { QUICK_BYTES } else { (options.gib * 1024.0) as u64 * MIB };
    let plan = Plan::of(bytes);
    let directory = options.dir.join(format!("snapshot-{}", std::process::id()));
    fs::create_dir_all(&directory).with_context(|| format!("`{}` cannot be made", directory.display()))?;
    let ran = Driver::new(&directory, plan).and_then(Driver::run);
    let _ = fs::remove_dir_all(&directory);
    ran.inspect(|report| println!("{report}"))?.judged()
}
