//! Shard time: the last applied time plus what has passed since on the monotonic clock of whoever leads.
//! A leader whose date is an hour off therefore expires nothing an hour early, and a new leader goes on from
//! where the last one stopped. A core: the clock's reading comes in as an argument.

/// Where a shard's time stands, and when that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardTime {
    applied_ms: u64,
    applied_at_monotonic_ms: u64,
}

impl ShardTime {
    /// A shard whose last applied entry says `applied_ms`, taken up at this reading of the monotonic clock.
    pub(crate) fn resume(applied_ms: u64, monotonic_ms: u64) -> Self {
        Self { applied_ms, applied_at_monotonic_ms: monotonic_ms }
    }

    /// The time that an entry made at this reading carries.
    pub(crate) fn now(&self, monotonic_ms: u64) -> u64 {
        self.applied_ms.saturating_add(monotonic_ms.saturating_sub(self.applied_at_monotonic_ms))
    }

    /// An entry of that time was made.
    pub(crate) fn advance(&mut self, monotonic_ms: u64) -> u64 {
        self.applied_ms = self.now(monotonic_ms);
        self.applied_at_monotonic_ms = self.applied_at_monotonic_ms.max(monotonic_ms);
        self.applied_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_leader_goes_on_from_the_last_applied_time() {
        let mut time = ShardTime::resume(5_000, 70);
        assert_eq!(time.now(70), 5_000);
        assert_eq!(time.advance(100), 5_030);
        assert_eq!(time.now(101), 5_031);
    }

    #[test]
    fn time_never_goes_back() {
        let mut time = ShardTime::resume(10, 100);
        assert_eq!(time.advance(200), 110);
        assert_eq!(time.advance(50), 110);
        assert_eq!(time.now(201), 111);
    }
}
