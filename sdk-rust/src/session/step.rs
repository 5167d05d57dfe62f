//! What a machine without clock and dice is given for one step: when it happens and with what luck, and where to put
//! what follows from it.

use std::time::Duration;

use super::effect::{Effect, Effects};
use super::stats::Stats;

/// A point in time with its share of chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    /// Since the client began; never goes back.
    pub(crate) now: Duration,
    /// Milliseconds since 1970, to compare with what a node tells as a date. May jump.
    pub(crate) unix_ms: i64,
    /// In [0, 1), fresh for each moment.
    pub(crate) chance: f64,
}

/// One step of the session, as its machines see it.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) moment: Moment,
    pub(super) stats: &'a mut Stats,
    pub(super) out: &'a mut Effects,
}

impl Step<'_> {
    pub(super) fn now(&self) -> Duration {
        self.moment.now
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.out.push(effect);
    }
}

#[cfg(test)]
impl Moment {
    /// So long after the beginning, with middling luck.
    pub(crate) fn at_ms(ms: u64) -> Self {
        Self { now: Duration::from_millis(ms), unix_ms: 1_763_715_600_000 + ms as i64, chance: 0.5 }
    }
}
