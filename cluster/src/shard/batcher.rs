//! What waits for a shard becomes one entry: a proposal costs 60 µs alone and 1.6 µs in a hundred, so batching
//! decides the price of everything. There is no timer: an idle shard takes a lone command at once, and a busy one
//! finds a batch waiting whenever it is done with the last.
//!
//! A core: it is told what arrives and asked for the next batch; locks, threads and wake-ups are its owner's.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Unavailable;

/// How much may wait for a shard, and how much of it becomes one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatcherLimits {
    /// Commands of one entry: 1,024, ten times what makes the cost of an entry negligible; more only makes the
    /// answers of the first wait for the last.
    pub entry_commands_max: usize,
    /// Bytes of one entry: 1 MiB, so that an entry fits a frame between nodes. A larger command is an entry alone.
    pub entry_bytes_max: usize,
    /// Commands that may wait: 8,192, some 10 ms of work. Further ones are told `Overloaded`.
    pub waiting_commands_max: usize,
    /// Bytes that may wait: 4 MiB a shard, 256 MiB for 64 shards all at the brim. A command that is larger by
    /// itself is taken when nothing else waits, else it could never be published.
    pub waiting_bytes_max: usize,
    /// What the refused are told to wait: 50 ms, a few times what a full queue takes to drain.
    pub retry_after_ms: u64,
}

impl Default for BatcherLimits {
    fn default() -> Self {
        Self {
            entry_commands_max: 1_024,
            entry_bytes_max: 1024 * 1024,
            waiting_commands_max: 8_192,
            waiting_bytes_max: 4 * 1024 * 1024,
            retry_after_ms: 50,
        }
    }
}

/// Whether the batcher's owner has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Nothing waited before and no batch is being worked on: someone must come for it.
    First,
    /// Someone will come anyway.
    Behind,
}

/// Commands of the next entry and, in the same order, the tickets of those who wait for their answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch<T> {
    pub(crate) commands: Vec<Bytes>,
    pub(crate) tickets: Vec<T>,
}

/// The queue of one shard.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    limits: BatcherLimits,
    waiting: VecDeque<(Bytes, T)>,
    waiting_bytes: usize,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Scheduled,
    Closed(Unavailable),
}

impl<T> Batcher<T> {
    pub(crate) fn new(limits: BatcherLimits) -> Self {
        Self { limits, waiting: VecDeque::new(), waiting_bytes: 0, phase: Phase::Idle }
    }

    /// Takes a command in, or says why not and hands the ticket back.
    pub(crate) fn push(&mut self, command: Bytes, ticket: T) -> Result<Pushed, (Unavailable, T)> {
        if let Phase::Closed(why) = self.phase {
            return Err((why, ticket));
        }
        let fits = self.waiting.len() < self.limits.waiting_commands_max
            && self.waiting_bytes.saturating_add(command.len()) <= self.limits.waiting_bytes_max;
        if !fits && !self.waiting.is_empty() {
            return Err((Unavailable::Overloaded { retry_after_ms: self.limits.retry_after_ms }, ticket));
        }
        self.waiting_bytes += command.len();
        self.waiting.push_back((command, ticket));
        let pushed = if self.phase == Phase::Idle { Pushed::First } else { Pushed::Behind };
        self.phase = Phase::Scheduled;
        Ok(pushed)
    }

    /// The next entry's worth, oldest first. `None`: nothing waits, and the next command is a `First` again.
    pub(crate) fn take(&mut self) -> Option<Batch<T>> {
        let mut bytes = 0;
        let count = self
            .waiting
            .iter()
            .take(self.limits.entry_commands_max.max(1))
            .take_while(|(command, _)| {
                let first = bytes == 0;
                bytes += command.len().max(1);
                first || bytes <= self.limits.entry_bytes_max
            })
            .count();
        if count == 0 {
            if self.phase == Phase::Scheduled {
                self.phase = Phase::Idle;
            }
            return None;
        }
        let (commands, tickets): (Vec<_>, Vec<_>) = self.waiting.drain(..count).unzip();
        self.waiting_bytes -= commands.iter().map(Bytes::len).sum::<usize>();
        Some(Batch { commands, tickets })
    }

    /// A batch that was taken and could not go is the oldest again. It may lie above the bounds for as long as it waits:
    /// it had been accepted. A closed batcher hands its tickets back for their answer.
    pub(crate) fn put_back(&mut self, batch: Batch<T>) -> Result<(), (Unavailable, Vec<T>)> {
        if let Phase::Closed(why) = self.phase {
            return Err((why, batch.tickets));
        }
        for waiting in batch.commands.into_iter().zip(batch.tickets).rev() {
            self.waiting_bytes += waiting.0.len();
            self.waiting.push_front(waiting);
        }
        self.phase = Phase::Scheduled;
        Ok(())
    }

    /// Whether a batch could be taken.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes nothing more; what still waits is handed back for its answer.
    pub(crate) fn close(&mut self, why: Unavailable) -> Vec<T> {
        self.phase = Phase::Closed(why);
        self.waiting_bytes = 0;
        self.waiting.drain(..).map(|(_, ticket)| ticket).collect()
    }

