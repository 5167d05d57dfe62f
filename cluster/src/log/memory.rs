//! The log without a disk: for tests, for the simulator's fast runs, and as the model that the file log is held against.
//! Forgets everything when it is dropped; bounded only by what its groups purge.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::engine::{Appended, GroupId, GroupLog, LogEngine, LogEntry, Purged};
use super::fault::LogFault;

/// Logs of groups in memory. Callbacks are called before the call returns, on the caller's thread, with no lock held.
#[derive(Debug, Default)]
pub struct MemoryLog {
    groups: Arc<Mutex<BTreeMap<GroupId, Held>>>,
    is_closed: Mutex<bool>,
}

#[derive(Debug, Default)]
struct Held {
    vote: Option<Bytes>,
    purged: Option<Purged>,
    entries: VecDeque<LogEntry>,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same content behind a log that is open: what a restart is to the file log.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self { groups: Arc::clone(&self.groups), is_closed: Mutex::new(false) }
    }

    fn change(&self, group: GroupId, done: Appended, change: impl FnOnce(&mut Held) -> Result<(), LogFault>) {
        let outcome = match *self.is_closed.lock() {
            true => Err(LogFault::Closed),
            false => change(self.groups.lock().entry(group).or_default()),
        };
        done(outcome);
    }

    fn look<T>(&self, group: GroupId, look: impl FnOnce(&Held) -> T) -> Result<T, LogFault> {
        if *self.is_closed.lock() {
            return Err(LogFault::Closed);
        }
        Ok(look(self.groups.lock().entry(group).or_default()))
    }
}

impl LogEngine for MemoryLog {
    fn group(&self, group: GroupId) -> Result<GroupLog, LogFault> {
        self.look(group, |held| GroupLog {
            vote: held.vote.clone(),
            purged: held.purged.clone(),
            last: held.entries.back().cloned(),
        })
    }

    fn append(&self, group: GroupId, entries: Vec<LogEntry>, done: Appended) {
        self.change(group, done, |held| {
            let mut next = held.next();
            for entry in &entries {
                match next {
                    Some(expected) if expected != entry.index => {
                        return Err(LogFault::OutOfOrder { group, expected, found: entry.index });
                    }
                    _ => next = Some(entry.index + 1),
                }
            }
            held.entries.extend(entries);
            Ok(())
        });
    }

    fn save_vote(&self, group: GroupId, vote: Bytes, done: Appended) {
        self.change(group, done, |held| {
            held.vote = Some(vote);
            Ok(())
        });
    }

    fn truncate_after(&self, group: GroupId, index: Option<u64>, done: Appended) {
        self.change(group, done, |held| {
            while held.entries.back().is_some_and(|last| index.is_none_or(|index| last.index > index)) {
                held.entries.pop_back();
            }
            Ok(())
        });
    }

    fn purge(&self, group: GroupId, purged: Purged, done: Appended) {
        self.change(group, done, |held| {
            if held.purged.as_ref().is_some_and(|before| before.index >= purged.index) {
                return Ok(());
            }
            while held.entries.front().is_some_and(|first| first.index <= purged.index) {
                held.entries.pop_front();
            }
            held.purged = Some(purged);
            Ok(())
        });
    }

    fn read(&self, group: GroupId, indexes: Range<u64>, bytes_max: usize) -> Result<Vec<LogEntry>, LogFault> {
        self.look(group, |held| {
            let mut bytes = 0_usize;
            let within = held.entries.iter().skip_while(|entry| entry.index < indexes.start);
            within
                .take_while(|entry| entry.index < indexes.end)
                .take_while(|entry| {
                    let is_first = bytes == 0;
                    bytes = bytes.saturating_add(entry.bytes.len().max(1));
                    is_first || bytes <= bytes_max
                })
                .cloned()
                .collect()
        })
    }

    fn pinning(&self) -> Vec<(GroupId, u64)> {
        Vec::new()
    }

    fn close(&self) -> Result<(), LogFault> {
        *self.is_closed.lock() = true;
        Ok(())
    }
}

impl Held {
    /// The only index that may come next; any, in a group that never held one.
    fn next(&self) -> Option<u64> {
        let last = self.entries.back().map(|last| last.index);
        last.or(self.purged.as_ref().map(|purged| purged.index)).map(|last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[test]
    fn the_memory_log_keeps_the_contract() {
        contract::holds(|| {
            let origin = MemoryLog::new();
            Box::new(move || Arc::new(origin.reopen()))
        });
    }
}
