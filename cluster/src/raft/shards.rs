//! The handle: all groups of this node, as the engine sees them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::backlog::Backlog;
use super::checkpoint::Checkpoint;
use super::group::Group;
use super::inbox::Inbox;
use super::peers::Peers;
use super::serve::serve;
use super::settings::RaftSettings;
use super::thread::{GroupThread, Start};
use super::wire::{PeerReply, PeerRequest};
use crate::clock::Clock;
use crate::log::{GroupId, LogEngine};
use crate::shard::{
    Promise, Proposal, ReadBarrier, ShardCount, ShardId, Shards, StateFault, StateMachine, Ticket, Unavailable,
};

/// What the groups of a node work with.
pub struct RaftParts {
    /// Where they write; shared, and closed by its owner after [`RaftShards::shutdown`].
    pub log: Arc<dyn LogEngine>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Held by the state machines' owner when they have applied more than they could store.
    pub backlog: Backlog,
    /// The other nodes; `None` for a node by itself, which runs no timers.
    pub peers: Option<Arc<dyn Peers>>,
}

/// Makes the state machine of a group, at what it has stored; called for every group before any is started.
pub type MakeStateMachine<'m> = dyn FnMut(GroupId) -> Result<Box<dyn StateMachine>, StateFault> + 'm;

/// How a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It has not taken up its work yet.
    Starting,
    /// This node leads it.
    Leads,
    /// Another node leads it, or none does.
    Follows {
        /// Who, as far as this node knows.
        leader: Option<u64>,
    },
    /// It has ended; the others go on.
    Failed(Unavailable),
}

/// The replicas that this node has of all shards and of the meta group. Share it as `Arc<dyn Shards>`.
pub struct RaftShards {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The group that agrees on nodes, placement and namespaces: proposed to and read like a shard.
#[derive(Clone)]
pub struct MetaGroup {
    group: Arc<Group>,
    is_alone: bool,
}

struct Shared {
    shard_count: ShardCount,
    is_alone: bool,
    inbox: Arc<Inbox>,
    shards: Box<[Arc<Group>]>,
    meta: Arc<Group>,
    stored: Arc<Notify>,
    runtime: tokio::runtime::Handle,
    starting: Arc<Starting>,
}

/// Whether all groups have taken up their work, and who waits for it.
#[derive(Default)]
pub(super) struct Starting(Mutex<(bool, Vec<Ticket<()>>)>);

impl Starting {
    /// Tells everyone who waits.
    pub(super) fn over(&self) {
        let waiting = {
            let mut starting = self.0.lock();
            starting.0 = true;
            std::mem::take(&mut starting.1)
        };
        waiting.into_iter().for_each(|ticket| ticket.answer(Ok(())));
    }
}

impl RaftShards {
    /// Takes up all groups where log and state machines have them, on a thread of their own, and returns at once; see
    /// [`RaftShards::ready`]. A group that cannot be taken up has failed, and the others go on.
    ///
    /// # Errors
    /// When the machine grants no thread.
    pub fn start(settings: &RaftSettings, parts: RaftParts, machines: &mut MakeStateMachine<'_>) -> io::Result<Self> {
        let RaftParts { log, clock, backlog, peers } = parts;
        let is_alone = peers.is_none();
        let runtime = runtime(&log, is_alone)?;
        let inbox = Arc::new(Inbox::default());
        let group = |id, backlog| Arc::new(Group::new(id, settings, Arc::clone(&inbox), Arc::clone(&clock), backlog));
        let shards = settings.shard_count.ids().map(|shard| group(GroupId(shard.get().into()), backlog.clone()));
        let shared = Arc::new(Shared {
            shard_count: settings.shard_count,
            is_alone,
            shards: shards.collect(),
            // What administers the cluster is heard whatever the shards have to store.
            meta: group(GroupId::META, Backlog::default()),
            inbox: Arc::clone(&inbox),
            stored: Arc::default(),
            runtime: runtime.handle().clone(),
            starting: Arc::default(),
        });
        let held = Arc::downgrade(&shared);
        backlog.when_let_go(move || {
            if let Some(shared) = held.upgrade() {
                shared.shards.iter().for_each(|group| shared.inbox.put(Arc::clone(group)));
            }
        });
        let starts =
            shared.groups().map(|group| Start { group: Arc::clone(group), machine: machines(group.id) }).collect();
        let checkpoint = Checkpoint {
            log: Arc::clone(&log),
            groups: shared.groups().map(|group| (group.id, Arc::clone(group))).collect::<BTreeMap<_, _>>(),
            stored: Arc::clone(&shared.stored),
        };
        let work = GroupThread::new(settings, log, peers, inbox, Arc::clone(&shared.starting));
        let thread = thread::Builder::new()
            .name("fanfare-shards".to_owned())
            .spawn(move || work.run(runtime, starts, checkpoint))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Resolves when every group that can has taken up its work: alone, when it leads and has applied all that was
    /// committed before. Commands that are proposed before wait.
    pub fn ready(&self) -> Promise<()> {
        let mut starting = self.shared.starting.0.lock();
        if starting.0 {
            return Promise::ready(Ok(()));
        }
        let (ticket, ready) = Promise::pending();
        starting.1.push(ticket);
        ready
    }

    /// The meta group.
    #[must_use]
    pub fn meta(&self) -> MetaGroup {
        MetaGroup { group: Arc::clone(&self.shared.meta), is_alone: self.shared.is_alone }
    }

    /// The state machine of a group has made everything up to an entry durable: the log may let go of it.
    pub fn stored(&self, group: GroupId, index: u64) {
        if let Some(group) = self.shared.group(group) {
            group.set_stored(index);
            self.shared.stored.notify_one();
        }
    }

    /// How a group is; `None` when there is no such group.
    #[must_use]
    pub fn health(&self, group: GroupId) -> Option<Health> {
        let group = self.shared.group(group)?;
        if let Some(why) = group.failed() {
            return Some(Health::Failed(why));
        }
        let Some(raft) = group.raft().filter(|_| group.is_ready()) else {
            return Some(Health::Starting);
        };
        let metrics = raft.metrics();
        let now = metrics.borrow_watched();
        Some(if now.state.is_leader() { Health::Leads } else { Health::Follows { leader: now.current_leader } })
    }

    /// Answers what another node asks of a group of this one. Requests of one group from one node are to be handed over
    /// in the order in which they came.
    pub fn serve(&self, group: GroupId, request: PeerRequest) -> Promise<PeerReply> {
        let Some(group) = self.shared.group(group).filter(|_| !self.shared.inbox.is_closed()) else {
            return Promise::ready(Ok(PeerReply::unable()));
        };
        let (ticket, reply) = Promise::pending();
        let group = Arc::clone(group);
        self.shared.runtime.spawn(async move { ticket.answer(Ok(serve(&group, request).await)) });
        reply
    }

    /// Takes nothing more, applies and answers what was accepted, and returns when the thread has ended. Blocks for as
    /// long as that takes, which is bounded. Called from the thread itself, it only begins the end.
    pub fn shutdown(&self) {
        self.shared.inbox.close();
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        if thread.thread().id() == thread::current().id() {
            return;
        }
        if thread.join().is_err() {
            tracing::error!("the thread of the groups ended in a panic");
        }
    }
}

/// Alone, the thread writes the log itself once it has nothing else to do: no one else has to be heard meanwhile, all groups
/// share the sync, what arrives during it shares the next, and a lone command changes threads two times less. With others,
/// entries travel while the log's own thread syncs.
fn runtime(log: &Arc<dyn LogEngine>, is_alone: bool) -> io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Two for what snapshots read and write; everything else runs on the one thread.
    builder.enable_time().max_blocking_threads(2).thread_name("fanfare-snapshots");
    if is_alone {
        log.attend(true);
        // Handles of the runtime, and what runs on its thread, outlive the groups, and the log must not be open for them.
        let log = Arc::downgrade(log);
        builder.on_thread_park(move || {
            if let Some(log) = log.upgrade() {
                log.write();
            }
        });
    }
    builder.build()
}

#[cfg(test)]
impl RaftShards {
    /// What the tests look into.
    pub(super) fn group(&self, id: GroupId) -> &Group {
        self.shared.group(id).expect("a test knows its groups")
    }
}

impl Drop for RaftShards {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.shards.iter().chain([&self.meta])
    }

    fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        if id == GroupId::META { Some(&self.meta) } else { self.shards.get(id.0 as usize) }
    }

    fn shard(&self, shard: ShardId) -> Option<&Arc<Group>> {
        self.shards.get(shard.index())
    }
}

impl Shards for RaftShards {
    fn shard_count(&self) -> ShardCount {
        self.shared.shard_count
    }

    fn propose_for(&self, shard: ShardId, command: Bytes, ticket: Ticket<Bytes>) {
        match self.shared.shard(shard) {
            Some(group) => group.propose_for(command, ticket),
            None => ticket.answer(Err(Unavailable::Stopped)),
        }
    }

    fn read_barrier(&self, shard: ShardId) -> ReadBarrier {
        match self.shared.shard(shard) {
            Some(group) => group.read_barrier(self.shared.is_alone),
            None => Promise::ready(Err(Unavailable::Stopped)),
        }
    }

    fn shard_ms(&self, shard: ShardId) -> u64 {
        self.shared.shard(shard).map_or(0, |group| group.shard_ms())
    }
}

impl MetaGroup {
    /// As [`Shards::propose`]; not refused for the backlog of the shards.
    pub fn propose(&self, command: Bytes) -> Proposal {
        let (ticket, proposal) = Promise::pending();
        self.group.propose_for(command, ticket);
        proposal
    }

    /// As [`Shards::read_barrier`].
    pub fn read_barrier(&self) -> ReadBarrier {
        self.group.read_barrier(self.is_alone)
    }

    /// As [`Shards::shard_ms`].
    #[must_use]
    pub fn shard_ms(&self) -> u64 {
        self.group.shard_ms()
    }
}
