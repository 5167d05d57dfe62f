//! One node through its life: filled, read and published to, ended by SIGKILL, started, the same again, ended by SIGTERM, and
//! once more.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::fill::Filling;
use crate::node::{self, Node};
use crate::probe::{Oracle, Probed};
use crate::process::{Process, resident_bytes};

/// In bytes.
pub const MIB: u64 = 1024 * 1024;

/// What `stat` counts files in, in bytes.
const BLOCK_BYTES: u64 = 512;

/// Writing out what is still in memory, after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// The head of the table. The resident set is that before the first request.
const HEAD: &str = "\
| ended by | after s | MiB on disk | ready after s | MiB resident | read ms (p50, p99, max) | publish ms (p50, p99, max) |
| --- | --- | --- | --- | --- | --- | --- |";

/// A node, what is in it, and what it has to keep to after each start.
pub struct Scenario {
    pub title: &'static str,
    pub filling: Filling,
    pub ready_max: Duration,
    pub resident_bytes_max: Option<u64>,
    /// Of the slowest of the first reads and publishes.
    pub serves_max: Option<Duration>,
}

impl Scenario {
    /// Prints its table, and which targets were missed.
    ///
    /// # Errors
    /// When something that was acknowledged is not there, or the node does not work.
    pub fn run(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).with_context(|| format!("`{}` cannot be made", directory.display()))?;
        let address = Process::free_address()?;
        let node = start(address, directory)?;
        self.fill(address)?;
        println!("ready after {:.3} s when it was empty\n\n{HEAD}", node.ready_after.as_secs_f64());

        let mut oracle = Oracle::new(self.filling);
        let resident = resident_bytes(node.process.pid()) / MIB;
        println!("| not ended | – | – | – | {resident} | {} |", latencies(&oracle.probe(address)?));

        let begin = Instant::now();
        node.process.kill()?;
        let (node, mut missed) = self.restart("SIGKILL", begin.elapsed(), address, directory, &mut oracle)?;
        let ended_after = node.process.terminate(STOP_PATIENCE)?;
        let (node, missed_later) = self.restart("SIGTERM", ended_after, address, directory, &mut oracle)?;
        node.process.terminate(STOP_PATIENCE)?;

        missed.extend(missed_later);
        let verdict = if missed.is_empty() { "met".to_owned() } else { format!("missed: {}", missed.join(", ")) };
        println!("\ntargets {verdict}\n");
        Ok(())
    }

    fn fill(&self, address: SocketAddr) -> Result<()> {
        let Filling { topics, payload_bytes, .. } = self.filling;
        let (count, per_topic) = (self.filling.publications(), self.filling.publications_per_topic());
        println!("{}: {topics} topics with {per_topic} publications of {payload_bytes} bytes", self.title);
        let begin = Instant::now();
        let repeated = self.filling.pour(address)?;
        let seconds = begin.elapsed().as_secs_f64();
        let rate = count as f64 / seconds;
        println!("filled with {count} publications in {seconds:.1} s ({rate:.0}/s, {repeated} batches repeated)");
        Ok(())
    }

    /// Starts the node again and prints its row; tells the targets that it missed.
    fn restart(
        &self,
        ended_by: &str,
        ended_after: Duration,
        address: SocketAddr,
        directory: &Path,
        oracle: &mut Oracle,
    ) -> Result<(Node, Vec<String>)> {
        let on_disk = disk_bytes(directory)? / MIB;
        let node = start(address, directory)?;
        let resident = resident_bytes(node.process.pid());
        let probed = oracle.probe(address).with_context(|| format!("after {ended_by}"))?;
        println!(
            "| {ended_by} | {:.2} | {on_disk} | {:.3} | {} | {} |",
            ended_after.as_secs_f64(),
            node.ready_after.as_secs_f64(),
            resident / MIB,
            latencies(&probed)
        );
        let mut missed = Vec::new();
        if node.ready_after > self.ready_max {
            missed.push(format!("ready within {:?} of {ended_by}", self.ready_max));
        }
        if let Some(bytes_max) = self.resident_bytes_max.filter(|bytes_max| resident > *bytes_max) {
            missed.push(format!("below {} MiB resident after {ended_by}", bytes_max / MIB));
        }
        if let Some(serves_max) = self.serves_max.filter(|serves_max| probed.slowest() > *serves_max) {
            missed.push(format!("serving within {serves_max:?} after {ended_by}"));
        }
        Ok((node, missed))
    }
}

fn start(address: SocketAddr, directory: &Path) -> Result<Node> {
    node::start(node::configured(Command::new(node::PROGRAM), address, directory, &[]), address)
}

/// Of reads and of publishes: median, 99th percentile and the slowest.
fn latencies(Probed { reads, publishes }: &Probed) -> String {
    let three = |sorted: &[Duration]| {
        let count = sorted.len();
        let [p50, p99, max] = [count / 2, count * 99 / 100, count - 1].map(|at| sorted[at].as_secs_f64() * 1_000.0);
        format!("{p50:.2}, {p99:.2}, {max:.2}")
    };
    format!("{} | {}", three(reads), three(publishes))
}

/// What all files below a directory take on the disk, preallocated space included.
fn disk_bytes(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    let mut pending = vec![directory.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                bytes += metadata.blocks() * BLOCK_BYTES;
            }
        }
    }
    ensure!(bytes > 0, "the node has stored nothing in `{}`", directory.display());
    Ok(bytes)
}
