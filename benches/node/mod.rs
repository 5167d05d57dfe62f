//! The real binary as the server of a bench, with a data directory of its own.

#![allow(dead_code, reason = "each bench uses its part")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::http::{self, Http};
use crate::process::Process;

/// How long a start may take before it counts as failed.
pub const START_PATIENCE: Duration = Duration::from_secs(120);

/// A node that is ready, and how long it took from the start of its process.
pub struct Node {
    pub process: Process,
    pub ready_after: Duration,
}

/// The arguments and the environment of a node, on a command for [`PROGRAM`] that may be pinned.
pub fn configured(mut command: Command, address: SocketAddr, data: &Path, settings: &[(&str, &str)]) -> Command {
    command.args(["serve", "--listen", &address.to_string(), "--data-dir"]).arg(data);
    command.envs(settings.iter().copied());
    command
}

/// The binary that this bench was built with.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fanfare");

/// Starts it and waits until it is fit for traffic.
pub fn start(command: Command, address: SocketAddr) -> Result<Node> {
    let mut process = Process::start(command, "fanfare", "build it with `cargo build --release`")?;
    let ready_after = process.wait_until(START_PATIENCE, || http::is_ok(address, "/readyz"))?;
    Ok(Node { process, ready_after })
}

/// The sum of a metric over its labels.
pub fn metric(address: SocketAddr, name: &str) -> Result<u64> {
    let text = String::from_utf8(Http::connect(address)?.get("/metrics")?)?;
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    });
    let values: Vec<f64> = values.collect();
    values.first().with_context(|| format!("the node has no metric `{name}`"))?;
    Ok(values.iter().sum::<f64>() as u64)
}
