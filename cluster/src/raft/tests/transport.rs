//! Several nodes in one process, and ways between them that can be cut.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use super::breakable_log::BreakableLog;
use super::*;

/// The ways between the nodes. What goes over them is bytes.
#[derive(Default)]
pub(super) struct Net {
    nodes: Mutex<BTreeMap<u64, Arc<RaftShards>>>,
    cut: Mutex<BTreeSet<(u64, u64)>>,
}

struct Way {
    net: Arc<Net>,
    from: u64,
}

impl Net {
    /// Nothing arrives any more, of requests and of replies.
    pub(super) fn cut(&self, from: u64, to: u64) {
        self.cut.lock().insert((from, to));
    }

    pub(super) fn isolate(&self, node: u64) {
        for other in (1..=3).filter(|other| *other != node) {
            self.cut(node, other);
            self.cut(other, node);
        }
    }

    pub(super) fn heal(&self) {
        self.cut.lock().clear();
    }

    fn is_cut(&self, from: u64, to: u64) -> bool {
        self.cut.lock().contains(&(from, to))
    }
}

impl Peers for Way {
    fn call(&self, to: u64, group: GroupId, request: PeerRequest, _: Duration) -> PeerCall {
        let (net, from, request) = (Arc::clone(&self.net), self.from, request.encode());
        // Heard at the moment of the call, so that the order of calls is kept.
        let node = net.nodes.lock().get(&to).filter(|_| !net.is_cut(from, to)).cloned();
        let reply = node.map(|node| node.serve(group, PeerRequest::decode(request).unwrap()));
        Box::pin(async move {
            let unreachable = Unreachable { node: to };
            let reply = reply.ok_or(unreachable)?.await.map_err(|_| unreachable)?.encode();
            if net.is_cut(to, from) { Err(unreachable) } else { Ok(PeerReply::decode(reply).unwrap()) }
        })
    }
}

/// Three nodes with a replica of one shard and of the meta group each.
pub(super) struct Three {
    pub(super) net: Arc<Net>,
    places: BTreeMap<u64, Place>,
}

/// What survives a node.
pub(super) struct Place {
    pub(super) log: Arc<BreakableLog>,
    pub(super) disk: Disk,
}

impl Place {
    fn new() -> Self {
        Self { log: Arc::default(), disk: Disk::default() }
    }
}

pub(super) const SHARD: GroupId = GroupId(0);

impl Three {
    /// Node 1 founds the groups and leads them.
    pub(super) async fn start() -> Self {
        let net = Arc::new(Net::default());
        let mut three = Self { net, places: BTreeMap::new() };
        for node in [2, 3, 1] {
            three.places.insert(node, Place::new());
            three.begin(node).await;
        }
        three.led_by(1, SHARD).await;
        three.led_by(1, GroupId::META).await;
        three
    }

    pub(super) fn place(&self, node: u64) -> &Place {
        &self.places[&node]
    }

    pub(super) fn node(&self, node: u64) -> Arc<RaftShards> {
        Arc::clone(&self.net.nodes.lock()[&node])
    }

    /// Takes a node up where it was.
    pub(super) async fn begin(&self, node: u64) {
        soon(self.begin_to_begin(node).ready()).await.unwrap();
    }

    /// The same, and does not wait for it.
    pub(super) fn begin_to_begin(&self, node: u64) -> Arc<RaftShards> {
        let place = &self.places[&node];
        let settings = RaftSettings {
            node,
            founders: (node == 1).then(|| vec![1, 2, 3]),
            heartbeat_interval_ms: 150,
            ..RaftSettings::alone(ShardCount::new(1).unwrap())
        };
        let parts = RaftParts {
            log: place.log.clone(),
            clock: Arc::new(ManualClock::new(0)),
            backlog: Backlog::default(),
            peers: Some(Arc::new(Way { net: Arc::clone(&self.net), from: node })),
        };
        let shards = RaftShards::start(&settings, parts, &mut |group| place.disk.machine(group)).unwrap();
        let shards = Arc::new(shards);
        self.net.nodes.lock().insert(node, Arc::clone(&shards));
        shards
    }

    /// Ends a node; what its state machines did not save is lost.
    pub(super) fn kill(&self, node: u64) {
        let killed = self.net.nodes.lock().remove(&node);
        killed.expect("it runs").shutdown();
    }

    /// A node that ended has a new disk.
    pub(super) fn wipe(&mut self, node: u64) {
        self.places.insert(node, Place::new());
    }

    /// Resolves when a node leads a group and says so itself.
    pub(super) async fn led_by(&self, node: u64, group: GroupId) {
        let raft = self.node(node).group(group).raft().unwrap().clone();
        raft.wait(Some(HANGS)).current_leader(node, "leads").await.unwrap();
    }

    /// Resolves when any of the nodes leads, and tells which.
    pub(super) async fn led_by_one_of(&self, nodes: [u64; 2], group: GroupId) -> u64 {
        let raft = self.node(nodes[0]).group(group).raft().unwrap().clone();
        let leads = |leader: Option<u64>| leader.is_some_and(|leader| nodes.contains(&leader));
        let now = raft.wait(Some(HANGS)).metrics(|now| leads(now.current_leader), "one of them leads").await;
        let leader = now.unwrap().current_leader.unwrap();
        self.led_by(leader, group).await;
        leader
    }

    pub(super) async fn propose(&self, node: u64, command: &str) -> Result<Bytes, Unavailable> {
        soon(self.node(node).propose(ShardId::of("", ShardCount::new(1).unwrap()), text(command))).await
    }

    pub(super) async fn read(&self, node: u64) -> Result<u64, Unavailable> {
        soon(self.node(node).read_barrier(ShardId::of("", ShardCount::new(1).unwrap()))).await
    }

    /// Resolves when all nodes have applied what the first of them has, and checks that it is the same.
    pub(super) async fn agree(&self, nodes: &[u64]) -> Vec<String> {
        let first = self.place(nodes[0]).disk.file(SHARD);
        let index = first.position().index;
        for node in nodes {
            self.place(*node).disk.file(SHARD).applied(index).await;
        }
        let lines = first.lines();
        for node in nodes {
            assert_eq!(self.place(*node).disk.file(SHARD).lines(), lines, "node {node}");
        }
        lines
    }
}

impl Drop for Three {
    fn drop(&mut self) {
        // The nodes hold the ways, and the ways the nodes.
        let nodes = std::mem::take(&mut *self.net.nodes.lock());
        nodes.values().for_each(|node| node.shutdown());
    }
}
