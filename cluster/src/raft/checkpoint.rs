//! Lets go of the log below what is stored, when the log asks for it: a group whose oldest entries keep a segment is
//! marked and purged as far as it takes and no further, so that a node that was away for a moment still finds the log.
//! Groups that keep nothing cost nothing, however many they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::Notify;

use super::group::Group;
use crate::log::{GroupId, LogEngine};

/// How long a mark may take before the group is left for the next time: 10 s.
const MARK_DEADLINE: Duration = Duration::from_secs(10);

/// Looks after the log whenever more was stored.
pub(super) struct Checkpoint {
    pub(super) log: Arc<dyn LogEngine>,
    pub(super) groups: BTreeMap<GroupId, Arc<Group>>,
    pub(super) stored: Arc<Notify>,
}

impl Checkpoint {
    /// Runs for as long as the groups do.
    pub(super) async fn run(self) {
        loop {
            self.stored.notified().await;
            for (id, index) in self.log.pinning() {
                if let Some(group) = self.groups.get(&id) {
                    purge(group, index).await;
                }
            }
        }
    }
}

/// Purges the group up to an index if that much is stored and no other node is being sent a snapshot that stands below.
async fn purge(group: &Group, index: u64) {
    let index = group.views.oldest_index().map_or(index, |oldest| oldest.min(index));
    let Some(raft) = group.raft().filter(|_| group.failed().is_none() && group.stored() >= index) else {
        return;
    };
    let is_marked = |snapshot: Option<u64>| snapshot.is_some_and(|marked| marked >= index);
    if !is_marked(raft.metrics().borrow_watched().snapshot.as_ref().map(|id| id.index)) {
        // An error is the end of the group, which tells its own reason.
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
        let marked = raft.wait(Some(MARK_DEADLINE));
        let marked = marked.metrics(|now| is_marked(now.snapshot.as_ref().map(|id| id.index)), "marked").await;
        if let Err(fault) = marked {
            tracing::warn!(group = %group.id, %fault, "what is stored could not be marked in the log");
            return;
        }
    }
    let _ = raft.trigger().purge_log(index).await;
}
