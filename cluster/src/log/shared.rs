//! Between the callers and the writer: what waits, what can be read, and whether the log is open.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::disk::DiskFile;
use super::engine::{Appended, GroupId};
use super::fault::LogFault;
use super::groups::Groups;
use super::item::{Call, Item};
use super::record::Seed;

/// Held by the log, its writer and whoever reads.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    work: Condvar,
    closing: Condvar,
    /// Bytes of records that were called and are not done.
    pub(super) waiting_bytes: AtomicUsize,
    /// The writer has something to write and no space for it.
    pub(super) is_stuck: AtomicBool,
    /// Callers write what they call: no call wakes the thread.
    is_attended: AtomicBool,
    pub(super) figures: Figures,
}

/// What has been done so far.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) drains: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) segments: AtomicU64,
    pub(super) segments_bytes: AtomicU64,
}

/// Behind the lock.
pub(super) struct State {
    pub(super) groups: Groups,
    pub(super) queue: VecDeque<Item>,
    pub(super) readable: BTreeMap<u64, Readable>,
    pub(super) phase: Phase,
    /// The thread is to look at the log, whatever waits.
    rung: bool,
}

/// A segment that entries can be read from.
#[derive(Debug, Clone)]
pub(super) struct Readable {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) seed: Seed,
}

/// Whether calls are taken.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Open,
    /// Nothing is acknowledged any more.
    Failed(LogFault),
    /// The same, and the writer is gone: nobody takes what waits.
    Abandoned(LogFault),
    /// What was called before is still written.
    Closing,
    Closed,
}

/// Why the writer woke up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Work,
    /// Something waits, and callers are about to write it.
    Attended,
    Timeout,
    Closing,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("waiting", &self.queue.len()).field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl State {
    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    /// Whether reads are answered.
    pub(super) fn is_readable(&self) -> Result<(), LogFault> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Failed(fault) | Phase::Abandoned(fault) => Err(fault.clone()),
            Phase::Closing | Phase::Closed => Err(LogFault::Closed),
        }
    }
}

impl Shared {
    pub(super) fn new(groups: Groups, readable: BTreeMap<u64, Readable>) -> Self {
        Self {
            state: Mutex::new(State { groups, queue: VecDeque::new(), readable, phase: Phase::Open, rung: false }),
            work: Condvar::new(),
            closing: Condvar::new(),
            waiting_bytes: AtomicUsize::new(0),
            is_stuck: AtomicBool::new(false),
            is_attended: AtomicBool::new(false),
            figures: Figures::default(),
        }
    }

    /// Takes a call in. `change` makes it readable and says what is to be recorded; the callback goes with the last of
    /// it. Refusals wait for their turn like everything else.
    pub(super) fn call(
        &self,
        group: GroupId,
        done: Appended,
        change: impl FnOnce(&mut Groups) -> Result<Vec<(u64, Call)>, LogFault>,
    ) {
        let mut state = self.state.lock();
        let changed = match &state.phase {
            Phase::Open => change(&mut state.groups),
            Phase::Failed(fault) => Err(fault.clone()),
            Phase::Closing => Err(LogFault::Closed),
            Phase::Abandoned(fault) => {
                let fault = fault.clone();
                drop(state);
                return done(Err(fault));
            }
            Phase::Closed => {
                drop(state);
                return done(Err(LogFault::Closed));
            }
        };
        let mut calls = changed.unwrap_or_else(|fault| vec![(0, Call::Refused(fault))]);
        let last = calls.pop().unwrap_or((0, Call::Nothing));
        let mut bytes = 0;
        for (turn, call) in calls {
            let item = Item { group, turn, call, done: None };
            bytes += item.record_bytes();
            state.queue.push_back(item);
        }
        let item = Item { group, turn: last.0, call: last.1, done: Some(done) };
        bytes += item.record_bytes();
        state.queue.push_back(item);
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        drop(state);
        if !self.is_attended.load(Ordering::Relaxed) {
            self.work.notify_one();
        }
    }

    /// Whether callers write what they call. What was called while they did and is not written is left to the thread.
    pub(super) fn attend(&self, attended: bool) {
        self.is_attended.store(attended, Ordering::Relaxed);
        // Whom nothing is left to need not come, and would take what the callers are about to write.
        if !attended {
            self.ring();
        }
    }

    /// Has the thread look at the log.
    pub(super) fn ring(&self) {
        self.state.lock().rung = true;
        self.work.notify_one();
    }

    /// Waits until something was called that the caller does not write, the bell is rung, the log is closed, or so long; may
    /// wake for nothing, like time that is over.
    pub(super) fn wait(&self, at_most: Option<Duration>) -> Wake {
        let mut state = self.state.lock();
        let is_attended = || self.is_attended.load(Ordering::Relaxed);
        let is_left_to_thread = !state.queue.is_empty() && !is_attended();
        if !is_left_to_thread && !state.rung && !state.is_closing() {
            match at_most {
                Some(at_most) => drop(self.work.wait_for(&mut state, at_most)),
                None => self.work.wait(&mut state),
            }
        }
        state.rung = false;
        match (state.is_closing(), state.queue.is_empty()) {
            (true, _) => Wake::Closing,
            (false, true) => Wake::Timeout,
            (false, false) if is_attended() => Wake::Attended,
            (false, false) => Wake::Work,
        }
    }

    /// Waits until the log is closed, or so long, whatever is called. `true`: it is closed.
    pub(super) fn rest(&self, at_most: Duration) -> bool {
        let mut state = self.state.lock();
        while !state.is_closing() && !self.closing.wait_for(&mut state, at_most).timed_out() {}
        state.is_closing()
    }

    /// Takes the oldest that waits, as far as `bytes_max`, at least one.
    pub(super) fn take(&self, bytes_max: usize, into: &mut VecDeque<Item>) {
        let queue = &mut self.state.lock().queue;
        let mut bytes = 0;
        while let Some(item) = queue.front() {
            bytes += item.record_bytes();
            if bytes > bytes_max && !into.is_empty() {
                return;
            }
            into.extend(queue.pop_front());
        }
    }

    /// From here on everything fails, what waits included.
    pub(super) fn fail(&self, fault: &LogFault) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Failed(fault.clone());
        }
    }

    /// From here on everything fails at once: the writer is gone.
    pub(super) fn give_up(&self, fault: &LogFault) {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Closed) {
            state.phase = Phase::Abandoned(fault.clone());
        }
    }

    /// Calls are refused from here on; `Err` with what failed before, `Ok(false)` if that was so already.
    pub(super) fn close(&self) -> Result<bool, LogFault> {
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.phase, Phase::Closing);
        let outcome = match before {
            Phase::Open => Ok(true),
            Phase::Failed(fault) | Phase::Abandoned(fault) => Err(fault),
            Phase::Closing => Ok(false),
            Phase::Closed => {
                state.phase = Phase::Closed;
                Ok(false)
            }
        };
        drop(state);
        self.work.notify_all();
        self.closing.notify_all();
        outcome
    }
}
