//! One core for the server, another one for the load: else they take turns, and each measures the other.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use anyhow::{Context as _, Result, ensure};

const SERVER: &str = "0";
const LOAD: &str = "1";

/// Moves this process, all threads of it and whatever it starts later, to the core of the load.
pub fn pin_load() -> Result<()> {
    let cores = available_parallelism().context("the number of cores is not known")?.get();
    ensure!(cores >= 2, "server and load need a core each: run this on a machine with at least two");
    let pid = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", LOAD, &pid]).stdout(Stdio::null());
    let status = command.status().context("`taskset` pins processes: install it with `apt-get install util-linux`")?;
    ensure!(status.success(), "`taskset` could not pin this process to core {LOAD}");
    Ok(())
}

/// A command that will run on the core of the server, under the process id that it is started with.
pub fn pinned(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", SERVER]).arg(program);
    command
}
