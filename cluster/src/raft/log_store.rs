//! The consensus library's log of one group, in the log that all groups of the node share. A fault stops this group and
//! no other; what the log was not able to keep is never acknowledged.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures_util::{Stream, stream};
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::codec::{
    Malformed, entry_from_log, entry_to_log, log_id_from_bytes, log_id_of, log_id_to_bytes, vote_from_bytes,
    vote_to_bytes,
};
use super::consensus::{Consensus, LogId, RaftEntry, Vote};
use super::group::Group;
use super::state::applied_at;
use crate::log::{Appended, GroupId, LogEngine, LogFault, Purged};
use crate::shard::{Position, Unavailable};

/// Entries that are read at once to be applied: 4 MiB, so that a long replay costs neither its length in memory nor a
/// read for each entry.
const APPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Entries that are read at once for another node: 1 MiB, what a message between nodes carries.
const APPEND_BYTES_MAX: usize = 1024 * 1024;

/// The log of a group. Clones share it: the library reads from several tasks and writes from one.
#[derive(Clone)]
pub(super) struct LogStore {
    group: Arc<Group>,
    log: Arc<dyn LogEngine>,
    vote: Arc<Mutex<Option<Vote>>>,
}

/// Why the log of a group cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogStoreFault {
    #[error(transparent)]
    Log(#[from] LogFault),
    #[error("what was written of the group cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// The state has lost its end, or all of it, and the log was purged on the strength of it. A store that lost its last
    /// batch opens as if power had interrupted it, so this is the place where it shows.
    #[error(
        "{}, and its log was let go of up to entry {purged}: what is between is lost; restore the data directory from a \
         backup or let the other replicas replace this one",
        ending(*group, *stored)
    )]
    StateBehind { group: GroupId, stored: Option<u64>, purged: u64 },
}

fn ending(group: GroupId, stored: Option<u64>) -> String {
    let whose = if group == GroupId::META { "the meta group".to_owned() } else { format!("shard `{group}`") };
    match stored {
        Some(index) => format!("the state of {whose} ends at entry {index}"),
        None => format!("nothing is stored of {whose}"),
    }
}

impl From<LogStoreFault> for io::Error {
    fn from(fault: LogStoreFault) -> Self {
        Self::other(fault)
    }
}

impl LogStore {
    /// Takes up what the log holds of the group, whose state stands at `stored`.
    pub(super) fn open(group: Arc<Group>, log: Arc<dyn LogEngine>, stored: &Position) -> Result<Self, LogStoreFault> {
        let held = log.group(group.id)?;
        let stored = applied_at(stored).map(|id| id.index);
        if let Some(Purged { index: purged, .. }) = held.purged
            && stored < Some(purged)
        {
            return Err(LogStoreFault::StateBehind { group: group.id, stored, purged });
        }
        let vote = held.vote.map(vote_from_bytes).transpose()?;
        Ok(Self { group, log, vote: Arc::new(Mutex::new(vote)) })
    }

    fn read(&self, indexes: Range<u64>, bytes_max: usize) -> io::Result<Vec<RaftEntry>> {
        let read = || -> Result<Vec<RaftEntry>, LogStoreFault> {
            let entries = self.log.read(self.group.id, indexes, bytes_max)?;
            Ok(entries.into_iter().map(entry_from_log).collect::<Result<_, _>>()?)
        };
        read().map_err(|fault| self.fail(fault))
    }

    fn state(&self) -> Result<LogState<Consensus>, LogStoreFault> {
        let held = self.log.group(self.group.id)?;
        let purged = held.purged.map(|purged| log_id_from_bytes(purged.id)).transpose()?;
        let last = held.last.map(|entry| log_id_of(&entry)).transpose()?;
        Ok(LogState { last_log_id: last.or(purged), last_purged_log_id: purged })
    }

    fn fail(&self, fault: LogStoreFault) -> io::Error {
        self.group.fail(Unavailable::StorageFault, &fault);
        fault.into()
    }

    /// For calls whose outcome nobody waits for: what follows in the log is not durable before they are.
    fn unless_failed(&self) -> Appended {
        let group = Arc::clone(&self.group);
        Box::new(move |outcome| {
            if let Err(fault) = outcome {
                stop(&group, &fault);
            }
        })
    }

    /// The entries above `next` and below `end`, a piece at a time.
    async fn next_piece(&self, next: u64, end: u64) -> io::Result<VecDeque<RaftEntry>> {
        let piece = self.read(next..end, APPLY_BYTES_MAX)?;
        let is_missing = match piece.first() {
            Some(first) => first.log_id.index != next,
            None => {
                let last = self.state().map_err(|fault| self.fail(fault))?.last_log_id;
                last.is_some_and(|last| last.index >= next)
            }
        };
        if is_missing {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("entry {next} is missing in the log")));
        }
        Ok(piece.into())
    }
}

fn stop(group: &Group, fault: &LogFault) {
    group.fail(Unavailable::StorageFault, fault);
}

impl RaftLogReader<Consensus> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<RaftEntry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(indexes(&range), usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<RaftEntry>> {
        self.read(start..end, APPEND_BYTES_MAX)
    }

    /// What is committed and goes to the state machine: in pieces, so that a replay of any length has its bound.
    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = io::Result<RaftEntry>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let Range { start, end } = indexes(&range);
        let store = self.clone();
        let reading = (VecDeque::new(), start);
        Box::pin(stream::unfold(reading, move |(mut piece, mut next)| {
            let store = store.clone();
            async move {
                if piece.is_empty() && next < end {
                    if next > start {
                        // Other groups are served between two pieces.
                        tokio::task::yield_now().await;
                    }
                    piece = match store.next_piece(next, end).await {
                        Ok(piece) => piece,
                        Err(fault) => return Some((Err(fault), (VecDeque::new(), end))),
                    };
                }
                let entry: RaftEntry = piece.pop_front()?;
                next = entry.log_id.index + 1;
                Some((Ok(entry), (piece, next)))
            }
        }))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(*self.vote.lock())
    }
}

impl RaftLogStorage<Consensus> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Consensus>> {
        self.state().map_err(|fault| self.fail(fault))
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    /// Returns when it is durable.
    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (done, saved) = oneshot::channel();
        let saving = Box::new(move |outcome| {
            // Nobody waits when the group has ended meanwhile.
            let _ = done.send(outcome);
        });
        self.log.save_vote(self.group.id, vote_to_bytes(vote), saving);
        saved.await.unwrap_or(Err(LogFault::Closed)).map_err(|fault| self.fail(fault.into()))?;
        *self.vote.lock() = Some(*vote);
        Ok(())
    }

    fn append<I>(&mut self, entries: I, flushed: IOFlushed<Consensus>) -> impl Future<Output = io::Result<()>> + Send
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(|entry| entry_to_log(&entry)).collect();
        let group = Arc::clone(&self.group);
        let done: Appended = Box::new(move |outcome| {
            if let Err(fault) = &outcome {
                stop(&group, fault);
            }
            flushed.io_completed(outcome.map_err(io::Error::other));
        });
        self.log.append(self.group.id, entries, done);
        std::future::ready(Ok(()))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.log.truncate_after(self.group.id, last.map(|last| last.index), self.unless_failed());
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let purged = Purged { index: upto.index, id: log_id_to_bytes(&upto) };
        self.log.purge(self.group.id, purged, self.unless_failed());
        Ok(())
    }
}

fn indexes(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end.max(start)
}
