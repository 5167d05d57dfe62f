//! The commands of one group on their way: those that wait, and how many entries of them are in flight. Several may be,
//! so that a busy shard is not held to one entry per sync or round trip; when the most are, what waits becomes the next
//! entry. A core: it is told what arrives, leaves and ends.

use bytes::Bytes;

use crate::shard::{Batch, Batcher, BatcherLimits, Pushed, Unavailable};

/// A batcher with a door that lets so many batches out at a time.
#[derive(Debug)]
pub(super) struct Pipeline<T> {
    batcher: Batcher<T>,
    in_flight: usize,
    in_flight_max: usize,
    /// Nothing leaves until [`Pipeline::release`]: there is no leader to take it.
    is_held: bool,
}

impl<T> Pipeline<T> {
    /// Held at first.
    pub(super) fn new(limits: BatcherLimits, in_flight_max: usize) -> Self {
        Self { batcher: Batcher::new(limits), in_flight: 0, in_flight_max: in_flight_max.max(1), is_held: true }
    }

    /// Takes a command in, or says why not and hands the ticket back.
    pub(super) fn push(&mut self, command: Bytes, ticket: T) -> Result<Pushed, (Unavailable, T)> {
        self.batcher.push(command, ticket)
    }

    /// The next entry's worth, which is in flight from here on. `None` while it is held or full, and then someone comes
    /// again when that ends; also when nothing waits, and then the next command is a [`Pushed::First`].
    pub(super) fn take(&mut self) -> Option<Batch<T>> {
        if self.is_held || self.in_flight >= self.in_flight_max {
            return None;
        }
        let batch = self.batcher.take()?;
        self.in_flight += 1;
        Some(batch)
    }

    /// An entry has ended. True when someone must come for what waits.
    pub(super) fn landed(&mut self) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.is_due()
    }

    /// An entry has come back without being taken: it goes first when the pipeline is released, unless others are in
    /// flight behind it, which it must not be overtaken by: then it is handed back.
    pub(super) fn put_back(&mut self, batch: Batch<T>) -> Result<(), PutBack<T>> {
        if self.in_flight != 1 {
            return Err(PutBack { why: None, tickets: batch.tickets });
        }
        self.batcher.put_back(batch).map_err(|(why, tickets)| PutBack { why: Some(why), tickets })?;
        self.in_flight = 0;
        self.is_held = true;
        Ok(())
    }

    /// Lets entries out again. True when someone must come for what waits.
    pub(super) fn release(&mut self) -> bool {
        self.is_held = false;
        self.is_due()
    }

    /// Whether every command that was accepted has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight == 0 && !self.batcher.has_waiting()
    }

    /// Takes nothing more; what still waits is handed back for its answer.
    pub(super) fn close(&mut self, why: Unavailable) -> Vec<T> {
        self.batcher.close(why)
    }

    fn is_due(&mut self) -> bool {
        if self.is_held || self.batcher.has_waiting() {
            return !self.is_held;
        }
        // Finds nothing, which makes the next command a first again.
        self.batcher.take().is_some()
    }

    #[cfg(test)]
    fn check(&self) {
        self.batcher.check();
        assert!(self.in_flight <= self.in_flight_max);
    }
}

