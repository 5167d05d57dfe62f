//! A server as a child process. It ends with its owner, whatever happens to the bench.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How often something is asked whether it is there yet.
const PACE: Duration = Duration::from_millis(1);

/// Lines of what a server says that are kept, to be told when it fails.
const SAID_LINES: usize = 5;

/// See the module. Killed when it is dropped.
pub struct Process {
    child: Child,
    name: String,
    said: Said,
}

/// The last lines of a server, read by threads that sleep as long as it is silent.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Process {
    /// Starts it. `otherwise` says what to do when it is not there.
    pub fn start(mut command: Command, name: &str, otherwise: &str) -> Result<Self> {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().with_context(|| format!("`{name}` cannot be started: {otherwise}"))?;
        let said = Said::default();
        said.listen(child.stdout.take());
        said.listen(child.stderr.take());
        Ok(Self { child, name: name.to_owned(), said })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks `is_ready` again and again until it says yes, and tells after how long that was.
    pub fn wait_until(&mut self, patience: Duration, mut is_ready: impl FnMut() -> bool) -> Result<Duration> {
        let begin = Instant::now();
        while !is_ready() {
            let name = &self.name;
            if let Some(status) = self.child.try_wait()? {
                bail!("`{name}` ended by itself before it was ready ({status}){}", self.said.tail());
            }
            ensure!(begin.elapsed() < patience, "`{name}` was not ready within {patience:?}{}", self.said.tail());
            thread::park_timeout(PACE);
        }
        Ok(begin.elapsed())
    }

    /// Sends SIGTERM and waits for the end; tells how long it took.
    pub fn terminate(mut self, patience: Duration) -> Result<Duration> {
        let begin = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        ensure!(sent.success(), "SIGTERM could not be sent to `{}`", self.name);
        while self.child.try_wait()?.is_none() {
            let (name, is_late) = (&self.name, begin.elapsed() > patience);
            ensure!(!is_late, "`{name}` did not end within {patience:?} of SIGTERM{}", self.said.tail());
            thread::park_timeout(PACE);
        }
        Ok(begin.elapsed())
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// A port of the loopback interface that is free now.
    pub fn free_address() -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        Ok(listener.local_addr()?)
    }
}

impl Said {
    fn listen(&self, output: Option<impl Read + Send + 'static>) {
        let (Some(output), said) = (output, self.clone()) else { return };
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut lines = said.0.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push_back(line);
                if lines.len() > SAID_LINES {
                    lines.pop_front();
                }
            }
        });
    }

    /// To stand at the end of an error.
    fn tail(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("\n{line}")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
