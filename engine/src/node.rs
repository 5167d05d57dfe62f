//! A node: what all of its workers share. The only place that plugs the rooms together.

mod backup;
mod disk;
mod figures;
mod lanes;
mod start;
mod storage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actix::Addr;
use bytes::Bytes;
use fanfare_cluster::log::{FileLog, GroupId, LogEngine};
use fanfare_cluster::{Health, Proposal, RaftShards, ShardId, Ticket};
use fanfare_protocol::{Code, Error, TopicName};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::connection::Sessions;
use crate::hub::{Drain, HubActor, SubscribeError};
use crate::limit::Connections;
use crate::log::{Durability, Policies, SharedLog};
use crate::namespace::Namespaces;
use crate::store::{DataDir, WriteBehind};
use crate::telemetry::Telemetry;
use crate::topic::{Census, DiskReads, Topics, unavailable};
use crate::view::{HeldBytes, ViewBudget, ViewPlace};
use disk::DiskWatch;
use lanes::ShardLanes;
pub use start::StartError;

/// See the module.
pub struct Node {
    /// As it was read and checked.
    pub config: Config,
    /// The name that people see.
    pub label: String,
    /// What the shards of this node hold.
    pub log: Arc<SharedLog>,
    /// Topics that someone follows here.
    pub topics: Arc<Topics>,
    /// How many topics there are.
    pub census: Arc<Census>,
    /// Counted and rendered at `/metrics`.
    pub telemetry: Arc<Telemetry>,
    /// Open connections of all transports.
    pub connections: Connections,
    /// Sessions that are spoken to by POST.
    pub(crate) sessions: Sessions,
    /// What is declared about topics.
    pub namespaces: Arc<Namespaces>,
    pub(crate) disk_reads: DiskReads,
    lanes: Arc<ShardLanes>,
    raft: Arc<RaftShards>,
    write_behind: WriteBehind,
    wal: Arc<FileLog>,
    disk: DiskWatch,
    /// HTTP answers that may be compressed as they come.
    pub(crate) compressed_streams: Arc<Semaphore>,
    backups: Arc<Semaphore>,
    _data_dir: DataDir,
    views: AtomicU32,
    view_budget: Arc<ViewBudget>,
    hubs: Mutex<Vec<Addr<HubActor>>>,
    draining: AtomicBool,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Node {
    /// A view number that was never used before in this process, and a place for the view.
    ///
    /// # Errors
    /// When there are no more of either.
    pub(crate) fn next_view(&self) -> Result<(u32, ViewPlace), SubscribeError> {
        let views_max = self.config.delivery.views_max;
        let place = self.view_budget.open().ok_or(SubscribeError::TooManyViews(views_max))?;
        let next = |last: u32| last.checked_add(1);
        let last = self.views.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok();
        let number = last.and_then(next).ok_or(SubscribeError::Unavailable)?;
        Ok((number, place))
    }

    /// What a reader of the log by itself will hold back.
    pub(crate) fn hold(&self) -> HeldBytes {
        self.view_budget.hold()
    }

    /// What views with a pace hold back, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.view_budget.held_bytes()
    }

    /// Hands a command to the topic's shard, in the caller's order; resolves once it is committed and applied.
    pub fn propose(&self, topic: &TopicName, command: Bytes) -> Proposal {
        self.propose_in(self.log.durability(topic), topic, command)
    }

    /// The same, in the lane that it names.
    pub(crate) fn propose_in(&self, durability: Durability, topic: &TopicName, command: Bytes) -> Proposal {
        self.lanes.of(durability).propose(self.log.shard_of(topic), command)
    }

    /// The same, for whoever holds the other end of the ticket.
    pub(crate) fn propose_for(&self, durability: Durability, topic: &TopicName, command: Bytes, ticket: Ticket<Bytes>) {
        self.lanes.of(durability).propose_for(self.log.shard_of(topic), command, ticket);
    }

    /// Shard time, against which deadlines are measured.
    pub(crate) fn shard_ms(&self, durability: Durability, shard: ShardId) -> u64 {
        self.lanes.of(durability).shard_ms(shard)
    }

    /// Resolves when everything that was acknowledged before is visible in the log.
    ///
    /// # Errors
    /// `UNAVAILABLE`, `STORAGE_FAULT` or `NO_QUORUM` when the topic's shard does not answer.
    pub async fn read_barrier(&self, topic: &TopicName) -> Result<(), Error> {
        let lane = self.lanes.of(self.log.durability(topic));
        lane.read_barrier(self.log.shard_of(topic)).await.map(drop).map_err(unavailable)
    }

    /// Whether the disk takes what a publication to a topic of that durability writes.
    ///
    /// # Errors
    /// `DISK_LOW`, `STORAGE_FAULT`.
    pub(crate) fn admit_write(&self, durability: Durability) -> Result<(), Error> {
        match durability {
            Durability::Ephemeral => Ok(()),
            Durability::Replicated if self.write_behind.has_failed() => Err(Error::of(Code::StorageFault)),
            Durability::Replicated if self.disk.is_low() => Err(Error::of(Code::DiskLow)),
            Durability::Replicated if self.wal.is_behind() => {
                Err(Error::of(Code::Overloaded).with_retry_after_ms(LOG_RETRY_AFTER_MS))
            }
            Durability::Replicated => Ok(()),
        }
    }

    /// The largest publication that an undeclared namespace takes.
    #[must_use]
    pub fn publication_bytes_max(&self) -> usize {
        usize::try_from(self.log.policies().of(Policies::DEFAULT).publication_bytes_max).unwrap_or(usize::MAX)
    }

    pub(crate) fn add_hub(&self, hub: Addr<HubActor>) {
        self.hubs.lock().push(hub);
    }

    /// Whether requests should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && !self.write_behind.has_failed() && self.lanes.shard_count().ids().any(|s| self.serves(s))
    }

    /// One damaged shard is no reason to send everyone away; a log that failed has taken all of them with it.
    fn serves(&self, shard: ShardId) -> bool {
        !matches!(self.raft.health(GroupId(shard.get().into())), None | Some(Health::Failed(_)))
    }

    /// Whether the node is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// When one client that has to leave, or was turned away, is to come back: milliseconds from now, its own slot. Clients
    /// that fell together would else return together.
    #[must_use]
    pub fn reconnect_slot_ms(&self) -> u64 {
        fastrand::u64(..=self.config.server.reconnect_within_ms)
    }

    /// What a client is told of an error. One that ends with this node says when to come back, as everything else does that
    /// a stopping node turns away.
    #[must_use]
    pub(crate) fn with_slot(&self, error: Error) -> Error {
        let is_timeless = error.retry_after_ms.is_none() && error.known_code().is_some_and(|c| c.http_status() == 503);
        if is_timeless && self.is_draining() { error.with_retry_after_ms(self.reconnect_slot_ms()) } else { error }
    }

    /// Tells every connection to go elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        for hub in &*self.hubs.lock() {
            hub.do_send(Drain);
        }
    }

    /// Ends the shards: what was accepted is applied and stored, nothing more is taken. Blocks.
    pub(crate) fn shutdown(&self) {
        self.lanes.shutdown();
        self.raft.shutdown();
        self.write_behind.shutdown();
        if let Err(fault) = self.wal.close() {
            tracing::error!(%fault, "the write-ahead log could not be closed");
        }
    }
}

/// What publishers are told to wait when the log has more to write than it holds: some drains of a slow disk.
const LOG_RETRY_AFTER_MS: u64 = 100;
