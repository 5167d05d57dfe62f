//! One pass over subscribers: what it found and what it did, counted here and told to the metrics once, because a
//! shared counter per delivery would cost more than the delivery.

use super::view::Fallen;
use crate::telemetry::{Telemetry, Transport, WriteOutcome};

/// See the module.
#[derive(Debug)]
pub(super) struct Pass {
    /// Seconds of the hub's clock.
    pub(super) now_s: u32,
    /// Subscribers that have to read the log.
    pub(super) fallen: Vec<Fallen>,
    pub(super) written: Written,
}

/// Writes out of rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Versions, which for a view without a filter are events.
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) complete: u64,
    pub(super) partial: u64,
    pub(super) blocked: u64,
    pub(super) failed: u64,
}

impl Pass {
    pub(super) fn new(now_s: u32) -> Self {
        Self { now_s, fallen: Vec::new(), written: Written::default() }
    }

    /// Adds what was written to the metrics and gives those who fell.
    pub(super) fn finish(self, transport: Transport, telemetry: &Telemetry) -> Vec<Fallen> {
        let Written { events, bytes, complete, partial, blocked, failed } = self.written;
        if self.written != Written::default() {
            telemetry.deliveries.of(transport).inc_by(events);
            telemetry.deliveries_bytes.of(transport).inc_by(bytes);
            for (outcome, count) in [
                (WriteOutcome::Complete, complete),
                (WriteOutcome::Partial, partial),
                (WriteOutcome::Blocked, blocked),
                (WriteOutcome::Failed, failed),
            ] {
                telemetry.hub_writes.of(outcome).inc_by(count);
            }
        }
        self.fallen
    }
}

/// How many sockets a sweep may still write to before it lets others run.
#[derive(Debug)]
pub(super) struct Breath(usize);

impl Breath {
    pub(super) fn new(sockets: usize) -> Self {
        Self(sockets)
    }

    pub(super) fn is_out(&self) -> bool {
        self.0 == 0
    }

    /// Takes so many, or what is left.
    pub(super) fn take(&mut self, wanted: usize) -> usize {
        let taken = wanted.min(self.0);
        self.0 -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breath_is_shared_by_all_who_take_from_it() {
        let mut breath = Breath::new(512);
        for _ in 0..5 {
            assert_eq!((breath.take(100), breath.is_out()), (100, false));
        }
        assert_eq!((breath.take(100), breath.is_out()), (12, true));
        assert_eq!(breath.take(1), 0);
    }
}
