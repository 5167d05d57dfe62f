//! How long to wait before the next try: full jitter, so that a crowd that fell together does not return together.

use std::time::Duration;

/// The bounds of the waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Backoff {
    /// Within it the first retry happens.
    pub(crate) base: Duration,
    /// No wait exceeds it.
    pub(crate) max: Duration,
}

impl Backoff {
    /// The wait after `failures` tries in a row that failed before the latest; `chance` is in [0, 1).
    pub(crate) fn delay(&self, failures: u32, chance: f64) -> Duration {
        let ceiling = self.base.saturating_mul(2_u32.saturating_pow(failures)).min(self.max);
        ceiling.mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_ceiling_and_chance_picks_within() {
        let backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) };
        let ms = |failures, chance| backoff.delay(failures, chance).as_millis();
        assert_eq!([ms(0, 1.0), ms(1, 1.0), ms(3, 1.0), ms(4, 1.0), ms(u32::MAX, 1.0)], [100, 200, 800, 1000, 1000]);
        assert_eq!([ms(0, 0.0), ms(2, 0.5), ms(9, 0.25)], [0, 200, 250]);
    }
}
