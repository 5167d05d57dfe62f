//! A server that is measured: how to start it on a fresh directory, how to connect a client, and how many publications it
//! says that it has.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;
use crate::report::Cell;
use crate::wire::Connection;

/// How long a peer may take to start.
pub const START_PATIENCE: Duration = Duration::from_secs(20);

/// Publications that each topic retains, on every server.
pub const HISTORY_COUNT: usize = 1_000;

/// See the module.
pub trait Peer {
    /// As the table names it, with what it promises by its acknowledgement.
    fn name(&self) -> &str;

    /// What its row is compared with, if the targets speak of it.
    fn promise(&self) -> Option<Promise>;

    /// Whether it is measured under this load: some say something only about the lone client.
    fn takes_part(&self, cell: Cell) -> bool;

    /// Starts it, keeping everything in this directory, and makes ready what publishing needs.
    fn start(&self, directory: &Path) -> Result<Running>;

    /// Connects a client that publishes to the topic.
    fn connect(&self, address: SocketAddr, client: usize, topic: usize) -> Result<Connection>;

    /// How many publications the topics `0..topics` ever got, as the server tells it.
    fn stored(&self, address: SocketAddr, topics: usize) -> Result<u64>;
}

/// Those whose acknowledgements mean the same, on disk, and that are held against each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    Ours,
    Theirs,
    /// Of one that does nothing else.
    Floor,
}

/// A peer that was started. When it is dropped, its process ends, and then its directory goes.
pub struct Running {
    pub process: Process,
    pub address: SocketAddr,
    pub _directory: Directory,
}

/// A directory that is removed when nobody needs it any more.
pub struct Directory(PathBuf);

impl Directory {
    /// Makes an empty one.
    pub fn fresh(path: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(path);
        fs::create_dir_all(path).with_context(|| format!("`{}` cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The version that a program tells, or how to install it.
pub fn version(program: &str, package: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| {
        format!(
            "`{program}` is not installed, and a comparison without it says nothing: `apt-get install -y {package}`"
        )
    })?;
    ensure!(output.status.success(), "`{program} --version` failed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_version = |word: &&str| word.contains('.') && word.chars().any(|c| c.is_ascii_digit());
    let word = text.split([' ', '=', '\n']).find(is_version).unwrap_or("of an unknown version");
    Ok(word.trim_start_matches('v').to_owned())
}
