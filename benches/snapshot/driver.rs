//! The run: fills, kills, watches and judges.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::bounds::{KILLED_FROM_PERCENT, MIB, RUN_MAX};
use crate::child::{Look, Replica};
use crate::commands::Command;
use crate::content::Plan;
use crate::peak::Watch;
use crate::replica::{NODES, data_dir};
use crate::report::Report;
use crate::usage::resident_bytes;
use crate::verify::{self, Expected};

/// How often something is asked that nobody tells of.
const PACE: Duration = Duration::from_millis(2);

/// How long the log may take to let go of what is stored.
const PURGE_MAX: Duration = Duration::from_secs(30);

/// The replica that loses its disk. It did not found the group.
const LOST: u64 = 3;

/// See the module.
pub struct Driver {
    dir: PathBuf,
    plan: Plan,
    deadline: Instant,
    replicas: BTreeMap<u64, Replica>,
}

/// The snapshot as it went from one to the other.
struct Transfer {
    /// While chunks were sent, without the time in which the receiver was away.
    took: Duration,
    sent_before_bytes: u64,
    sent_bytes: u64,
}

impl Driver {
    /// Of a directory that exists and is empty.
    pub fn new(dir: &Path, plan: Plan) -> Result<Self> {
        let dir = dir.canonicalize()?;
        Ok(Self { dir, plan, deadline: Instant::now() + RUN_MAX, replicas: BTreeMap::new() })
    }

    /// To the end.
    pub fn run(mut self) -> Result<Report> {
        self.found()?;
        self.kill(LOST)?;
        fs::remove_dir_all(data_dir(&self.dir, LOST))?;
        let leader = self.leader()?;
        let begin = Instant::now();
        self.tell(leader, Command::Fill)?;
        self.note("filled", begin);
        // Either may lead after the restart.
        for node in NODES.into_iter().filter(|node| *node != LOST) {
            self.purged(node)?;
        }
        let [snapshot_bytes, chunks] = self.numbers(leader, Command::Measure)?;
        let leader = self.restarted()?;

        let watch = Watch::start()?;
        for (node, replica) in &self.replicas {
            watch.of(*node, replica.pid());
        }
        let idle_bytes = resident_bytes(self.of(leader)?.pid());
        self.tell(leader, Command::Trickle)?;
        let begin = Instant::now();
        let transfer = self.transfer(leader, snapshot_bytes, &watch)?;
        let stood_after = begin.elapsed();
        let trickled = self.tell(leader, Command::Settle)?;
        let trickle_took = begin.elapsed();
        let peaks = watch.end()?;
        let stands = self.look(leader)?.applied;
        self.until(LOST, |look| look.applied >= stands)?;
        let expected = Expected { plan: self.plan, trickled };
        let begin = Instant::now();
        self.verified(leader, &expected)?;
        self.note("verified", begin);

        let peak = |node: u64| peaks.get(&node).copied().unwrap_or_default();
        Ok(Report {
            snapshot_bytes,
            chunks,
            took: transfer.took,
            stood_after,
            sent_bytes: transfer.sent_bytes,
            sent_before_bytes: transfer.sent_before_bytes,
            sender_idle_bytes: idle_bytes,
            sender_peak_bytes: peak(leader),
            receiver_peak_bytes: peak(LOST),
            trickled: expected.trickled.iter().sum(),
            trickle_took,
        })
    }

    /// All replicas begin, and each has the first of every topic.
    fn found(&mut self) -> Result<()> {
        for node in NODES {
            self.start(node)?;
        }
        for node in NODES {
            self.listens(node)?;
        }
        let leader = self.leader()?;
        self.tell(leader, Command::Begin)?;
        let stands = self.look(leader)?.applied;
        self.until(LOST, |look| look.applied >= stands)
    }

    /// Both that are left end and come back. Tells who leads then.
    fn restarted(&mut self) -> Result<u64> {
        let nodes: Vec<u64> = self.replicas.keys().copied().collect();
        for replica in std::mem::take(&mut self.replicas).into_values() {
            replica.end(self.deadline)?;
        }
        for node in &nodes {
            self.start(*node)?;
        }
        for node in &nodes {
            self.listens(*node)?;
        }
        self.leader()
    }

    /// Until everything is stored and the log of a replica does not reach back to what was lost.
    fn purged(&mut self, node: u64) -> Result<()> {
        let begin = Instant::now();
        loop {
            self.tell(node, Command::Flush)?;
            let look = self.look(node)?;
            let so_far = format!("purged up to {} of {}", look.purged, look.applied);
            if look.purged > look.applied / 2 {
                self.note(&so_far, begin);
                return Ok(());
            }
            ensure!(
                begin.elapsed() < PURGE_MAX,
                "the log is {so_far} and goes no further: nobody would need a snapshot"
            );
            thread::sleep(PACE);
        }
    }

