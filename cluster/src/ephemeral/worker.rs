//! The thread of the shards: takes the shards that have something waiting in turn, an entry from each.

use std::any::Any;
use std::collections::HashMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{EphemeralMachine, MakeMachine, Shared, Slot};
use crate::shard::{Batch, Entry, EntryTime, ShardId, Ticket, Unavailable, answer_all};

pub(super) struct Worker {
    shared: Arc<Shared>,
    make_machine: MakeMachine,
    machines: HashMap<ShardId, Replica>,
    /// Shards of this round and of the next: a busy shard goes to the back, so that none starves the others.
    round: Vec<Arc<Slot>>,
    again: Vec<Arc<Slot>>,
}

/// The one replica of a shard.
struct Replica {
    machine: Box<dyn EphemeralMachine>,
    next_index: u64,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, make_machine: MakeMachine) -> Self {
        Self { shared, make_machine, machines: HashMap::new(), round: Vec::new(), again: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        while self.next_round().await {
            for slot in mem::take(&mut self.round) {
                if self.apply_one_entry(&slot) {
                    self.again.push(slot);
                }
            }
        }
    }

    /// False when there is nothing left to do and never will be.
    async fn next_round(&mut self) -> bool {
        loop {
            {
                let mut inbox = self.shared.inbox.lock();
                mem::swap(&mut self.round, &mut self.again);
                self.round.append(&mut inbox.ready);
                if !self.round.is_empty() {
                    return true;
                }
                if !inbox.open {
                    return false;
                }
            }
            self.shared.wake.notified().await;
        }
    }

    /// False when nothing waits for the shard any more.
    fn apply_one_entry(&mut self, slot: &Arc<Slot>) -> bool {
        let Some((batch, time)) = self.take(slot) else {
            return false;
        };
        let Batch { commands, tickets } = batch;
        let applied = catch_unwind(AssertUnwindSafe(|| self.apply(slot.shard, time, commands)));
        let defect = match applied {
            Ok((index, answers)) if answers.len() == tickets.len() => {
                slot.applied.store(index, Ordering::Release);
                answer_all(tickets.into_iter().zip(answers.into_iter().map(Ok)));
                return true;
            }
            Ok((_, answers)) => format!("{} answers to {} commands", answers.len(), tickets.len()),
            Err(panic) => panic_text(panic.as_ref()).to_owned(),
        };
        tracing::error!(shard = %slot.shard, defect, "the shard has stopped: its state machine met a defect");
        self.machines.remove(&slot.shard);
        let waiting = slot.queue.lock().batcher.close(Unavailable::Stopped);
        answer_all(tickets.into_iter().chain(waiting).map(|ticket| (ticket, Err(Unavailable::Stopped))));
        false
    }

    fn take(&self, slot: &Slot) -> Option<(Batch<Ticket<Bytes>>, EntryTime)> {
        let mut queue = slot.queue.lock();
        let batch = queue.batcher.take()?;
        let shard_ms = queue.time.advance(self.shared.clock.monotonic_ms());
        Some((batch, EntryTime { shard_ms, wall_ms: self.shared.clock.wall_ms() }))
    }

    fn apply(&mut self, shard: ShardId, time: EntryTime, commands: Vec<Bytes>) -> (u64, Vec<Bytes>) {
        let replica = self
            .machines
            .entry(shard)
            .or_insert_with(|| Replica { machine: (self.make_machine)(shard), next_index: 1 });
        let entry = Entry { index: replica.next_index, time, commands };
        let answers = replica.machine.apply(&entry);
        replica.next_index += 1;
        (entry.index, answers)
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}