    /// Why it takes nothing more, if so.
    pub(crate) fn closed(&self) -> Option<Unavailable> {
        match self.phase {
            Phase::Closed(why) => Some(why),
            Phase::Idle | Phase::Scheduled => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        let put_back = &self.limits;
        assert_eq!(self.waiting_bytes, self.waiting.iter().map(|(command, _)| command.len()).sum::<usize>());
        assert!(self.waiting.len() <= self.limits.waiting_commands_max.max(1) + put_back.entry_commands_max);
        let bytes_max = self.limits.waiting_bytes_max + put_back.entry_bytes_max;
        assert!(self.waiting.len() <= 1 || self.waiting_bytes <= bytes_max);
        assert!(self.waiting.is_empty() || self.phase == Phase::Scheduled, "someone comes for what waits");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: BatcherLimits = BatcherLimits {
        entry_commands_max: 3,
        entry_bytes_max: 10,
        waiting_commands_max: 5,
        waiting_bytes_max: 20,
        retry_after_ms: 7,
    };

    fn command(len: usize) -> Bytes {
        Bytes::from(vec![b'x'; len])
    }

    #[test]
    fn a_lone_command_is_an_entry_at_once() {
        let mut batcher = Batcher::new(SMALL);
        assert_eq!(batcher.push(command(4), 'a'), Ok(Pushed::First));
        batcher.check();
        assert_eq!(batcher.take().map(|batch| batch.tickets), Some(vec!['a']));
        assert_eq!(batcher.push(command(4), 'b'), Ok(Pushed::Behind), "until its owner found nothing");
        assert!(batcher.take().is_some());
        assert!(batcher.take().is_none());
        assert_eq!(batcher.push(command(4), 'c'), Ok(Pushed::First));
    }

    #[test]
    fn an_entry_is_bounded_in_commands_and_in_bytes() {
        let mut batcher = Batcher::new(SMALL);
        for (ticket, len) in [('a', 1), ('b', 1), ('c', 1), ('d', 8), ('e', 8)] {
            batcher.push(command(len), ticket).expect("there is room");
            batcher.check();
        }
        assert_eq!(batcher.take().map(|batch| batch.tickets), Some(vec!['a', 'b', 'c']));
        assert_eq!(batcher.take().map(|batch| batch.tickets), Some(vec!['d']));
        assert_eq!(batcher.take().map(|batch| batch.tickets), Some(vec!['e']));
    }

    #[test]
    fn a_full_batcher_refuses_and_says_when_to_come_back() {
        let mut batcher = Batcher::new(SMALL);
        for ticket in 0..5 {
            batcher.push(command(1), ticket).expect("there is room");
        }
        assert_eq!(batcher.push(command(1), 5), Err((Unavailable::Overloaded { retry_after_ms: 7 }, 5)));
        batcher.take();
        assert_eq!(batcher.push(command(1), 5), Ok(Pushed::Behind));
        assert_eq!(batcher.push(command(18), 6), Err((Unavailable::Overloaded { retry_after_ms: 7 }, 6)));
    }

    #[test]
    fn a_command_larger_than_the_queue_is_taken_when_nothing_waits() {
        let mut batcher = Batcher::new(SMALL);
        assert_eq!(batcher.push(command(100), 'a'), Ok(Pushed::First));
        assert_eq!(batcher.take().map(|batch| batch.tickets), Some(vec!['a']));
        batcher.check();
    }

    #[test]
    fn a_closed_batcher_hands_back_who_waits() {
        let mut batcher = Batcher::new(SMALL);
        batcher.push(command(1), 'a').expect("there is room");
        assert_eq!(batcher.close(Unavailable::Stopped), ['a']);
        assert_eq!(batcher.push(command(1), 'b'), Err((Unavailable::Stopped, 'b')));
        assert_eq!(batcher.closed(), Some(Unavailable::Stopped));
        assert!(batcher.take().is_none());
        assert_eq!(batcher.closed(), Some(Unavailable::Stopped));
        batcher.check();
    }

    #[test]
    fn a_batch_that_could_not_go_is_the_oldest_again() {
        let mut batcher = Batcher::new(SMALL);
        for (ticket, len) in [('a', 1), ('b', 2), ('c', 3), ('d', 4)] {
            batcher.push(command(len), ticket).expect("there is room");
        }
        let batch = batcher.take().expect("four wait");
        assert_eq!(batch.tickets, ['a', 'b', 'c']);
        batcher.put_back(batch).expect("it is open");
        batcher.check();
        assert_eq!(batcher.push(command(1), 'e'), Ok(Pushed::Behind));
        assert_eq!(batcher.take().map(|batch| batch.tickets), Some(vec!['a', 'b', 'c']));
        let batch = batcher.take().expect("two wait");
        assert_eq!(batch.tickets, ['d', 'e']);
        assert!(!batcher.has_waiting());
        assert!(batcher.close(Unavailable::Stopped).is_empty());
        assert_eq!(batcher.put_back(batch), Err((Unavailable::Stopped, vec!['d', 'e'])));
        batcher.check();
    }

    proptest! {
        #[test]
        fn what_was_taken_in_comes_out_once_and_in_order(steps in prop::collection::vec(prop::option::of(0usize..15), 0..200)) {
            let mut batcher = Batcher::new(SMALL);
            let (mut accepted, mut taken, mut next) = (Vec::new(), Vec::new(), 0);
            for step in steps {
                match step {
                    Some(len) => {
                        if batcher.push(command(len), next).is_ok() {
                            accepted.push((next, len));
                        }
                        next += 1;
                    }
                    None => {
                        if let Some(batch) = batcher.take() {
                            let bytes: usize = batch.commands.iter().map(Bytes::len).sum();
                            prop_assert!(batch.commands.len() == 1 || bytes <= SMALL.entry_bytes_max);
                            prop_assert!(batch.commands.len() <= SMALL.entry_commands_max);
                            taken.extend(batch.tickets.into_iter().zip(batch.commands.iter().map(Bytes::len)));
                        }
                    }
                }
                batcher.check();
            }
            while let Some(batch) = batcher.take() {
                taken.extend(batch.tickets.into_iter().zip(batch.commands.iter().map(Bytes::len)));
            }
            prop_assert_eq!(accepted, taken);
        }
    }
}
