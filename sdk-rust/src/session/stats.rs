//! What a client has counted since it began.

/// Figures of a client, for its own metrics and for tests. All but the two `_now` only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that were opened, the first one included.
    pub connections_count: u64,
    /// Bytes of frames heard, as they came.
    pub received_bytes: u64,
    /// Bytes of frames said.
    pub sent_bytes: u64,
    /// Events handed to watches.
    pub events_count: u64,
    /// Events that came again and were dropped.
    pub duplicates_count: u64,
    /// Frames that did not join the ones before: the view was opened anew.
    pub gaps_count: u64,
    /// Lines that could not be continued and were told so as `Gone`.
    pub gones_count: u64,
    /// Times at which a watch was not read for so long that its view was given up for a while.
    pub lags_count: u64,
    /// Publishes that were answered with versions.
    pub published_count: u64,
    /// Publishes sent again, after a cut or a refusal that passes.
    pub repeated_count: u64,
    /// Publishes that wait for their answer, sent or not.
    pub publishes_now: u64,
    /// Watches that are open.
    pub watches_now: u64,
}
