//! Shards that are sequenced by one node and stored nowhere: every entry is committed the moment it is made. For topics
//! whose publications are worth less than a write to disk: typing, cursors, quotes.
//!
//! One thread, `fanfare-ephemeral`, with a current-thread runtime applies all shards in turn. Proposers only lock
//! their shard's batcher and wake the thread when the first command arrives, so that a batch costs one wake-up in
//! each direction and not one per command. A shard costs one empty slot until it is first used.
//!
//! Who starts it: the node. Who stops it: [`EphemeralShards::shutdown`], or dropping the last handle: what was
//! accepted is applied and answered, then the thread ends. What is lost in a defect: a state machine that panics
//! stops its shard, those who wait are told [`Unavailable::Stopped`], the log says so, other shards go on.
//! **It does not survive the process**: topics begin new epochs after a restart.

mod worker;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::shard::{
    Batcher, BatcherLimits, Entry, Promise, Pushed, ReadBarrier, ShardCount, ShardId, ShardTime, Shards, Ticket,
    Unavailable, answer_all,
};

/// What the entries of a shard do. A panic, or another number of answers than commands, is a defect and stops the shard.
pub trait EphemeralMachine: Send {
    /// Applies an entry: one answer per command, in their order.
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes>;
}

/// Makes the machine of a shard when its first entry is about to be applied, on the thread that applies it.
pub type MakeMachine = Box<dyn FnMut(ShardId) -> Box<dyn EphemeralMachine> + Send>;

/// The handle. Share it as `Arc<dyn Shards>`.
pub struct EphemeralShards {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    limits: BatcherLimits,
    shard_count: ShardCount,
    /// 16 bytes a shard until it is used.
    slots: Box<[OnceLock<Arc<Slot>>]>,
    inbox: Mutex<Inbox>,
    wake: Notify,
    /// Set before the inbox closes, only so that proposers to a busy shard are refused too and cannot keep the
    /// thread from its end. Nothing else depends on when it is seen.
    closing: AtomicBool,
}

/// One shard. Locks are taken slot first, then inbox.
struct Slot {
    shard: ShardId,
    queue: Mutex<Queue>,
    /// Index of the last applied entry.
    applied: AtomicU64,
}

struct Queue {
    batcher: Batcher<Ticket<Bytes>>,
    time: ShardTime,
}

/// Shards that wait for the thread; each is in it once at most.
struct Inbox {
    ready: Vec<Arc<Slot>>,
    open: bool,
}

impl EphemeralShards {
    /// Starts the thread. Fails when the machine grants none.
    pub fn start(
        shard_count: ShardCount,
        limits: BatcherLimits,
        clock: Arc<dyn Clock>,
        machines: MakeMachine,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let shared = Arc::new(Shared {
            clock,
            limits,
            shard_count,
            slots: (0..shard_count.get()).map(|_| OnceLock::new()).collect(),
            inbox: Mutex::new(Inbox { ready: Vec::new(), open: true }),
            wake: Notify::new(),
            closing: AtomicBool::new(false),
        });
        let worker = worker::Worker::new(Arc::clone(&shared), machines);
        let thread = thread::Builder::new()
            .name("fanfare-ephemeral".to_owned())
            .spawn(move || runtime.block_on(worker.run()))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Takes nothing more, applies and answers what was accepted, and returns when the thread has ended. Blocks for
    /// as long as that takes (a full queue: some 10 ms a shard), so not for a thread that serves connections. Called
    /// by a state machine, from the thread itself, it only begins the end.
    pub fn shutdown(&self) {
        self.shared.close();
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        if thread.thread().id() == thread::current().id() {
            return;
        }
        if thread.join().is_err() {
            tracing::error!("the thread of the shards ended in a panic");
        }
    }
}

impl Drop for EphemeralShards {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.inbox.lock().open = false;
        self.wake.notify_one();
    }

    fn slot(&self, shard: ShardId) -> Option<&Arc<Slot>> {
        let slot = self.slots.get(shard.index())?;
        Some(slot.get_or_init(|| {
            let time = ShardTime::resume(0, self.clock.monotonic_ms());
            let queue = Mutex::new(Queue { batcher: Batcher::new(self.limits), time });
            Arc::new(Slot { shard, queue, applied: AtomicU64::new(0) })
        }))
    }

    fn push(&self, slot: &Arc<Slot>, command: Bytes, ticket: Ticket<Bytes>) {
        let mut queue = slot.queue.lock();
        let refused = match queue.batcher.push(command, ticket) {
            Ok(Pushed::Behind) => return,
            Ok(Pushed::First) if self.schedule(slot) => return,
            // The thread may have ended: no one would ever come for it.
            Ok(Pushed::First) => queue.batcher.close(Unavailable::ShuttingDown),
            Err((why, ticket)) => {
                drop(queue);
                return ticket.answer(Err(why));
            }
        };
        drop(queue);
        answer_all(refused.into_iter().map(|ticket| (ticket, Err(Unavailable::ShuttingDown))));
    }

    /// False when the inbox takes nothing more.
    fn schedule(&self, slot: &Arc<Slot>) -> bool {
        let mut inbox = self.inbox.lock();
        if !inbox.open {
            return false;
        }
        let first = inbox.ready.is_empty();
        inbox.ready.push(Arc::clone(slot));
        drop(inbox);
        if first {
            self.wake.notify_one();
        }
        true
    }
}

impl Shards for EphemeralShards {
    fn shard_count(&self) -> ShardCount {
        self.shared.shard_count
    }

    fn propose_for(&self, shard: ShardId, command: Bytes, ticket: Ticket<Bytes>) {
        if self.shared.closing.load(Ordering::Acquire) {
            return ticket.answer(Err(Unavailable::ShuttingDown));
        }
        match self.shared.slot(shard) {
            Some(slot) => self.shared.push(slot, command, ticket),
            None => ticket.answer(Err(Unavailable::Stopped)),
        }
    }

    /// Ready at once: a command is answered only after it was applied, so whatever was acknowledged is there.
    fn read_barrier(&self, shard: ShardId) -> ReadBarrier {
        let Some(slot) = self.shared.slots.get(shard.index()) else {
            return Promise::ready(Err(Unavailable::Stopped));
        };
        let Some(slot) = slot.get() else {
            return Promise::ready(Ok(0));
        };
        match slot.queue.lock().batcher.closed() {
            Some(Unavailable::Stopped) => Promise::ready(Err(Unavailable::Stopped)),
            // A node that shuts down may still be read.
            Some(_) | None => Promise::ready(Ok(slot.applied.load(Ordering::Acquire))),
        }
    }

    fn shard_ms(&self, shard: ShardId) -> u64 {
        let slot = self.shared.slots.get(shard.index()).and_then(OnceLock::get);
        slot.map_or(0, |slot| slot.queue.lock().time.now(self.shared.clock.monotonic_ms()))
    }
}

#[cfg(test)]
mod tests;
