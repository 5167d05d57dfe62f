//! Time as an argument: the one place of this crate that reads a clock, behind a trait that tests drive.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Two clocks, because they answer different questions: how long something took, and what date it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since some fixed moment of this process; never goes back. Shard time is made of it, so that
    /// a node whose date is an hour off expires nothing early.
    fn monotonic_ms(&self) -> u64;

    /// Milliseconds since 1970. Only shown to people (`time` of an event), never compared.
    fn wall_ms(&self) -> i64;
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Its monotonic side begins at 0.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }
}

/// Clocks that stand still until they are told to move: for tests and simulation.
#[derive(Debug, Default)]
pub struct ManualClock {
    monotonic_ms: AtomicU64,
    wall_ms: AtomicI64,
}

impl ManualClock {
    /// Monotonic 0, and this date.
    #[must_use]
    pub fn new(wall_ms: i64) -> Self {
        Self { monotonic_ms: AtomicU64::new(0), wall_ms: AtomicI64::new(wall_ms) }
    }

    /// Both clocks go on by `ms`.
    pub fn advance(&self, ms: u64) {
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms.fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// The date jumps, as when someone sets it; the monotonic side does not notice.
    pub fn set_wall(&self, wall_ms: i64) {
        self.wall_ms.store(wall_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }

    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }
}
