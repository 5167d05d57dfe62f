//! The thread of the groups: brings them up, hands on what waits for them, and ends when everything was answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::alias::WatchReceiverOf;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{Fatal, InitializeError, RaftError};
use openraft::metrics::RaftServerMetrics;
use openraft::{Config, EmptyNode, RaftMetrics};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::barrier;
use super::checkpoint::Checkpoint;
use super::consensus::{Consensus, Raft};
use super::group::Group;
use super::inbox::Inbox;
use super::log_store::LogStore;
use super::network::Ways;
use super::peers::Peers;
use super::settings::{RaftSettings, config};
use super::shards::Starting;
use super::state::State;
use crate::log::LogEngine;
use crate::shard::{StateFault, StateMachine, Unavailable};

/// How long accepted commands may take to end when the node shuts down: 10 s, many times what a full queue takes. A disk
/// that hangs, or a majority that is away, is not waited for any longer.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How long cores and snapshots may take to end after that: 5 s.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A group and its state machine, or why there is none.
pub(super) struct Start {
    pub(super) group: Arc<Group>,
    pub(super) machine: Result<Box<dyn StateMachine>, StateFault>,
}

/// What the thread works with.
pub(super) struct GroupThread {
    node: u64,
    founders: Option<BTreeMap<u64, EmptyNode>>,
    patience: Duration,
    config: Config,
    log: Arc<dyn LogEngine>,
    peers: Option<Arc<dyn Peers>>,
    inbox: Arc<Inbox>,
    starting: Arc<Starting>,
}

