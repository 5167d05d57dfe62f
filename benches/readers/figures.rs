//! Medians and spreads.

use std::time::Duration;

/// Smallest, median and largest.
pub fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}

/// The latency that this share of them does not exceed, in milliseconds.
pub fn quantile_ms(latencies: &mut [Duration], share: f64) -> f64 {
    latencies.sort_unstable();
    let at = (latencies.len() as f64 * share) as usize;
    latencies[at.min(latencies.len() - 1)].as_secs_f64() * 1_000.0
}
