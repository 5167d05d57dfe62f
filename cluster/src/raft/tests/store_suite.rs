//! The consensus library's own suite for stores, on every log that there is.

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::log::{FileLog, FileLogSettings};
use crate::raft::consensus::Consensus;
use crate::raft::group::Group;
use crate::raft::inbox::Inbox;
use crate::raft::log_store::LogStore;
use crate::raft::state::State;

/// Makes an empty store for each check; the guard is whatever must outlive it.
struct Stores<F>(F);

impl<F, G> StoreBuilder<Consensus, LogStore, State, G> for Stores<F>
where
    F: Fn() -> (G, Arc<dyn LogEngine>) + Send + Sync,
    G: Send,
{
    async fn build(&self) -> Result<(G, LogStore, State), StorageError<Consensus>> {
        let (guard, log) = (self.0)();
        let settings = RaftSettings::alone(shard_count());
        let (inbox, clock) = (Arc::new(Inbox::default()), Arc::new(ManualClock::new(0)));
        let group = Arc::new(Group::new(GroupId(0), &settings, inbox, clock, Backlog::default()));
        let disk = Disk::eager();
        let state = State::open(Arc::clone(&group), disk.machine(GroupId(0)).unwrap()).unwrap();
        let log = LogStore::open(group, log, state.position()).unwrap();
        Ok((guard, log, state))
    }
}

#[tokio::test(start_paused = true)]
async fn the_memory_log_keeps_the_librarys_contract() {
    let memory = Stores(|| ((), Arc::new(MemoryLog::new()) as Arc<dyn LogEngine>));
    Suite::test_all(memory).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_file_log_keeps_the_librarys_contract() {
    let files = Stores(|| {
        let folder = Folder::new();
        let settings = FileLogSettings { segment_bytes: 1024 * 1024, ..FileLogSettings::default() };
        let log = FileLog::open(&folder.0, settings).unwrap();
        (folder, Arc::new(log) as Arc<dyn LogEngine>)
    });
    Suite::test_all(files).await.unwrap();
}

/// A folder for one log.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fanfare-store-suite-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays does no harm to the next run.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
