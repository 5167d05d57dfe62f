//! How a node comes to be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use fanfare_cluster::log::LogFault;
use fanfare_cluster::meta::MetaFault;
use fanfare_cluster::{BatcherLimits, EphemeralShards, ShardId, Shards, SystemClock};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Node;
use super::disk::DiskWatch;
use super::lanes::ShardLanes;
use super::storage::{Running, Storage};
use crate::config::Config;
use crate::connection::Sessions;
use crate::limit::Connections;
use crate::log::{Committed, CommittedSink, Durability, SharedLog};
use crate::namespace::{self, Lanes, Namespaces};
use crate::store::{Applied, DataDirError, StoreError};
use crate::telemetry::Telemetry;
use crate::topic::{Census, DiskReads, Expiry, Topics};
use crate::view::ViewBudget;

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener.
    #[error("cannot listen on {address}: {source}; is another node running there?")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The write-ahead log.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The store of the shards.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables of the meta group.
    #[error(transparent)]
    Meta(#[from] MetaFault),
    /// What is declared about topics.
    #[error(transparent)]
    Namespaces(#[from] namespace::StartError),
}

/// The label of a node that belongs to no cluster.
const LABEL: &str = "1";

/// Who is told of what the shards commit.
struct Audience {
    log: Arc<SharedLog>,
    topics: Arc<Topics>,
    telemetry: Arc<Telemetry>,
    census: Arc<Census>,
    expiry: Arc<Expiry>,
    applied: Arc<Applied>,
    /// What is applied again after a start was counted before it.
    is_serving: AtomicBool,
}

impl Audience {
    fn sink(self: &Arc<Self>, durability: Durability, shard: ShardId) -> CommittedSink {
        let audience = Arc::clone(self);
        Arc::new(move |committed: Vec<Committed>| audience.hear(durability, shard, committed))
    }

    fn hear(&self, durability: Durability, shard: ShardId, committed: Vec<Committed>) {
        if self.is_serving.load(Ordering::Relaxed) {
            self.telemetry.committed(&committed);
        }
        self.census.count(&committed, &self.log.policies());
        self.topics.committed(committed);
        self.expiry.changed(durability, shard, self.log.next_deadline(durability, shard));
        if durability == Durability::Replicated {
            self.applied.tell();
        }
    }
}

impl Node {
    /// A node of its own, over what its data directory holds. Must be started within an actix system. Resolves when it
    /// serves everything that can be served: a shard whose storage is damaged has failed by then, and the others go on.
    ///
    /// # Errors
    /// When its directory, its log or its store cannot be opened.
    pub async fn start(config: Config) -> Result<Arc<Self>, StartError> {
        let opening = config.clone();
        let storage =
            tokio::task::spawn_blocking(move || Storage::open(&opening)).await.map_err(io::Error::other)??;
        let shard_count = storage.shard_count();
        let log = SharedLog::open(Arc::new(config.policies()), storage.shards(), shard_count);
        let write_behind = storage.write_behind(&log, &config);
        let audience = Arc::new(Audience {
            topics: Arc::default(),
            telemetry: Arc::default(),
            census: Arc::new(Census::new(config.limits.topics_max, log.usage())),
            expiry: Arc::new(Expiry::new(shard_count)),
            applied: write_behind.applied(),
            is_serving: AtomicBool::new(false),
            log: Arc::clone(&log),
        });
        let stored_sink = |shard| audience.sink(Durability::Replicated, shard);
        let (running, data_dir, wal) = storage.run(&log, &config, write_behind, stored_sink).await?;
        let Running { raft, meta, write_behind } = running;
        let ephemeral = {
            let (log, audience) = (Arc::clone(&log), Arc::clone(&audience));
            let machine = move |shard| log.ephemeral_machine(shard, audience.sink(Durability::Ephemeral, shard));
            let limits =
                BatcherLimits { waiting_commands_max: config.limits.shard_commands_max, ..BatcherLimits::default() };
            EphemeralShards::start(shard_count, limits, Arc::new(SystemClock::default()), Box::new(machine))?
        };
        let lanes = Arc::new(ShardLanes {
            log: Arc::clone(&log),
            telemetry: Arc::clone(&audience.telemetry),
            replicated: Arc::clone(&raft) as Arc<dyn Shards>,
            ephemeral,
        });
        let namespaces = Namespaces::start(meta, Arc::clone(&lanes) as Arc<dyn Lanes>, &config).await?;
        let settling = Arc::clone(&namespaces);
        actix_rt::spawn(async move { settling.run().await });
        namespaces.settled().await;
        audience.is_serving.store(true, Ordering::Relaxed);
        let disk = DiskWatch::new(data_dir.path().to_owned(), config.storage.free_bytes_min, Arc::clone(&wal));
        let node = Arc::new(Self {
            label: LABEL.to_owned(),
            log,
            topics: Arc::clone(&audience.topics),
            census: Arc::clone(&audience.census),
            telemetry: Arc::clone(&audience.telemetry),
            connections: Connections::new(config.limits.connections_max),
            sessions: Sessions::default(),
            namespaces,
            disk_reads: DiskReads::new(config.storage.reads_max),
            lanes,
            raft,
            write_behind,
            wal,
            disk,
            compressed_streams: Arc::new(Semaphore::new(
                config.limits.compressed_streams_max.min(Semaphore::MAX_PERMITS),
            )),
            backups: Arc::new(Semaphore::new(1)),
            _data_dir: data_dir,
            views: AtomicU32::new(0),
            view_budget: ViewBudget::new(config.delivery.views_max, config.delivery.held_bytes_max),
            hubs: Mutex::default(),
            draining: AtomicBool::new(false),
            config,
        });
        actix_rt::spawn(Arc::clone(&audience.expiry).run(Arc::downgrade(&node)));
        actix_rt::spawn(DiskWatch::run(Arc::downgrade(&node)));
        Ok(node)
    }
}
