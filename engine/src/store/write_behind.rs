//! Writes behind what the shards applied: once per window everything that changed, one batch a shard and one sync for
//! all, so that a store that costs microseconds a batch costs next to nothing a publication.
//!
//! One thread, `fanfare-store`. Who starts it: the node. Who stops it: [`WriteBehind::shutdown`], which writes a last
//! window. Nothing waits for it to acknowledge a publication: the write-ahead log has it. What is lost when the process
//! dies: nothing; what the last windows held is applied again from the log.
//!
//! Bounded: more than `window_bytes_max` applied and not stored begins the next window at once, twice as much holds the
//! [`Backlog`]: commands wait until the disk has caught up, and are told `OVERLOADED` when too many do. When the store fails,
//! nothing more is taken until the node was restarted: what cannot be stored would pile up.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fanfare_cluster::{Backlog, Promise, ShardCount, ShardId, StateFault, Ticket, Unavailable};
use parking_lot::{Condvar, Mutex};

use super::nascent::NascentStore;
use super::state::StateStore;
use crate::log::SharedLog;
use crate::log::rows::Window;

/// How often, and how much.
#[derive(Debug, Clone, Copy)]
pub struct WindowSettings {
    /// Between the first change and its window.
    pub window_ms: u64,
    /// Applied and not stored: more of it does not wait for the time to pass.
    pub window_bytes_max: u64,
    /// What hot topics may take.
    pub hot_bytes_max: u64,
}

/// Rows of deleted topics that are cleared away per window, so that the deletion of a large one holds up no window.
const COLLECT_ROWS_MAX: usize = 10_000;

/// How far a shard is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub shard: ShardId,
    /// Its last entry that is stored.
    pub index: u64,
    window: u64,
}

/// Told after each sync how far the shards are stored that had changed.
pub type OnStored = Box<dyn Fn(&[Written]) -> Result<(), StateFault> + Send>;

/// The handle.
pub struct WriteBehind {
    applied: Arc<Applied>,
    store: Arc<OnceLock<Arc<StateStore>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the threads that apply tell the one that writes.
pub struct Applied {
    log: Arc<SharedLog>,
    settings: WindowSettings,
    backlog: Backlog,
    state: Mutex<State>,
    changed: Condvar,
    has_failed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// When the oldest change was made that no window has.
    dirty_since: Option<Instant>,
    is_full: bool,
    is_closing: bool,
    /// There may be rows to clear away.
    has_garbage: bool,
    /// Who waits for the next window; few, because only admins do.
    flushes: Vec<Ticket<()>>,
    /// Why no further window comes.
    over: Option<Unavailable>,
}

impl Applied {
    /// An entry was applied.
    pub fn tell(&self) {
        let unwritten = self.log.memory().unwritten_bytes();
        let is_full = unwritten > self.settings.window_bytes_max;
        if unwritten > self.settings.window_bytes_max.saturating_mul(2) {
            self.backlog.hold();
        }
        let mut state = self.state.lock();
        let is_first = state.dirty_since.is_none();
        let fills = is_full && !state.is_full;
        state.dirty_since.get_or_insert_with(Instant::now);
        state.is_full |= is_full;
        drop(state);
        if is_first || fills {
            self.changed.notify_one();
        }
    }

    /// Nothing more is taken. The first reason is logged.
    fn fail(&self, fault: &StateFault) {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            tracing::error!(%fault, "the store failed: nothing more is published until the node was restarted");
            self.backlog.raise();
        }
    }
}

impl WriteBehind {
    /// Prepares it: the machines of the shards tell it what they applied before its thread runs.
    #[must_use]
    pub fn new(log: Arc<SharedLog>, settings: WindowSettings, backlog: Backlog) -> Self {
        let state = Mutex::new(State { has_garbage: true, ..State::default() });
        let applied = Arc::new(Applied {
            log,
            settings,
            backlog,
            state,
            changed: Condvar::new(),
            has_failed: AtomicBool::new(false),
        });
        Self { applied, store: Arc::default(), thread: Mutex::new(None) }
    }

    /// For the threads that apply.
    #[must_use]
    pub fn applied(&self) -> Arc<Applied> {
        Arc::clone(&self.applied)
    }

