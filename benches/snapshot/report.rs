//! What a run has measured: a table, and whether it kept to its bounds.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bounds::{KILLED_FROM_PERCENT, KILLED_THROUGH_PERCENT, MIB, PEAK_BYTES_MAX, REPEATED_BYTES_MAX};

/// See the module.
pub struct Report {
    /// Bytes of all chunks, each once.
    pub snapshot_bytes: u64,
    pub chunks: u64,
    /// From the first chunk to the switch, without the time in which the receiver was away.
    pub took: Duration,
    /// From the first start of the receiver until it had everything, its own restart and the log above the snapshot included.
    pub stood_after: Duration,
    /// What went over the link, frames included, before the kill and in all.
    pub sent_before_bytes: u64,
    pub sent_bytes: u64,
    /// The sender before the transfer, and the peaks of both during it.
    pub sender_idle_bytes: u64,
    pub sender_peak_bytes: u64,
    pub receiver_peak_bytes: u64,
    /// What was published meanwhile.
    pub trickled: u64,
    pub trickle_took: Duration,
}

impl Report {
    /// Where the second sending began: what had not to be sent again.
    fn resumed_at_bytes(&self) -> u64 {
        self.snapshot_bytes.saturating_sub(self.sent_bytes - self.sent_before_bytes)
    }

    /// Sent more than once, with what is around the chunks.
    fn repeated_bytes(&self) -> u64 {
        self.sent_bytes.saturating_sub(self.snapshot_bytes)
    }

    /// # Errors
    /// When a bound was missed, with all that were.
    pub fn judged(&self) -> Result<()> {
        let mut missed = Vec::new();
        let mut must = |is_kept: bool, what: String| missed.extend((!is_kept).then_some(what));
        for (who, peak) in [("sender", self.sender_peak_bytes), ("receiver", self.receiver_peak_bytes)] {
            let (peak, max) = (peak / MIB, PEAK_BYTES_MAX / MIB);
            must((1..max).contains(&peak), format!("the {who} took {peak} MiB, not below {max}"));
        }
        let (repeated, max) = (self.repeated_bytes(), REPEATED_BYTES_MAX);
        must(repeated <= max, format!("{repeated} bytes were sent again, more than {max}"));
        must(self.sent_bytes >= self.snapshot_bytes, "less was sent than the snapshot has".to_owned());
        let percent = self.sent_before_bytes * 100 / self.snapshot_bytes.max(1);
        let killed = KILLED_FROM_PERCENT..=KILLED_THROUGH_PERCENT;
        must(killed.contains(&percent), format!("it was killed at {percent} % of the snapshot, not in the middle"));
        must(self.trickled > 0, "nothing was published meanwhile".to_owned());
        ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / MIB as f64;
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "\n| snapshot, MiB | chunks | sent in, s | MiB/s | stood after, s | killed at, MiB | resumed at, MiB | sent, MiB | \
             published meanwhile, per s | sender before, MiB | sender peak, MiB | receiver peak, MiB |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        write!(
            f,
            "| {:.1} | {} | {seconds:.1} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} |",
            mib(self.snapshot_bytes),
            self.chunks,
            mib(self.snapshot_bytes) / seconds,
            self.stood_after.as_secs_f64(),
            mib(self.sent_before_bytes),
            mib(self.resumed_at_bytes()),
            mib(self.sent_bytes),
            self.trickled as f64 / self.trickle_took.as_secs_f64(),
            mib(self.sender_idle_bytes),
            mib(self.sender_peak_bytes),
            mib(self.receiver_peak_bytes),
        )
    }
}
