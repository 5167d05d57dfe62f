//! A replica as a child process, commanded over a socket that is its standard input and output. It ends with its owner.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::commands::Command;
use crate::content::Plan;

/// Lines of what it said that are told when it fails.
const SAID_LINES: usize = 5;

/// See the module. Killed when it is dropped.
pub struct Replica {
    pub node: u64,
    child: Child,
    line: BufReader<UnixStream>,
    said: PathBuf,
}

/// How a replica is.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub applied: u64,
    pub purged: u64,
    /// Bytes of snapshots that went to the node that was asked for.
    pub sent_bytes: u64,
}

impl Replica {
    /// Starts it; it may be commanded once [`Self::listens`].
    pub fn start(node: u64, dir: &Path, plan: Plan) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let said = dir.join(format!("{node}.log"));
        let log = File::options().create(true).append(true).open(&said)?;
        let mut program = Program::new(std::env::current_exe()?);
        program.args(["--replica", &node.to_string(), "--bytes", &plan.bytes().to_string(), "--dir"]).arg(dir);
        program.stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?))).stdout(Stdio::from(OwnedFd::from(theirs)));
        let child = program.stderr(log).spawn().context("a replica cannot be started")?;
        Ok(Self { node, child, line: BufReader::new(ours), said })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns when it has taken up its work.
    pub fn listens(&mut self, deadline: Instant) -> Result<()> {
        self.answer("start", deadline).map(drop)
    }

    /// Tells it something and waits for the answer.
    pub fn tell(&mut self, command: Command, deadline: Instant) -> Result<Vec<u64>> {
        let line = command.line();
        let told = writeln!(self.line.get_mut(), "{line}");
        told.map_err(|error| self.fault(&format!("could not be told to {line}: {error}")))?;
        self.answer(&line, deadline)
    }

    /// How it is, and what it has sent of snapshots to another.
    pub fn look(&mut self, to: u64, deadline: Instant) -> Result<Look> {
        match *self.tell(Command::Look(to), deadline)? {
            [applied, purged, sent_bytes] => Ok(Look { applied, purged, sent_bytes }),
            _ => bail!("replica {} says something else", self.node),
        }
    }

    fn answer(&mut self, to: &str, deadline: Instant) -> Result<Vec<u64>> {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "the run takes too long: given up before `{to}`");
        self.line.get_ref().set_read_timeout(Some(left))?;
        let mut line = String::new();
        match self.line.read_line(&mut line) {
            Ok(0) => return Err(self.fault(&format!("ended when told to {to}"))),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                return Err(self.fault(&format!("has not answered to `{to}`: the run takes too long")));
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let Some(numbers) = line.trim_end().strip_prefix("ok") else {
            return Err(self.fault(&format!("failed to {to}: {}", line.trim_end())));
        };
        Ok(numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    fn fault(&self, what: &str) -> anyhow::Error {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        let lines: Vec<_> = said.lines().collect();
        let tail = lines[lines.len().saturating_sub(SAID_LINES)..].join("\n");
        anyhow!("replica {} {what}\n{tail}", self.node)
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it as a node ends.
    pub fn end(mut self, deadline: Instant) -> Result<()> {
        self.tell(Command::End, deadline)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "replica {} ended with {status}", self.node);
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