    /// Whether the store has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.applied.has_failed.load(Ordering::Relaxed)
    }

    /// Looks whether writes to the store still go through. What fails in its background is met by the next window at the
    /// latest, and while nobody publishes there is none. May block on the disk.
    pub fn look(&self) {
        if let Some(store) = self.store.get().filter(|_| !self.has_failed())
            && let Err(fault) = store.health()
        {
            self.applied.fail(&fault.into());
        }
    }

    /// What it writes to; `None` before it was started, and while that is being made.
    #[must_use]
    pub fn store(&self) -> Option<Arc<StateStore>> {
        self.store.get().cloned()
    }

    /// Resolves when everything that was applied before the call is stored and durable.
    ///
    /// # Errors
    /// When the store has failed or fails on it, or the node shuts down.
    pub fn flush(&self) -> Promise<()> {
        let mut state = self.applied.state.lock();
        if let Some(why) = state.over {
            return Promise::ready(Err(why));
        }
        let (ticket, flushed) = Promise::pending();
        state.flushes.push(ticket);
        drop(state);
        self.applied.changed.notify_one();
        flushed
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// When the machine grants none.
    pub fn start(&self, store: Arc<StateStore>, shards: ShardCount, on_stored: OnStored) -> io::Result<()> {
        // Started once, with one store.
        let _ = self.store.set(Arc::clone(&store));
        self.spawn(move || Ok(store), shards, on_stored)
    }

    /// The same over a store that is not there yet: the thread makes it first. When it cannot, the store has failed.
    ///
    /// # Errors
    /// When the machine grants no thread.
    pub fn found(&self, store: NascentStore, shards: ShardCount, on_stored: OnStored) -> io::Result<()> {
        let made = Arc::clone(&self.store);
        self.spawn(move || store.make().map(|store| Arc::clone(made.get_or_init(|| store))), shards, on_stored)
    }

    fn spawn(
        &self,
        store: impl FnOnce() -> Result<Arc<StateStore>, StateFault> + Send + 'static,
        shards: ShardCount,
        on_stored: OnStored,
    ) -> io::Result<()> {
        let writer = Writer { applied: Arc::clone(&self.applied), shards, on_stored };
        let thread = thread::Builder::new().name("fanfare-store".to_owned()).spawn(move || writer.run(store))?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Writes what is there and ends the thread. Blocks for as long as that takes.
    pub fn shutdown(&self) {
        self.applied.state.lock().is_closing = true;
        self.applied.changed.notify_one();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the store ended in a panic");
        }
    }
}

/// A window that is to be written.
struct Due {
    is_last: bool,
    /// Who waits for it.
    flushes: Vec<Ticket<()>>,
}

struct Writer {
    applied: Arc<Applied>,
    shards: ShardCount,
    on_stored: OnStored,
}

impl Writer {
    fn run(self, store: impl FnOnce() -> Result<Arc<StateStore>, StateFault>) {
        let store = match store() {
            Ok(store) => store,
            Err(fault) => {
                self.applied.fail(&fault);
                return self.end(Unavailable::StorageFault, Vec::new());
            }
        };
        loop {
            let Due { is_last, flushes } = self.wait();
            if let Err(fault) = self.write(&store) {
                self.applied.fail(&fault);
            }
            if self.applied.has_failed.load(Ordering::Relaxed) {
                // Whatever this window has cleared.
                self.applied.backlog.raise();
                return self.end(Unavailable::StorageFault, flushes);
            }
            flushes.into_iter().for_each(|ticket| ticket.answer(Ok(())));
            if is_last {
                return self.end(Unavailable::ShuttingDown, Vec::new());
            }
        }
    }

    /// Tells everyone who waits, or will, that no further window comes.
    fn end(&self, why: Unavailable, mut flushes: Vec<Ticket<()>>) {
        let mut state = self.applied.state.lock();
        state.over.get_or_insert(why);
        flushes.append(&mut state.flushes);
        drop(state);
        flushes.into_iter().for_each(|ticket| ticket.answer(Err(why)));
    }

    /// Until the next window is to be written.
    fn wait(&self) -> Due {
        let window = Duration::from_millis(self.applied.settings.window_ms);
        let mut state = self.applied.state.lock();
        loop {
            let due = match state.dirty_since {
                _ if state.is_closing || state.is_full || !state.flushes.is_empty() => break,
                Some(since) => since + window,
                None if state.has_garbage => Instant::now() + window,
                None => {
                    self.applied.changed.wait(&mut state);
                    continue;
                }
            };
            if self.applied.changed.wait_until(&mut state, due).timed_out() {
                break;
            }
        }
        state.dirty_since = None;
        state.is_full = false;
        // Whoever asks from now on may have seen more applied than this window will have.
        Due { is_last: state.is_closing, flushes: std::mem::take(&mut state.flushes) }
    }

    fn write(&self, store: &StateStore) -> Result<(), StateFault> {
        let mut written = Vec::new();
        for shard in self.shards.ids() {
            let commit = |window: &Window| store.shard(shard)?.commit(window);
            if let Some(window) = self.applied.log.write_window(shard, commit)? {
                written.push(Written { shard, index: window.shard.position.index, window: window.number });
            }
        }
        let cleared = store.collect(COLLECT_ROWS_MAX)?;
        if !written.is_empty() || cleared > 0 {
            store.sync()?;
        }
        for Written { shard, window, .. } in &written {
            self.applied.log.stored(*shard, *window, self.applied.settings.hot_bytes_max);
        }
        (self.on_stored)(&written)?;
        self.applied.state.lock().has_garbage = cleared > 0 || !written.is_empty();
        if self.applied.log.memory().unwritten_bytes() <= self.applied.settings.window_bytes_max {
            self.applied.backlog.clear();
        }
        Ok(())
    }
}

impl Drop for Writer {
    /// A panic must not leave anyone waiting.
    fn drop(&mut self) {
        self.end(Unavailable::Stopped, Vec::new());
    }
}
