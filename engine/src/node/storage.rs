//! What a node keeps on its disk, opened in the order in which each part needs the one before: the directory, the
//! write-ahead log, the store of the shards, the tables of the meta group, and the groups over all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanfare_cluster::log::{FileLog, FileLogSettings, GroupId, LogEngine, LogFault, SyncMode};
use fanfare_cluster::meta::{Meta, MetaMachine, MetaReader, Proposer};
use fanfare_cluster::{
    Backlog, BatcherLimits, MetaGroup, Proposal, RaftParts, RaftSettings, RaftShards, ReadBarrier, ShardCount, ShardId,
    StateFault, SystemClock,
};

use super::StartError;
use crate::config::{Config, Fsync};
use crate::log::{CommittedSink, ShardStorage, SharedLog};
use crate::store::{
    DataDir, NascentStore, StateStore, StoreError, StoreSettings, WindowSettings, WriteBehind, Written,
};

/// See the module.
pub(super) struct Storage {
    pub(super) data_dir: DataDir,
    pub(super) wal: Arc<FileLog>,
    store: Store,
    meta: MetaMachine,
    meta_reader: MetaReader,
    shards: Vec<Option<Arc<dyn ShardStorage>>>,
    backlog: Backlog,
}

/// The store of the shards.
enum Store {
    There(Arc<StateStore>),
    /// Of a new node: made while the groups begin. Nothing can be read from it before.
    Nascent(NascentStore),
}

/// The groups, and what writes behind them.
pub(super) struct Running {
    pub(super) raft: Arc<RaftShards>,
    pub(super) meta: Meta,
    pub(super) write_behind: WriteBehind,
}

impl Storage {
    /// Opens what is there, or makes it. Blocks.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let data_dir = DataDir::open(Path::new(&config.storage.data_dir))?;
        // The log is made first and is never removed: without it, what was acknowledged last would be lost in silence.
        let is_new = !data_dir.wal().exists();
        if is_new && data_dir.state().exists() {
            return Err(LogFault::MissingSegment { path: data_dir.wal() }.into());
        }
        let wal = FileLog::open(&data_dir.wal(), log_settings(config))?;
        let count = shard_count(&data_dir);
        let store = Store::open(data_dir.state(), count, is_new)?;
        let meta = MetaMachine::open(data_dir.path())?;
        let shards = store.shards(count);
        let meta_reader = meta.reader();
        Ok(Self { data_dir, wal: Arc::new(wal), store, meta, meta_reader, shards, backlog: Backlog::default() })
    }

    pub(super) fn shard_count(&self) -> ShardCount {
        shard_count(&self.data_dir)
    }

    /// By number.
    pub(super) fn shards(&self) -> &[Option<Arc<dyn ShardStorage>>] {
        &self.shards
    }

    /// Prepares what writes behind the shards of a log.
    pub(super) fn write_behind(&self, log: &Arc<SharedLog>, config: &Config) -> WriteBehind {
        let settings = WindowSettings {
            window_ms: config.storage.window_ms,
            window_bytes_max: config.storage.window_bytes_max,
            hot_bytes_max: config.storage.memory_bytes_max,
        };
        WriteBehind::new(Arc::clone(log), settings, self.backlog.clone())
    }

    /// Starts the groups; what they commit goes to the sink of each shard. Resolves when they serve.
    pub(super) async fn run(
        self,
        log: &Arc<SharedLog>,
        config: &Config,
        write_behind: WriteBehind,
        sink: impl Fn(ShardId) -> CommittedSink,
    ) -> Result<(Running, DataDir, Arc<FileLog>), StartError> {
        let Self { data_dir, wal, store, meta, meta_reader, shards, backlog } = self;
        let count = shard_count(&data_dir);
        let mut meta = Some(meta);
        let mut machine = |group: GroupId| -> Result<Box<dyn fanfare_cluster::StateMachine>, StateFault> {
            let shard = ShardId::new(group.0, count).filter(|_| group != GroupId::META);
            match (shard, &mut meta) {
                (Some(shard), _) => {
                    let storage = shards.get(shard.index()).cloned().flatten();
                    let storage = storage.ok_or_else(|| StateFault("it cannot be opened, see above".into()))?;
                    Ok(log.machine(shard, storage, sink(shard)))
                }
                (None, meta) => {
                    let meta = meta.take().ok_or_else(|| StateFault("there is no such group".into()))?;
                    Ok(Box::new(meta))
                }
            }
        };
        let settings = RaftSettings {
            node: data_dir.identity().node,
            batcher: BatcherLimits {
                waiting_commands_max: config.limits.shard_commands_max,
                ..BatcherLimits::default()
            },
            ..RaftSettings::alone(count)
        };
        let parts = RaftParts {
            log: Arc::clone(&wal) as Arc<dyn LogEngine>,
            clock: Arc::new(SystemClock::default()),
            backlog,
            peers: None,
        };
        let raft = Arc::new(RaftShards::start(&settings, parts, &mut machine)?);
        let meta = Meta::new(Arc::new(MetaProposer(raft.meta())), meta_reader.clone());
        let told = Arc::downgrade(&raft);
        let on_stored = Box::new(move |written: &[Written]| {
            let Some(raft) = told.upgrade() else { return Ok(()) };
            for written in written {
                raft.stored(GroupId(written.shard.get().into()), written.index);
            }
            // Its own changes are stored at once; this lets go of entries that changed nothing.
            let stored = meta_reader.store().map_err(|fault| StateFault(Box::new(fault)))?;
            raft.stored(GroupId::META, stored.index);
            Ok(())
        });
        match store {
            Store::There(store) => write_behind.start(store, count, on_stored)?,
            Store::Nascent(store) => write_behind.found(store, count, on_stored)?,
        }
        // A group that cannot take up its work has failed by then, and said why.
        let _ = raft.ready().await;
        Ok((Running { raft, meta, write_behind }, data_dir, wal))
    }
}

