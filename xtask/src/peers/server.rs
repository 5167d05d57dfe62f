//! A server as a child process on a core of its own. It ends with its owner, whatever happens.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(20);
/// What a server said last, to be told when it fails.
const SAID_BYTES: usize = 600;

/// Of the server, and of the load.
pub(super) const SERVER_CORE: &str = "0";
pub(super) const LOAD_CORE: &str = "1";

/// See the module. Killed when it is dropped.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a program with as many descriptors as it may have, and waits until it answers at a port.
    pub(super) fn start(command: &Command, log: &Path, port: u16, ready_path: Option<&str>) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut pinned = pinned(SERVER_CORE, command.get_program());
        pinned.args(command.get_args()).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        pinned.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if let Some(directory) = command.get_current_dir() {
            pinned.current_dir(directory);
        }
        let child = pinned.spawn().context("`sh` and `taskset` start every server: install util-linux")?;
        let mut server = Self { child, log: log.to_owned() };
        let (begin, address) = (Instant::now(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        while !is_ready(address, ready_path) {
            if let Some(status) = server.child.try_wait()? {
                bail!("it ended by itself ({status}): {}", server.said());
            }
            if begin.elapsed() > PATIENCE {
                bail!("it was not ready within {PATIENCE:?}: {}", server.said());
            }
            std::thread::park_timeout(PACE);
        }
        Ok(server)
    }

    /// Its process: `sh` and `taskset` have become it.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last it said.
    pub(super) fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(SAID_BYTES)..]).trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first: a server with workers takes them along.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::park_timeout(PACE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command on one core, with as many descriptors as it may have.
pub(super) fn pinned(core: &str, program: &OsStr) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n $(ulimit -H -n) && exec taskset --cpu-list \"$0\" \"$@\"", core]).arg(program);
    command
}

/// Ports of the loopback interface that are free now.
pub(super) fn free_ports() -> Result<[u16; 2]> {
    let held = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let mut ports = [0; 2];
    for (port, listener) in ports.iter_mut().zip(held) {
        *port = listener.context("no port is free")?.local_addr()?.port();
    }
    Ok(ports)
}

fn is_ready(address: SocketAddr, path: Option<&str>) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let Some(path) = path else { return true };
    let mut answer = String::new();
    let asked = write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.starts_with("HTTP/1.1 200")
}
