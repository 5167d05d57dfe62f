//! One replica of the shard: what a node opens on its disk and runs over it, as `engine/src/node` does, and beside it the
//! links to the other replicas. No gateway, no sessions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use fanfare_cluster::log::{FileLog, FileLogSettings, GroupId, LogEngine};
use fanfare_cluster::meta::MetaMachine;
use fanfare_cluster::raft::Peers;
use fanfare_cluster::{
    Backlog, Health, RaftParts, RaftSettings, RaftShards, ReadBarrier, ShardCount, ShardId, Shards as _, StateFault,
    SystemClock,
};
use fanfare_engine::log::{CommittedSink, Policies, ShardStorage, SharedLog};
use fanfare_engine::store::{
    Claim, DataDir, FORMAT, Identity, ShardStore, StateStore, StoreSettings, WindowSettings, WriteBehind, Written,
};
use fanfare_protocol::TopicName;
use tokio::runtime::Handle;

use crate::bounds::MIB;
use crate::content::Plan;
use crate::{door, links::Links};

/// All replicas; the first founds the group.
pub const NODES: [u64; 3] = [1, 2, 3];

/// The group of the one shard.
pub const SHARD: GroupId = GroupId(0);

/// As of a node by default: `storage.window_ms`, `storage.window_bytes_max` and `storage.memory_bytes_max`.
const WINDOWS: WindowSettings =
    WindowSettings { window_ms: 1_000, window_bytes_max: 64 * MIB, hot_bytes_max: 256 * MIB };

/// See the module.
pub struct Replica {
    pub raft: Arc<RaftShards>,
    pub wal: Arc<FileLog>,
    pub storage: ShardStore,
    pub write_behind: WriteBehind,
    pub links: Arc<Links>,
    log: Arc<SharedLog>,
    _data_dir: DataDir,
}

/// The one shard.
pub fn shard() -> ShardId {
    ShardId::of("", count())
}

/// One.
pub fn count() -> ShardCount {
    ShardCount::new(1).expect("one shard is as few as there can be")
}

/// The directory of a node.
pub fn data_dir(dir: &Path, node: u64) -> PathBuf {
    dir.join(node.to_string())
}

impl Replica {
    /// Takes up what is in the directory of a node, or begins one. Returns when its groups have been taken up.
    pub fn start(node: u64, dir: &Path, plan: Plan) -> Result<Self> {
        let path = data_dir(dir, node);
        if !path.exists() {
            Claim::new(&path)?.finish(&Identity { format: FORMAT, node, shards: count().get() })?;
        }
        let data_dir = DataDir::open(&path)?;
        let log_settings = FileLogSettings { segment_bytes: plan.segment_bytes(), ..FileLogSettings::default() };
        let wal = Arc::new(FileLog::open(&data_dir.wal(), log_settings)?);
        let store = Arc::new(StateStore::open(&data_dir.state(), StoreSettings::default())?);
        let mut meta = Some(MetaMachine::open(data_dir.path())?);
        let meta_reader = meta.as_ref().map(MetaMachine::reader).context("it was opened")?;
        let storage = store.shard(shard())?;
        let shared: Arc<dyn ShardStorage> = Arc::new(storage.clone());
        let log = SharedLog::open(Arc::new(Policies::default()), &[Some(Arc::clone(&shared))], count());
        let backlog = Backlog::default();
        let write_behind = WriteBehind::new(Arc::clone(&log), WINDOWS, backlog.clone());
        let applied = write_behind.applied();
        let sink: CommittedSink = Arc::new(move |_| applied.tell());

        let runtime = runtime()?;
        let links = Arc::new(Links::new(node, dir, &runtime));
        let settings =
            RaftSettings { node, founders: (node == NODES[0]).then(|| NODES.to_vec()), ..RaftSettings::alone(count()) };
        let parts = RaftParts {
            log: Arc::clone(&wal) as Arc<dyn LogEngine>,
            clock: Arc::new(SystemClock::default()),
            backlog,
            peers: Some(Arc::clone(&links) as Arc<dyn Peers>),
        };
        let raft = RaftShards::start(&settings, parts, &mut |group| match group {
            SHARD => Ok(log.machine(shard(), Arc::clone(&shared), Arc::clone(&sink))),
            _ => {
                let meta = meta.take().ok_or_else(|| StateFault("there is no such group".into()))?;
                Ok(Box::new(meta))
            }
        })?;
        let raft = Arc::new(raft);
        let told = Arc::downgrade(&raft);
        write_behind.start(
            store,
            count(),
            Box::new(move |written: &[Written]| {
                let Some(raft) = told.upgrade() else { return Ok(()) };
                for written in written {
                    raft.stored(GroupId(written.shard.get().into()), written.index);
                }
                let stored = meta_reader.store().map_err(|fault| StateFault(Box::new(fault)))?;
                raft.stored(GroupId::META, stored.index);
                Ok(())
            }),
        )?;
        runtime.block_on(async {
            door::open(dir, node, Arc::clone(&raft))?;
            raft.ready().await.map_err(|why| anyhow!("{why}"))
        })?;
        Ok(Self { raft, wal, storage, write_behind, links, log, _data_dir: data_dir })
    }

    /// Whether it leads the shard.
    pub fn leads(&self) -> Result<bool> {
        match self.raft.health(SHARD) {
            Some(Health::Failed(why)) => Err(anyhow!("the shard has failed: {why}")),
            health => Ok(health == Some(Health::Leads)),
        }
    }

    /// Resolves when a majority says that it leads.
    pub fn barrier(&self) -> ReadBarrier {
        self.raft.read_barrier(shard())
    }

    /// The last entry that it has applied.
    pub fn applied(&self) -> Result<u64> {
        let (_, applied) = self.log.head_and_index(&TopicName::parse("none")?)?;
        Ok(applied)
    }

    /// Ends it as a node ends: what was accepted is applied and stored.
    pub fn end(self) -> Result<()> {
        self.raft.shutdown();
        self.write_behind.shutdown();
        Ok(self.wal.close()?)
    }
}

/// The thread of the links, which lives as long as the process.
fn runtime() -> Result<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("links".to_owned()).spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
