//! A memory log that can be told to fail, to be slow, and to ask for space, as a file log does.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::*;
use crate::log::{Appended, GroupLog, LogEntry, LogFault, Purged};

#[derive(Default)]
pub(super) struct BreakableLog {
    log: MemoryLog,
    failing: Mutex<BTreeSet<GroupId>>,
    unreadable: Mutex<BTreeSet<GroupId>>,
    pins: Mutex<Vec<(GroupId, u64)>>,
    /// Appends of a group that wait for their sync.
    slow: Mutex<Option<(GroupId, Vec<Appended>)>>,
    changed: Notify,
}

impl BreakableLog {
    /// Whatever is written of the group from here on fails.
    pub(super) fn fail(&self, group: GroupId) {
        self.failing.lock().insert(group);
    }

    /// Nothing of the group can be read any more.
    pub(super) fn make_unreadable(&self, group: GroupId) {
        self.unreadable.lock().insert(group);
    }

    /// The group keeps the log from letting go of what is up to an index.
    pub(super) fn pin(&self, group: GroupId, index: u64) {
        self.pins.lock().push((group, index));
    }

    /// Entries of the group are not durable until [`BreakableLog::sync`].
    pub(super) fn slow_down(&self, group: GroupId) {
        *self.slow.lock() = Some((group, Vec::new()));
    }

    pub(super) fn sync(&self) {
        let waiting = self.slow.lock().take();
        waiting.into_iter().flat_map(|(_, waiting)| waiting).for_each(|done| done(Ok(())));
    }

    pub(super) fn unsynced(&self) -> usize {
        self.slow.lock().as_ref().map_or(0, |(_, waiting)| waiting.len())
    }

    /// Resolves when something holds that only changes with the log.
    pub(super) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(HANGS, waiting).await.expect("it comes to that");
    }

    pub(super) fn first(&self, group: GroupId) -> u64 {
        self.log.read(group, 0..u64::MAX, 1).unwrap()[0].index
    }

    pub(super) fn purged(&self, group: GroupId) -> Option<u64> {
        self.log.group(group).unwrap().purged.map(|purged| purged.index)
    }
}

fn broken(verb: &'static str) -> LogFault {
    LogFault::Io { verb, path: "a log".into(), source: Arc::new(io::Error::other("a planted fault")) }
}

impl LogEngine for BreakableLog {
    fn group(&self, group: GroupId) -> Result<GroupLog, LogFault> {
        if self.unreadable.lock().contains(&group) { Err(broken("read")) } else { self.log.group(group) }
    }

    fn append(&self, group: GroupId, entries: Vec<LogEntry>, done: Appended) {
        if self.failing.lock().contains(&group) {
            return done(Err(broken("sync")));
        }
        if let Some((slow, waiting)) = &mut *self.slow.lock()
            && *slow == group
        {
            waiting.push(done);
            self.log.append(group, entries, Box::new(|_| {}));
        } else {
            self.log.append(group, entries, done);
        }
        self.changed.notify_one();
    }

    fn save_vote(&self, group: GroupId, vote: Bytes, done: Appended) {
        if self.failing.lock().contains(&group) {
            return done(Err(broken("sync")));
        }
        self.log.save_vote(group, vote, done);
    }

    fn truncate_after(&self, group: GroupId, index: Option<u64>, done: Appended) {
        self.log.truncate_after(group, index, done);
    }

    fn purge(&self, group: GroupId, purged: Purged, done: Appended) {
        self.pins.lock().retain(|(pinning, index)| *pinning != group || *index > purged.index);
        self.log.purge(group, purged, done);
        self.changed.notify_one();
    }

    fn read(&self, group: GroupId, indexes: Range<u64>, bytes_max: usize) -> Result<Vec<LogEntry>, LogFault> {
        if self.unreadable.lock().contains(&group) {
            return Err(broken("read"));
        }
        self.log.read(group, indexes, bytes_max)
    }

    fn pinning(&self) -> Vec<(GroupId, u64)> {
        self.pins.lock().clone()
    }

    fn close(&self) -> Result<(), LogFault> {
        self.log.close()
    }
}
