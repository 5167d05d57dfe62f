//! One Raft group of this node, as everything around the consensus library sees it: what waits, what is in flight, how
//! far it was applied, and why it ended if it did.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::commands::Commands;
use super::consensus::Raft;
use super::flight::Flight;
use super::inbox::Inbox;
use super::intake::Intake;
use super::pipeline::{Pipeline, PutBack};
use super::settings::RaftSettings;
use super::views::Views;
use crate::clock::Clock;
use crate::log::GroupId;
use crate::shard::{
    Batch, EntryTime, Promise, Pushed, ReadBarrier, ShardTime, Snapshots, Ticket, Unavailable, answer_all,
};

/// How often a command that waits for a leader is proposed again: 5 ms, a fraction of an election.
const LEADER_POLL: Duration = Duration::from_millis(5);

/// Locks are taken one at a time.
pub(super) struct Group {
    pub(super) id: GroupId,
    pub(super) node: u64,
    pub(super) inbox: Arc<Inbox>,
    pub(super) views: Arc<Views>,
    pub(super) intake: Intake,
    clock: Arc<dyn Clock>,
    backlog: Backlog,
    retry_after_ms: u64,
    leader_wait_max: Duration,
    queue: Mutex<Queue>,
    /// Reads that wait for the group to be ready or for a majority.
    barriers: Mutex<Vec<Ticket<u64>>>,
    applied: AtomicU64,
    stored: AtomicU64,
    is_ready: AtomicBool,
    failed: OnceLock<Unavailable>,
    raft: OnceLock<Raft>,
    snapshots: OnceLock<Arc<dyn Snapshots>>,
}

struct Queue {
    pipeline: Pipeline<Ticket<Bytes>>,
    time: ShardTime,
    /// Since when entries have come back for want of a leader.
    leaderless_since: Option<Instant>,
}

impl Group {
    pub(super) fn new(
        id: GroupId,
        settings: &RaftSettings,
        inbox: Arc<Inbox>,
        clock: Arc<dyn Clock>,
        backlog: Backlog,
    ) -> Self {
        let queue = Queue {
            pipeline: Pipeline::new(settings.batcher, settings.entries_in_flight_max),
            time: ShardTime::resume(0, clock.monotonic_ms()),
            leaderless_since: None,
        };
        Self {
            id,
            node: settings.node,
            inbox,
            views: Arc::new(Views::new(Duration::from_millis(settings.view_kept_ms))),
            intake: Intake::default(),
            clock,
            backlog,
            retry_after_ms: settings.batcher.retry_after_ms,
            leader_wait_max: Duration::from_millis(settings.leader_wait_max_ms),
            queue: Mutex::new(queue),
            barriers: Mutex::new(Vec::new()),
            applied: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
            failed: OnceLock::new(),
            raft: OnceLock::new(),
            snapshots: OnceLock::new(),
        }
    }

    pub(super) fn propose_for(self: &Arc<Self>, command: Bytes, ticket: Ticket<Bytes>) {
        if self.inbox.is_closed() {
            return ticket.answer(Err(Unavailable::ShuttingDown));
        }
        if self.backlog.is_raised() {
            return ticket.answer(Err(Unavailable::StorageFault));
        }
        let pushed = self.queue.lock().pipeline.push(command, ticket);
        match pushed {
            Ok(Pushed::First) => self.inbox.put(Arc::clone(self)),
            Ok(Pushed::Behind) => {}
            Err((why, ticket)) => ticket.answer(Err(why)),
        }
    }

    /// The applied index at once where nobody else can lead, else once a majority has said so.
    pub(super) fn read_barrier(self: &Arc<Self>, is_alone: bool) -> ReadBarrier {
        if let Some(why) = self.failed() {
            return Promise::ready(Err(why));
        }
        // Whatever was acknowledged was applied before; a node that shuts down may still be read.
        if is_alone && self.is_ready() {
            return Promise::ready(Ok(self.applied()));
        }
        if self.inbox.is_closed() {
            return Promise::ready(Err(Unavailable::ShuttingDown));
        }
        let (ticket, barrier) = Promise::pending();
        self.barriers.lock().push(ticket);
        // What it waits for may have come in between, and answered those who waited before this one came.
        if let Some(why) = self.failed() {
            self.answer_barriers(Err(why));
        } else if self.inbox.is_closed() {
            self.answer_barriers(Err(Unavailable::ShuttingDown));
        } else if is_alone && self.is_ready() {
            self.answer_barriers(Ok(self.applied()));
        } else {
            self.inbox.put(Arc::clone(self));
        }
        barrier
    }

