//! Figures that others count, brought to the telemetry when someone looks.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::Node;

impl Node {
    /// Everything that is counted, in the OpenMetrics text form.
    #[must_use]
    pub(crate) fn render_metrics(&self) -> String {
        let telemetry = &self.telemetry;
        let log = self.wal.figures();
        counted(&telemetry.log_syncs, log.syncs);
        counted(&telemetry.log_bytes, log.bytes);
        set(&telemetry.log_waiting_bytes, log.waiting_bytes as u64);
        set(&telemetry.log_segments_bytes, log.segments_bytes);
        set(&telemetry.store_unwritten_bytes, self.log.memory().unwritten_bytes());
        set(&telemetry.store_hot_bytes, self.log.memory().hot_bytes());
        // Counting along would begin at nothing after a restart, and lose what is declared later.
        let usage = self.log.usage();
        telemetry.topics(usage.iter().map(|(name, usage)| (name.as_str(), usage.topics)));
        telemetry.render()
    }
}

/// A sum that only grows, counted elsewhere.
fn counted(counter: &Counter, sum: u64) {
    counter.inner().store(sum, Ordering::Relaxed);
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
