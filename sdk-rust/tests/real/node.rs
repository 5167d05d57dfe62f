//! A node of our own: a process on a free port, which can be killed, stopped and started again at the same place.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A running node. Dropping it kills the process.
pub(crate) struct Node {
    address: SocketAddr,
    directory: PathBuf,
    process: Child,
}

impl Node {
    /// Starts a node and waits until it serves.
    pub(crate) fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("fanfare-client-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory for the node");
        let address = free_address();
        let process = spawn(address, &directory);
        Self { address, directory, process }
    }

    /// Starts a node at an address where none is.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let mut node = Self::start();
        node.kill();
        node.address = address;
        node.process = spawn(address, &node.directory);
        node
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("the node can be killed");
        self.process.wait().expect("the node ends");
    }

    /// Asks it to stop, and waits until it has. Gives its exit status.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(sent.success(), "the signal was sent");
        self.process.wait().expect("the node ends").code()
    }

    /// Starts it again at the same address.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(self.address, &self.directory);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// An address at which nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("the port's address")
}

fn spawn(address: SocketAddr, directory: &PathBuf) -> Child {
    let binary = binary();
    let mut process = Command::new(&binary)
        .args(["serve", "--listen", &address.to_string(), "--data-dir"])
        .arg(directory.join("data"))
        .current_dir(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    // It prints where it serves once it does.
    let stdout = process.stdout.take().expect("stdout is piped");
    let mut lines = BufReader::new(stdout).lines();
    let address = address.to_string();
    let is_ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains(&address));
    assert!(is_ready, "{} serve ended before it served", binary.display());
    std::thread::spawn(move || lines.count());
    process
}

/// The binary of this workspace: named by the environment, or beside the tests' own directory.
fn binary() -> PathBuf {
    if let Some(binary) = std::env::var_os("FANFARE_BIN") {
        return binary.into();
    }
    let test = std::env::current_exe().expect("the path of this test");
    let directory = test.parent().and_then(|deps| deps.parent()).expect("tests lie in target/PROFILE/deps");
    let binary = directory.join(format!("fanfare{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is missing: build it with `cargo build`, or name one in FANFARE_BIN",
        binary.display()
    );
    binary
}