impl Store {
    fn open(dir: PathBuf, shards: ShardCount, is_new: bool) -> Result<Self, StoreError> {
        let settings = StoreSettings::default();
        if is_new {
            return Ok(Self::Nascent(NascentStore::new(dir, settings, shards)));
        }
        Ok(Self::There(Arc::new(StateStore::open(&dir, settings)?)))
    }

    fn shards(&self, count: ShardCount) -> Vec<Option<Arc<dyn ShardStorage>>> {
        match self {
            Self::There(store) => count.ids().map(|shard| open_shard(store, shard)).collect(),
            Self::Nascent(store) => store.shards().map(|shard| Some(Arc::new(shard) as _)).collect(),
        }
    }
}

/// One whose rows are damaged serves no one; that is no reason for the others not to serve.
fn open_shard(store: &StateStore, shard: ShardId) -> Option<Arc<dyn ShardStorage>> {
    match store.shard(shard) {
        Ok(storage) => Some(Arc::new(storage)),
        Err(fault) => {
            tracing::error!(%shard, %fault, "the shard serves no one: its store cannot be opened");
            None
        }
    }
}

fn shard_count(data_dir: &DataDir) -> ShardCount {
    ShardCount::new(data_dir.identity().shards).unwrap_or_default()
}

fn log_settings(config: &Config) -> FileLogSettings {
    let sync = match config.storage.fsync {
        Fsync::Always => SyncMode::Always,
        Fsync::Interval => SyncMode::Interval { interval_ms: config.storage.fsync_interval_ms },
        Fsync::Never => SyncMode::Never,
    };
    FileLogSettings { sync, ..FileLogSettings::default() }
}

/// The meta group, as its handle proposes to it.
struct MetaProposer(MetaGroup);

impl Proposer for MetaProposer {
    fn propose(&self, command: bytes::Bytes) -> Proposal {
        self.0.propose(command)
    }

    fn read_barrier(&self) -> ReadBarrier {
        self.0.read_barrier()
    }
}