/// A batch that cannot wait here any more, and the reason if it is that the pipeline is closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PutBack<T> {
    pub(super) why: Option<Unavailable>,
    pub(super) tickets: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: BatcherLimits = BatcherLimits {
        entry_commands_max: 2,
        entry_bytes_max: 100,
        waiting_commands_max: 8,
        waiting_bytes_max: 100,
        retry_after_ms: 1,
    };

    fn pipeline(in_flight_max: usize) -> Pipeline<u32> {
        let mut pipeline = Pipeline::new(LIMITS, in_flight_max);
        assert!(!pipeline.release());
        pipeline
    }

    fn push(pipeline: &mut Pipeline<u32>, ticket: u32) -> Result<Pushed, (Unavailable, u32)> {
        pipeline.push(Bytes::from(ticket.to_string()), ticket)
    }

    fn taken(pipeline: &mut Pipeline<u32>) -> Option<Vec<u32>> {
        pipeline.take().map(|batch| batch.tickets)
    }

    #[test]
    fn entries_leave_until_the_most_are_in_flight() {
        let mut pipeline = pipeline(2);
        for ticket in 0..6 {
            push(&mut pipeline, ticket).unwrap();
        }
        assert_eq!(taken(&mut pipeline), Some(vec![0, 1]));
        assert_eq!(taken(&mut pipeline), Some(vec![2, 3]));
        assert_eq!(taken(&mut pipeline), None);
        assert_eq!(push(&mut pipeline, 6), Ok(Pushed::Behind), "whoever ends an entry comes");
        assert!(pipeline.landed());
        assert_eq!(taken(&mut pipeline), Some(vec![4, 5]));
        pipeline.check();
    }

    #[test]
    fn the_last_to_end_finds_nothing_and_the_next_command_is_a_first() {
        let mut pipeline = pipeline(1);
        assert_eq!(push(&mut pipeline, 1), Ok(Pushed::First));
        assert_eq!(taken(&mut pipeline), Some(vec![1]));
        assert_eq!(taken(&mut pipeline), None);
        assert!(!pipeline.is_empty());
        assert!(!pipeline.landed());
        assert!(pipeline.is_empty());
        assert_eq!(push(&mut pipeline, 2), Ok(Pushed::First));
    }

    #[test]
    fn nothing_leaves_while_it_is_held() {
        let mut pipeline = Pipeline::new(LIMITS, 4);
        assert_eq!(push(&mut pipeline, 1), Ok(Pushed::First));
        assert_eq!(taken(&mut pipeline), None);
        assert!(pipeline.release());
        assert_eq!(taken(&mut pipeline), Some(vec![1]));
    }

    #[test]
    fn an_entry_that_comes_back_goes_first_unless_others_are_behind_it() {
        let mut pipeline = pipeline(2);
        for ticket in 0..5 {
            push(&mut pipeline, ticket).unwrap();
        }
        let (first, second) = (pipeline.take().unwrap(), pipeline.take().unwrap());
        assert_eq!(pipeline.put_back(first), Err(PutBack { why: None, tickets: vec![0, 1] }));
        pipeline.landed();
        pipeline.put_back(second).unwrap();
        assert_eq!(taken(&mut pipeline), None, "held until there is a leader");
        assert!(pipeline.release());
        assert_eq!(taken(&mut pipeline), Some(vec![2, 3]));
        let third = pipeline.take().unwrap();
        pipeline.landed();
        assert!(pipeline.close(Unavailable::Stopped).is_empty());
        assert_eq!(pipeline.put_back(third), Err(PutBack { why: Some(Unavailable::Stopped), tickets: vec![4] }));
        pipeline.check();
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Push,
        Come,
        Land,
        ComeBack,
        Release,
    }

    const STEPS: [Step; 6] = [Step::Push, Step::Push, Step::Come, Step::Land, Step::ComeBack, Step::Release];

    fn step() -> impl Strategy<Value = Step> {
        prop::sample::select(&STEPS[..])
    }

    proptest! {
        /// Whatever happens, commands end in their order, none twice, and whatever waits has someone who comes for it.
        #[test]
        fn commands_end_in_their_order_and_none_is_forgotten(
            steps in prop::collection::vec(step(), 0..200),
            in_flight_max in 1usize..5,
        ) {
            let mut pipeline = pipeline(in_flight_max);
            let (mut next, mut accepted, mut ended) = (0, Vec::new(), Vec::new());
            let mut flights = std::collections::VecDeque::new();
            let mut is_due = false;
            for step in steps {
                match step {
                    Step::Push => {
                        if let Ok(pushed) = push(&mut pipeline, next) {
                            accepted.push(next);
                            is_due |= pushed == Pushed::First;
                        }
                        next += 1;
                    }
                    Step::Come if is_due => {
                        is_due = false;
                        while let Some(batch) = pipeline.take() {
                            flights.push_back(batch);
                        }
                    }
                    Step::Land => {
                        if let Some(batch) = flights.pop_front() {
                            ended.extend(batch.tickets);
                            is_due |= pipeline.landed();
                        }
                    }
                    Step::ComeBack => {
                        if let Some(batch) = flights.pop_front()
                            && let Err(refused) = pipeline.put_back(batch)
                        {
                            ended.extend(refused.tickets);
                            is_due |= pipeline.landed();
                        }
                    }
                    Step::Release => is_due |= pipeline.release(),
                    Step::Come => {}
                }
                prop_assert!(flights.len() <= in_flight_max);
                pipeline.check();
            }
            is_due |= pipeline.release();
            while is_due || !flights.is_empty() {
                while let Some(batch) = pipeline.take() {
                    flights.push_back(batch);
                }
                is_due = false;
                if let Some(batch) = flights.pop_front() {
                    ended.extend(batch.tickets);
                    is_due = pipeline.landed();
                }
            }
            prop_assert!(pipeline.is_empty());
            prop_assert_eq!(accepted, ended);
        }
    }
}
