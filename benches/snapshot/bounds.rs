//! What a run must keep to.

use std::time::Duration;

pub const MIB: u64 = 1024 * 1024;

/// Resident memory of sender and of receiver at any moment of the transfer.
pub const PEAK_BYTES_MAX: u64 = 300 * MIB;

/// What a kill in the middle may make come again: 8 MiB that were taken in since the last sync, a megabyte that was on its
/// way, and what the messages have around the chunks.
pub const REPEATED_BYTES_MAX: u64 = 12 * MIB;

/// The receiver is killed when so much of the snapshot was sent, in percent, and must not have got further than that.
pub const KILLED_FROM_PERCENT: u64 = 40;
pub const KILLED_THROUGH_PERCENT: u64 = 70;

/// A run as a whole.
pub const RUN_MAX: Duration = Duration::from_secs(8 * 60);
