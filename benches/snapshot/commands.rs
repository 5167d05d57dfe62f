//! What a replica is told, a line at a time over its standard input, and answers in a line: numbers, or why not. When its
//! input ends, so does the process.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use fanfare_cluster::Snapshots as _;
use fanfare_cluster::log::LogEngine as _;
use fanfare_cluster::raft::RaftShards;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::content::{BATCHES, Plan};
use crate::fill;
use crate::replica::{Replica, SHARD};
use crate::trickle::Trickle;

/// What a replica can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// How it is: the last entry applied, up to where the log was purged, bytes of snapshots that went to the node of that
    /// number.
    Look(u64),
    /// 1 when it leads the shard and a majority follows, else 0.
    Lead,
    /// Publish the first batch of every topic.
    Begin,
    /// And all others.
    Fill,
    /// Store everything that was applied.
    Flush,
    /// Bytes and chunks of a snapshot that would be made now.
    Measure,
    /// Begin to publish a little all the time.
    Trickle,
    /// End that, and tell how much of each topic was acknowledged.
    Settle,
    /// Stop as a node stops.
    End,
}

impl Command {
    /// In a line.
    pub fn line(self) -> String {
        match self {
            Self::Look(node) => format!("look {node}"),
            Self::Lead => "lead".to_owned(),
            Self::Begin => "begin".to_owned(),
            Self::Fill => "fill".to_owned(),
            Self::Flush => "flush".to_owned(),
            Self::Measure => "measure".to_owned(),
            Self::Trickle => "trickle".to_owned(),
            Self::Settle => "settle".to_owned(),
            Self::End => "end".to_owned(),
        }
    }

    fn of(line: &str) -> Option<Self> {
        Some(match line {
            "lead" => Self::Lead,
            "begin" => Self::Begin,
            "fill" => Self::Fill,
            "flush" => Self::Flush,
            "measure" => Self::Measure,
            "trickle" => Self::Trickle,
            "settle" => Self::Settle,
            "end" => Self::End,
            _ => Self::Look(line.strip_prefix("look ")?.parse().ok()?),
        })
    }
}

/// To be a replica until the end.
pub fn obey(node: u64, dir: &Path, plan: Plan) -> Result<()> {
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("warn,openraft=error"));
    lines.with_writer(io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut obedient = Obedient { replica: Replica::start(node, dir, plan)?, runtime, plan, trickle: None };
    say(Ok(Vec::new()))?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let command = Command::of(&line).with_context(|| format!("`{line}` is no command"))?;
        if command == Command::End {
            return say(obedient.replica.end().map(|()| Vec::new()));
        }
        say(obedient.obey(command))?;
    }
    Err(anyhow!("nobody commands it any more"))
}

fn say(answer: Result<Vec<u64>>) -> Result<()> {
    let line = match answer {
        Ok(numbers) => numbers.iter().fold("ok".to_owned(), |line, number| format!("{line} {number}")),
        Err(error) => format!("{error:#}").replace('\n', " "),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

struct Obedient {
    replica: Replica,
    runtime: Runtime,
    plan: Plan,
    trickle: Option<Trickle>,
}

impl Obedient {
    fn obey(&mut self, command: Command) -> Result<Vec<u64>> {
        match command {
            Command::Look(node) => self.look(node),
            Command::Lead => {
                let leads = self.replica.leads()? && self.runtime.block_on(self.replica.barrier()).is_ok();
                Ok(vec![u64::from(leads)])
            }
            Command::Begin => self.pour(0..1),
            Command::Fill => self.pour(1..BATCHES),
            Command::Flush => {
                let flushed = self.replica.write_behind.flush();
                self.runtime.block_on(flushed).map_err(|why| anyhow!("{why}"))?;
                Ok(Vec::new())
            }
            Command::Measure => self.measure(),
            Command::Trickle => {
                self.trickle = Some(Trickle::start(Arc::clone(&self.replica.raft))?);
                Ok(Vec::new())
            }
            Command::Settle => self.trickle.take().context("there is no trickle")?.end(),
            Command::End => Ok(Vec::new()),
        }
    }

    fn look(&self, node: u64) -> Result<Vec<u64>> {
        let purged = self.replica.wal.group(SHARD)?.purged.map_or(0, |purged| purged.index);
        Ok(vec![self.replica.applied()?, purged, self.replica.links.sent_bytes(node)])
    }

    fn pour(&self, batches: std::ops::Range<u64>) -> Result<Vec<u64>> {
        let raft: &RaftShards = &self.replica.raft;
        self.runtime.block_on(fill::pour(raft, self.plan, batches))?;
        Ok(Vec::new())
    }

    fn measure(&self) -> Result<Vec<u64>> {
        let view = self.replica.storage.view()?;
        let (mut bytes, mut chunks, mut place) = (0, 0, bytes::Bytes::new());
        while let Some(chunk) = view.chunk(&place)? {
            bytes += chunk.bytes.len() as u64;
            chunks += 1;
            place = chunk.place;
        }
        Ok(vec![bytes, chunks])
    }
}