    /// The lost replica comes back, is killed in the middle, and comes back again. Returns when it stands where the leader
    /// stood when the last chunk had come.
    fn transfer(&mut self, leader: u64, snapshot_bytes: u64, watch: &Watch) -> Result<Transfer> {
        let stood = self.look(leader)?;
        self.start(LOST)?;
        watch.of(LOST, self.of(LOST)?.pid());
        self.listens(LOST)?;
        self.until(leader, |look| look.sent_bytes > 0)?;
        let begin = Instant::now();
        let kill_at = snapshot_bytes * KILLED_FROM_PERCENT / 100;
        self.until(leader, |look| look.sent_bytes >= kill_at)?;
        watch.read();
        self.kill(LOST)?;
        let first = begin.elapsed();
        let sent_before_bytes = self.look(leader)?.sent_bytes;
        let applied = self.look(leader)?.applied;
        ensure!(applied > stood.applied, "the leader has taken nothing since the transfer began");

        self.start(LOST)?;
        watch.of(LOST, self.of(LOST)?.pid());
        self.listens(LOST)?;
        self.until(leader, |look| look.sent_bytes > sent_before_bytes)?;
        let begin = Instant::now();
        // The snapshot stands where the leader stood when the transfer began, or a little above.
        self.until(LOST, |look| look.applied >= stood.applied)?;
        let took = first + begin.elapsed();
        let sent_bytes = self.look(leader)?.sent_bytes;
        let stands = self.look(leader)?.applied;
        self.until(LOST, |look| look.applied >= stands)?;
        Ok(Transfer { took, sent_before_bytes, sent_bytes })
    }

    /// Ends all replicas and looks at what they have left.
    fn verified(&mut self, leader: u64, expected: &Expected) -> Result<()> {
        // Whoever leads ends when nobody is left to lead instead: a new term would be another entry.
        let order = [LOST, leader].into_iter().chain(NODES.into_iter().filter(|node| ![LOST, leader].contains(node)));
        for node in order {
            let replica = self.replicas.remove(&node).with_context(|| format!("replica {node} does not run"))?;
            replica.end(self.deadline)?;
        }
        for node in [LOST, leader] {
            expected.checked(&self.dir, node)?;
        }
        let (theirs, ours) = (verify::digest(&self.dir, leader)?, verify::digest(&self.dir, LOST)?);
        ensure!(theirs == ours, "the digests differ: {theirs:032x} of the leader, {ours:032x} of the other");
        expected.whole(&self.dir, LOST)
    }

    fn start(&mut self, node: u64) -> Result<()> {
        let replica = Replica::start(node, &self.dir, self.plan)?;
        self.replicas.insert(node, replica);
        Ok(())
    }

    fn listens(&mut self, node: u64) -> Result<()> {
        let deadline = self.deadline;
        self.of_mut(node)?.listens(deadline)
    }

    fn kill(&mut self, node: u64) -> Result<()> {
        self.replicas.remove(&node).with_context(|| format!("replica {node} does not run"))?.kill()
    }

    /// Who leads, once someone does.
    fn leader(&mut self) -> Result<u64> {
        loop {
            let nodes: Vec<u64> = self.replicas.keys().copied().collect();
            for node in nodes {
                if self.numbers(node, Command::Lead)? == [1] {
                    return Ok(node);
                }
            }
            thread::sleep(PACE);
        }
    }

    fn look(&mut self, node: u64) -> Result<Look> {
        let deadline = self.deadline;
        self.of_mut(node)?.look(LOST, deadline)
    }

    fn until(&mut self, node: u64, is_so: impl Fn(Look) -> bool) -> Result<()> {
        while !is_so(self.look(node)?) {
            thread::sleep(PACE);
        }
        Ok(())
    }

    fn tell(&mut self, node: u64, command: Command) -> Result<Vec<u64>> {
        let deadline = self.deadline;
        self.of_mut(node)?.tell(command, deadline)
    }

    fn numbers<const N: usize>(&mut self, node: u64, command: Command) -> Result<[u64; N]> {
        let numbers = self.tell(node, command)?;
        numbers.try_into().map_err(|numbers| anyhow::anyhow!("replica {node} said {numbers:?} to {command:?}"))
    }

    fn of(&self, node: u64) -> Result<&Replica> {
        self.replicas.get(&node).with_context(|| format!("replica {node} does not run"))
    }

    fn of_mut(&mut self, node: u64) -> Result<&mut Replica> {
        self.replicas.get_mut(&node).with_context(|| format!("replica {node} does not run"))
    }

    fn note(&self, what: &str, since: Instant) {
        let gib = self.plan.bytes() / MIB;
        println!("{gib} MiB: {what} in {:.1} s", since.elapsed().as_secs_f64());
    }
}
