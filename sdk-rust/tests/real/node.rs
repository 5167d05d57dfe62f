//! A node of our own: a process on a free port, which can be killed, stopped and started again at the same place.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The names of what a node has in its directory, which is where it runs.
const CONFIGURATION: &str = "fanfare.toml";
const DATA: &str = "data";

/// A running node. Dropping it kills the process and removes its data.
pub(crate) struct Node {
    address: SocketAddr,
    directory: PathBuf,
    process: Child,
}

impl Node {
    /// Starts a node and waits until it serves.
    pub(crate) fn start() -> Self {
        Self::start_at(free_address())
    }

    /// Starts a node at an address where none is.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        Self::launch(address, "")
    }

    /// Starts a node with the text of a configuration file.
    pub(crate) fn with(configuration: &str) -> Self {
        Self::launch(free_address(), configuration)
    }

    fn launch(address: SocketAddr, configuration: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("fanfare-client-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory for the node");
        // Without a file it declares the namespaces of its demos.
        if !configuration.is_empty() {
            std::fs::write(directory.join(CONFIGURATION), configuration).expect("a temporary file can be written");
        }
        let process = spawn(address, &directory);
        Self { address, directory, process }
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

    /// Starts it again at the same address, on the same data.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(self.address, &self.directory);
    }

    /// Starts it again at the same address, with nothing of what it had.
    pub(crate) fn restart_empty(&mut self) {
        std::fs::remove_dir_all(self.directory.join(DATA)).expect("the data can be removed");
        self.restart();
    }

    /// Deletes a topic, as an admin would.
    pub(crate) fn delete_topic(&self, topic: &str) {
        let mut stream = TcpStream::connect(self.address).expect("the node listens");
        let address = self.address;
        write!(stream, "DELETE /v1/topics/{topic} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .expect("the node reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the node answers");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
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
    let mut command = Command::new(&binary);
    command.args(["serve", "--listen", &address.to_string(), "--data-dir", DATA]).current_dir(directory);
    if directory.join(CONFIGURATION).exists() {
        command.args(["--config", CONFIGURATION]);
    }
    let process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut process = process.unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
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