/// Why a group could not be brought up.
#[derive(Debug, thiserror::Error)]
enum NotUp {
    #[error("{0}")]
    Storage(String),
    #[error(transparent)]
    Fatal(#[from] Fatal<Consensus>),
    #[error(transparent)]
    Founding(#[from] RaftError<Consensus, InitializeError<Consensus>>),
    #[error(transparent)]
    Wait(#[from] openraft::metrics::WaitError),
    #[error("its members are {members:?} and this is node {node} by itself: start it with the nodes of its cluster")]
    NotAlone { node: u64, members: Vec<u64> },
}

impl NotUp {
    fn unavailable(&self) -> Unavailable {
        match self {
            Self::Storage(_) | Self::Fatal(Fatal::StorageError(_)) => Unavailable::StorageFault,
            Self::Fatal(_) | Self::Founding(_) | Self::Wait(_) | Self::NotAlone { .. } => Unavailable::Stopped,
        }
    }
}

impl GroupThread {
    pub(super) fn new(
        settings: &RaftSettings,
        log: Arc<dyn LogEngine>,
        peers: Option<Arc<dyn Peers>>,
        inbox: Arc<Inbox>,
        starting: Arc<Starting>,
    ) -> Self {
        let founders = if peers.is_none() { Some(vec![settings.node]) } else { settings.founders.clone() };
        Self {
            node: settings.node,
            founders: founders.map(|ids| ids.into_iter().map(|id| (id, EmptyNode {})).collect()),
            patience: Duration::from_millis(settings.leader_wait_max_ms),
            config: config(settings, peers.is_none()),
            log,
            peers,
            inbox,
            starting,
        }
    }

    /// Returns when everything has ended. Blocks.
    pub(super) fn run(self, runtime: Runtime, starts: Vec<Start>, checkpoint: Checkpoint) {
        let log = Arc::clone(&self.log);
        runtime.block_on(async move {
            let groups: Vec<_> = starts.iter().map(|start| Arc::clone(&start.group)).collect();
            let this = Arc::new(self);
            tokio::spawn(Arc::clone(&this).bring_all_up(starts));
            tokio::spawn(checkpoint.run());
            this.work(&groups).await;
            stop(&groups).await;
            this.starting.over();
        });
        runtime.shutdown_timeout(STOP_MAX);
        log.attend(false);
    }

    /// All groups at once, so that their votes and first entries share syncs.
    async fn bring_all_up(self: Arc<Self>, starts: Vec<Start>) {
        let mut groups = JoinSet::new();
        for start in starts {
            groups.spawn(Arc::clone(&self).bring_up(start));
        }
        while groups.join_next().await.is_some() {}
        self.starting.over();
    }

    async fn bring_up(self: Arc<Self>, start: Start) {
        let group = start.group;
        match self.take_up(&group, start.machine).await {
            Ok(()) => group.ready(self.peers.is_none()),
            // What has failed has said why; this is said when it has not.
            Err(not_up) => {
                let is_closed = self.inbox.is_closed();
                let why = if is_closed { Unavailable::ShuttingDown } else { not_up.unavailable() };
                group.fail(why, not_up);
            }
        }
    }

    async fn take_up(
        &self,
        group: &Arc<Group>,
        machine: Result<Box<dyn StateMachine>, StateFault>,
    ) -> Result<(), NotUp> {
        let machine = machine.map_err(|fault| NotUp::Storage(fault.to_string()))?;
        let state = State::open(Arc::clone(group), machine).map_err(|fault| NotUp::Storage(fault.to_string()))?;
        let log = LogStore::open(Arc::clone(group), Arc::clone(&self.log), state.position());
        let log = log.map_err(|fault| NotUp::Storage(fault.to_string()))?;
        let ways = Ways { group: Arc::clone(group), peers: self.peers.clone() };
        let raft = Raft::new(self.node, Arc::new(self.config.clone()), ways, log, state).await?;
        group.set_raft(raft.clone());
        tokio::spawn(watch(Arc::clone(group), raft.server_metrics()));
        let is_founded = raft.is_initialized().await?;
        let to_found = self.founders.clone().filter(|_| !is_founded);
        let is_elected = to_found.is_some();
        if let Some(founders) = to_found {
            raft.initialize(founders).await?;
        }
        if self.peers.is_none() {
            self.lead(&raft, is_elected).await?;
        }
        Ok(())
    }

    /// There is nobody to wait for: elects itself if founding has not. It leads and has applied what was committed when
    /// this returns.
    async fn lead(&self, raft: &Raft, is_elected: bool) -> Result<(), NotUp> {
        // Of the core itself: what it shows to others may still be of before the founding.
        let members = raft.with_raft_state(|state| state.membership_state.effective().voter_ids().collect::<Vec<_>>());
        let members = members.await?;
        if members != [self.node] {
            return Err(NotUp::NotAlone { node: self.node, members });
        }
        if !is_elected {
            raft.trigger().elect(false).await?;
        }
        let has_applied_all = |now: &RaftMetrics<Consensus>| {
            let applied = now.last_applied.as_ref();
            let is_of_this_term = applied.is_some_and(|applied| applied.leader_id.term == now.current_term);
            now.state.is_leader() && is_of_this_term && applied.map(|applied| applied.index) == now.last_log_index
        };
        raft.wait(None).metrics(has_applied_all, "leads and has applied what was committed").await?;
        Ok(())
    }

    /// Hands on what waits until the groups are told to end and everything that was accepted has.
    async fn work(&self, groups: &[Arc<Group>]) {
        let mut ready = Vec::new();
        let mut until = None;
        loop {
            self.inbox.take(&mut ready);
            for group in ready.drain(..) {
                self.hand_on(&group).await;
            }
            if !self.inbox.is_closed() {
                self.inbox.changed().await;
                continue;
            }
            let until = *until.get_or_insert_with(|| Instant::now() + DRAIN_MAX);
            if groups.iter().all(|group| group.is_empty()) {
                return;
            }
            if tokio::time::timeout_at(until, self.inbox.changed()).await.is_err() {
                tracing::error!("commands that had been accepted did not end in time and are given up");
                return;
            }
        }
    }

    async fn hand_on(&self, group: &Arc<Group>) {
        if self.peers.is_some() && group.is_ready() {
            barrier::ask(group, self.patience);
        }
        let Some(raft) = group.raft() else {
            return;
        };
        while let Some((commands, flight)) = group.take() {
            // When it has ended, the flight is dropped, and everyone on it is told why.
            if raft.client_write_ff(commands, Some(flight.responder())).await.is_err() {
                return;
            }
        }
    }
}

/// A core that ends by itself, for whatever reason, serves nobody any more: that is said also when nothing is in flight.
async fn watch(group: Arc<Group>, mut shown: WatchReceiverOf<Consensus, RaftServerMetrics<Consensus>>) {
    while shown.changed().await.is_ok() {}
    if !group.inbox.is_closed() {
        group.fail(Unavailable::Stopped, "its core has ended");
    }
}

/// Ends the cores, so that nothing is written any more when this returns.
async fn stop(groups: &[Arc<Group>]) {
    let mut cores = JoinSet::new();
    for group in groups {
        group.close(Unavailable::ShuttingDown);
        if let Some(raft) = group.raft().cloned() {
            cores.spawn(async move { raft.shutdown().await });
        }
    }
    let ended = async { while cores.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_MAX, ended).await.is_err() {
        tracing::error!("groups did not end in time");
    }
}
