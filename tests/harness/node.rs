//! A node: the real binary on a free port, with a data directory of its own.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How a node is started. [`Node::start`] and its siblings are short for what most tests need.
pub struct Launch<'a> {
    pub listen: &'a str,
    pub arguments: &'a [&'a str],
    /// The text of a configuration file; empty: none.
    pub configuration: &'a str,
    /// Its data directory; without one it has one of its own, which goes with it.
    pub data: Option<PathBuf>,
    pub variables: Vec<(&'static str, OsString)>,
}

impl Default for Launch<'_> {
    fn default() -> Self {
        Self { listen: "127.0.0.1:0", arguments: &[], configuration: "", data: None, variables: Vec::new() }
    }
}

/// A node that ended before it listened, or did neither in time and was killed.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub is_hanging: bool,
    pub log: Vec<String>,
}

impl Launch<'_> {
    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<Node, Ended> {
        let directory = temporary_directory();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
        command.args(["serve", "--listen", self.listen, "--data-dir"]);
        command.arg(self.data.unwrap_or_else(|| directory.join("data"))).args(self.arguments).envs(self.variables);
        if !self.configuration.is_empty() {
            let file = directory.join("fanfare.toml");
            fs::write(&file, self.configuration).expect("a temporary file can be written");
            command.arg("--config").arg(file);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary under test starts");
        let log = lines(child.stderr.take().expect("standard error is piped"));
        let output = lines(child.stdout.take().expect("standard output is piped"));
        let deadline = Instant::now() + PATIENCE;
        let (mut http, mut tcp) = (None, None);
        loop {
            match output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    http = http.or_else(|| printed_address(&line, "http://"));
                    tcp = tcp.or_else(|| printed_address(&line, "tcp://"));
                    if let Some(address) = http
                        && (tcp.is_some() || !self.configuration.contains("tcp_listen"))
                    {
                        return Ok(Node { child, address, tcp_address: tcp, log, directory });
                    }
                }
                Err(error) => {
                    let _ = child.kill();
                    let status = child.wait().expect("the node is our child");
                    let _ = fs::remove_dir_all(&directory);
                    let log: Vec<_> = log.iter().collect();
                    let is_hanging = error == mpsc::RecvTimeoutError::Timeout;
                    return Err(Ended { status, is_hanging, log });
                }
            }
        }
    }
}

/// Killed when it is dropped.
pub struct Node {
    child: Child,
    address: SocketAddr,
    tcp_address: Option<SocketAddr>,
    /// What it printed to standard error, as far as it was read.
    log: mpsc::Receiver<String>,
    directory: PathBuf,
}

impl Node {
    /// Starts one with defaults.
    pub fn start() -> Self {
        Self::with(&[], "")
    }

    /// Starts one with further arguments and the text of a configuration file (empty: none).
    pub fn with(arguments: &[&str], configuration: &str) -> Self {
        Self::at("127.0.0.1:0", arguments, configuration)
    }

    /// Starts one that listens at `listen`: for restarts on the same port.
    pub fn at(listen: &str, arguments: &[&str], configuration: &str) -> Self {
        let launch = Launch { listen, arguments, configuration, ..Launch::default() };
        launch.start().unwrap_or_else(|ended| panic!("the node printed no address: {}", ended.log.join("\n")))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for raw TCP, as its configuration asked.
    pub fn tcp_address(&self) -> SocketAddr {
        self.tcp_address.expect("`tcp_listen` is configured")
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// Forgets the greatest resident memory so far.
    pub fn reset_resident_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("the peak of our child can be reset");
    }

    /// The greatest resident memory since the last reset, in bytes.
    pub fn resident_peak_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the node lives");
        let line = status.lines().find(|l| l.starts_with(field)).expect("Linux tells the resident set");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB");
        kib * 1024
    }

    /// Sends SIGTERM and does not wait.
    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(status.expect("`kill` is there").success(), "the node lives");
    }

    /// Waits until it has ended.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the node did not end in {patience:?}");
            thread::yield_now();
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the node is our child")
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for a line of its log that holds these words; those before it are passed over.
    pub fn told(&self, words: &str) -> String {
        self.told_until(words).pop().expect("it ends with the line that was waited for")
    }

    /// The same, with the lines before it.
    pub fn told_until(&self, words: &str) -> Vec<String> {
        let (deadline, mut told) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => told.push(line),
                Err(_) => panic!("nothing was logged with `{words}`: {told:#?}"),
            }
            if told.last().is_some_and(|line| line.contains(words)) {
                return told;
            }
        }
    }

    /// The lines it has logged so far.
    pub fn logged(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A directory that no other test uses.
pub fn temporary_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("fanfare-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory).expect("a temporary directory can be made");
    directory
}

fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn printed_address(line: &str, scheme: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(scheme)?;
    let end = rest.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
