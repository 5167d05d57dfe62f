//! A node of a bench, in a directory that goes with it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::node;
use crate::process::{Process, cpu_nanos, pinned, resident_bytes};

/// Clients of a bench answer no pings, and on a busy machine a round takes longer than a node bears silence.
const SETTINGS: [(&str, &str); 2] =
    [("FANFARE_SERVER__WORKERS", "1"), ("FANFARE_DELIVERY__HEARTBEAT_INTERVAL_MS", "3600000")];

/// Of the namespace whose topics live in memory: a hiccup of the disk would be felt as one of a reader.
const CONFIG: &str =
    "[[namespace]]\nname = \"bench\"\n[[namespace]]\nname = \"fleeting\"\ndurability = \"ephemeral\"\n";

/// Where data directories are made.
pub struct Place(PathBuf);

/// A running node. Both its process and its data go when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    process: Option<Process>,
    directory: PathBuf,
}

impl Place {
    pub fn new(dir: &Path) -> Self {
        Self(dir.join(format!("readers-{}", std::process::id())))
    }

    /// A node with nothing in it.
    pub fn server(&self) -> Result<Server> {
        let _ = fs::remove_dir_all(&self.0);
        let address = Process::free_address()?;
        let mut server = Server { address, process: None, directory: self.0.clone() };
        fs::create_dir_all(&self.0)?;
        fs::write(server.config(), CONFIG)?;
        server.start()?;
        Ok(server)
    }
}

impl Server {
    fn start(&mut self) -> Result<()> {
        let data = self.directory.join("data");
        let mut command = node::configured(pinned(node::PROGRAM), self.address, &data, &SETTINGS);
        command.arg("--config").arg(self.config());
        self.process = Some(node::start(command, self.address)?.process);
        Ok(())
    }

    fn config(&self) -> PathBuf {
        self.directory.join("fanfare.toml")
    }

    /// Kills it, as a crash does, and starts it again on the same data and address.
    pub fn restart(&mut self) -> Result<()> {
        self.process = None;
        self.start()
    }

    /// CPU time so far, in microseconds.
    pub fn cpu_micros(&self) -> f64 {
        self.process.as_ref().map_or(0.0, |process| cpu_nanos(process.pid()) as f64 / 1_000.0)
    }

    /// The resident set, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.process.as_ref().map_or(0, |process| resident_bytes(process.pid()))
    }

    /// The sum of a metric over its labels.
    pub fn metric(&self, name: &str) -> Result<u64> {
        node::metric(self.address, name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process = None;
        let _ = fs::remove_dir_all(&self.directory);
    }
}