    /// The next entry, stamped, and who waits for its end. None while the backlog is held: then someone comes again.
    pub(super) fn take(self: &Arc<Self>) -> Option<(Commands, Flight)> {
        if self.backlog.is_held() {
            return None;
        }
        let mut queue = self.queue.lock();
        let Batch { commands, tickets } = queue.pipeline.take()?;
        let shard_ms = queue.time.advance(self.clock.monotonic_ms());
        drop(queue);
        let time = EntryTime { shard_ms, wall_ms: self.clock.wall_ms() };
        let commands = Arc::new(commands);
        let flight = Flight::new(Arc::clone(self), tickets, Arc::clone(&commands));
        Some((Commands::Proposed { time, commands }, flight))
    }

    /// An entry was answered; `is_led` when it was because it was applied.
    pub(super) fn landed(self: &Arc<Self>, is_led: bool) {
        let mut queue = self.queue.lock();
        if is_led {
            queue.leaderless_since = None;
        }
        let is_due = queue.pipeline.landed();
        drop(queue);
        if is_due {
            self.inbox.put(Arc::clone(self));
        }
        self.inbox.ended();
    }

    /// An entry came back because no one leads: it is proposed again in a moment, for as long as a command may wait.
    /// Else the tickets come back, for the answer that says so.
    pub(super) fn wait_for_leader(
        self: &Arc<Self>,
        batch: Batch<Ticket<Bytes>>,
    ) -> Result<(), (Unavailable, Vec<Ticket<Bytes>>)> {
        let mut queue = self.queue.lock();
        let since = *queue.leaderless_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.leader_wait_max {
            return Err((self.no_leader(), batch.tickets));
        }
        let put_back = queue.pipeline.put_back(batch);
        drop(queue);
        if let Err(PutBack { why, tickets }) = put_back {
            return Err((why.unwrap_or_else(|| self.no_leader()), tickets));
        }
        let group = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(LEADER_POLL).await;
            group.release();
        });
        Ok(())
    }

    pub(super) fn no_leader(&self) -> Unavailable {
        Unavailable::NoLeader { retry_after_ms: self.retry_after_ms }
    }

    /// Entries may leave, and reads that waited for it are answered or asked for.
    pub(super) fn ready(self: &Arc<Self>, is_alone: bool) {
        self.is_ready.store(true, Ordering::Release);
        self.release();
        if is_alone {
            self.answer_barriers(Ok(self.applied()));
        } else {
            self.inbox.put(Arc::clone(self));
        }
    }

    fn release(self: &Arc<Self>) {
        let is_due = self.queue.lock().pipeline.release();
        if is_due {
            self.inbox.put(Arc::clone(self));
        }
    }

    /// The group serves no more. The first reason counts, and is logged.
    pub(super) fn fail(&self, why: Unavailable, reason: impl fmt::Display) {
        if self.failed.set(why).is_ok() && why != Unavailable::ShuttingDown {
            tracing::error!(group = %self.id, %reason, "the group has stopped: {why}");
        }
        self.close(self.failed().unwrap_or(why));
    }

    /// Takes nothing more; whoever waits is told why.
    pub(super) fn close(&self, why: Unavailable) {
        let waiting = self.queue.lock().pipeline.close(why);
        answer_all(waiting.into_iter().map(|ticket| (ticket, Err(why))));
        self.answer_barriers(Err(why));
        self.inbox.ended();
    }

    pub(super) fn take_barriers(&self) -> Vec<Ticket<u64>> {
        std::mem::take(&mut self.barriers.lock())
    }

    fn answer_barriers(&self, answer: Result<u64, Unavailable>) {
        answer_all(self.take_barriers().into_iter().map(|ticket| (ticket, answer)));
    }

    /// An entry was applied. Its time counts when it was another leader's, or an earlier self's.
    pub(super) fn set_applied(&self, index: u64, foreign_shard_ms: Option<u64>) {
        self.applied.store(index, Ordering::Release);
        let Some(shard_ms) = foreign_shard_ms else {
            return;
        };
        let monotonic_ms = self.clock.monotonic_ms();
        let mut queue = self.queue.lock();
        if queue.time.now(monotonic_ms) < shard_ms {
            queue.time = ShardTime::resume(shard_ms, monotonic_ms);
        }
    }

    pub(super) fn set_stored(&self, index: u64) {
        self.stored.fetch_max(index, Ordering::AcqRel);
    }

    pub(super) fn set_raft(&self, raft: Raft) {
        // Set once, by the one task that brings the group up.
        let _ = self.raft.set(raft);
    }

    pub(super) fn raft(&self) -> Option<&Raft> {
        self.raft.get()
    }

    pub(super) fn set_snapshots(&self, snapshots: Arc<dyn Snapshots>) {
        // Set once, with the state machine.
        let _ = self.snapshots.set(snapshots);
    }

    pub(super) fn snapshots(&self) -> Option<Arc<dyn Snapshots>> {
        self.snapshots.get().cloned()
    }

    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(super) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Acquire)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    pub(super) fn failed(&self) -> Option<Unavailable> {
        self.failed.get().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.lock().pipeline.is_empty()
    }

    pub(super) fn shard_ms(&self) -> u64 {
        self.queue.lock().time.now(self.clock.monotonic_ms())
    }
}
