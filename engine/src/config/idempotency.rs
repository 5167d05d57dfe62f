//! The section `[idempotency]`: what is remembered so that a repeated publish is harmless.

use serde::{Deserialize, Serialize};

use crate::log::IdempotencyPolicy;

/// What every topic remembers so that a repeated publish is harmless. A namespace takes these values when it is declared:
/// in a new data directory, and by `fanfare namespace apply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Idempotency {
    /// How long an idempotency key is kept, and a producer that is silent. 2 minutes, longer than any retry with
    /// backoff. A publish repeated later is a new one.
    pub window_ms: u64,
    /// Idempotency keys of one topic, of all its publishers. 100,000 are some 15 MiB, or 800 publishes a second for the
    /// whole window. Further ones get `IDEMPOTENCY_FULL`: nothing is forgotten early.
    pub entries_max: usize,
    /// Producers of one topic that are remembered: 10,000, as many connections that publish to it. Further ones get
    /// `IDEMPOTENCY_FULL`.
    pub producers_max: usize,
    /// Results kept of each producer, of 40 bytes: 256, as many as may be in flight on a connection
    /// (`limits.requests_in_flight_max`), so that all of them can be repeated. Older ones get `OUT_OF_SEQUENCE`.
    pub producer_results_max: usize,
}

impl Default for Idempotency {
    fn default() -> Self {
        let IdempotencyPolicy { window_ms, entries_max, producers_max, producer_results_max } =
            IdempotencyPolicy::default();
        Self { window_ms, entries_max, producers_max, producer_results_max }
    }
}

impl Idempotency {
    /// What the log keeps.
    #[must_use]
    pub fn policy(self) -> IdempotencyPolicy {
        let Self { window_ms, entries_max, producers_max, producer_results_max } = self;
        IdempotencyPolicy { window_ms, entries_max, producers_max, producer_results_max }
    }
}
