//! How long a node takes to be back, and how it serves then: with 1 GiB of history in a thousand topics, and with a million
//! topics of ten publications each.
//!
//! `cargo bench --bench restart` fills a node through its sessions, reads and publishes here and there, ends it by SIGKILL
//! right after the last acknowledgement, starts it, reads and publishes again, ends it by SIGTERM, and does it once more. It
//! prints the tables of `benches/RESULTS.md` and takes some minutes; `-- --quick` does the same with little. What was
//! acknowledged must be there: a run in which something is missing fails. Nothing is pinned, and the files are in the page
//! cache, as after any restart of a process.

#[path = "../http/client.rs"]
mod http;
#[path = "../node/mod.rs"]
mod node;
#[path = "../process/mod.rs"]
mod process;
#[path = "../websocket/mod.rs"]
mod websocket;

mod fill;
mod probe;
mod scenario;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;

use fill::Filling;
use scenario::{MIB, Scenario};

/// A restarted node with much history, and one with many topics.
#[derive(Parser)]
struct Options {
    /// Little of everything: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// History of the first node: so many topics of a thousand publications of 1 KiB.
    #[arg(long, default_value_t = 1_050)]
    history_topics: usize,
    /// Topics of the second node, of ten publications of 128 bytes. 0 leaves either node out.
    #[arg(long, default_value_t = 1_000_000)]
    many_topics: usize,
    /// Where the data directory is made. By default in cargo's target directory.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if options.quick {
        options.history_topics = options.history_topics.min(16);
        options.many_topics = options.many_topics.min(10_000);
    }
    let directory = options.dir.join(format!("restart-{}", std::process::id()));
    for scenario in scenarios(&options).into_iter().filter(|scenario| scenario.filling.topics > 0) {
        let measured = scenario.run(&directory);
        let _ = fs::remove_dir_all(&directory);
        measured.with_context(|| scenario.title)?;
    }
    Ok(())
}

fn scenarios(options: &Options) -> [Scenario; 2] {
    let history =
        Filling { topics: options.history_topics, batches: 10, publications_per_batch: 100, payload_bytes: 1_024 };
    let many = Filling { topics: options.many_topics, batches: 1, publications_per_batch: 10, payload_bytes: 128 };
    [
        Scenario {
            title: "much history",
            filling: history,
            ready_max: Duration::from_secs(2),
            resident_bytes_max: None,
            serves_max: None,
        },
        Scenario {
            title: "many topics",
            filling: many,
            ready_max: Duration::from_secs(10),
            resident_bytes_max: Some(600 * MIB),
            serves_max: Some(Duration::from_millis(5)),
        },
    ]
}
