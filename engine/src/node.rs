//! A node: what all of its workers share. The only place that plugs the rooms together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actix::Addr;
use bytes::Bytes;
use fanfare_cluster::{BatcherLimits, MemoryCluster, Proposal, ShardCount, ShardId, Shards, SystemClock};
use fanfare_protocol::{Error, TopicName};
use parking_lot::Mutex;

use crate::config::Config;
use crate::hub::{Drain, HubActor};
use crate::limit::Connections;
use crate::log::{Committed, Policies, SharedLog};
use crate::telemetry::Telemetry;
use crate::topic::{Census, Expiry, Topics, unavailable};

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
}

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
    shards: MemoryCluster,
    views: AtomicU32,
    hubs: Mutex<Vec<Addr<HubActor>>>,
    draining: AtomicBool,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Node {
    /// A node of its own, with its log in memory. Must be started within an actix system.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(config: Config) -> Result<Arc<Self>, StartError> {
        let topics = Arc::new(Topics::default());
        let namespaces = config.namespaces.iter().map(|namespace| namespace.name.as_str());
        let telemetry = Arc::new(Telemetry::of_namespaces(namespaces));
        let shard_count = ShardCount::DEFAULT;
        let log = SharedLog::new(shard_count, Arc::new(config.policies()));
        let expiry = Arc::new(Expiry::new(shard_count));
        let census = Arc::new(Census::new(config.limits.topics_max));
        let machines = {
            let (log, topics) = (Arc::clone(&log), Arc::clone(&topics));
            let (telemetry, expiry, census) = (Arc::clone(&telemetry), Arc::clone(&expiry), Arc::clone(&census));
            Box::new(move |shard| {
                let (topics, telemetry) = (Arc::clone(&topics), Arc::clone(&telemetry));
                let (expiry, census, shared) = (Arc::clone(&expiry), Arc::clone(&census), Arc::clone(&log));
                let sink = move |committed: Vec<Committed>| {
                    telemetry.committed(&committed);
                    census.count(&committed, shared.policies());
                    topics.committed(committed);
                    expiry.changed(shard, shared.next_deadline(shard));
                };
                log.machine(shard, Arc::new(sink))
            })
        };
        let limits =
            BatcherLimits { waiting_commands_max: config.limits.shard_commands_max, ..BatcherLimits::default() };
        let shards = MemoryCluster::start(shard_count, limits, Arc::new(SystemClock::default()), machines)?;
        let connections = Connections::new(config.limits.connections_max);
        let node = Arc::new(Self {
            label: LABEL.to_owned(),
            log,
            topics,
            census,
            telemetry,
            connections,
            shards,
            views: AtomicU32::new(0),
            hubs: Mutex::default(),
            draining: AtomicBool::new(false),
            config,
        });
        actix_rt::spawn(expiry.run(Arc::downgrade(&node)));
        Ok(node)
    }

    /// A view number that was never used before in this process; `None` when there are none left.
    pub(crate) fn next_view(&self) -> Option<u32> {
        let next = |last: u32| last.checked_add(1);
        self.views.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?.checked_add(1)
    }

    /// The shard of a topic.
    #[must_use]
    pub fn shard(&self, topic: &TopicName) -> ShardId {
        ShardId::of(topic.routing_key(), self.shards.shard_count())
    }

    /// Hands a command to the topic's shard, in the caller's order; resolves once it is committed and applied.
    pub fn propose(&self, topic: &TopicName, command: Bytes) -> Proposal {
        self.shards.propose(self.shard(topic), command)
    }

    /// Shard time, against which deadlines are measured.
    pub(crate) fn shard_ms(&self, shard: ShardId) -> u64 {
        self.shards.shard_ms(shard)
    }

    /// Resolves when everything that was acknowledged before is visible in the log.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the topic's shard does not answer.
    pub async fn read_barrier(&self, topic: &TopicName) -> Result<(), Error> {
        self.shards.read_barrier(self.shard(topic)).await.map(drop).map_err(unavailable)
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
        !self.is_draining()
    }

    /// Whether the node is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Tells every connection to go elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        for hub in &*self.hubs.lock() {
            hub.do_send(Drain);
        }
    }

    /// Ends the shards: what was accepted is applied, nothing more is taken.
    pub(crate) fn shutdown(&self) {
        self.shards.shutdown();
    }
}

/// The label of a node that belongs to no cluster.
const LABEL: &str = "1";
