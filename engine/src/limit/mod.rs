//! What a client may cost: the section `[limits]` of the configuration.
//!
//! Everything that can grow has a bound here or in `[delivery]`, `[idempotency]` or its namespace. Zero never means
//! "unlimited".

mod connections;

pub use connections::Connections;

use fanfare_protocol::limits;
use serde::{Deserialize, Serialize};

/// Bounds of connections and requests. Lengths in bytes, times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest WebSocket message (joined), HTTP body or envelope of raw TCP that is read: four of the largest publications. A larger one is
    /// answered `FRAME_TOO_LARGE` from its header, and the connection is closed, because the rest is not read.
    pub frame_bytes_max: usize,
    /// Publications in one batch, which is one entry of a shard: a thousand lines take a shard about a millisecond. A
    /// larger one is refused whole.
    pub batch_publications_max: usize,
    /// Subscriptions of one connection: more than any page shows. Further ones are answered `TOO_MANY_SUBSCRIPTIONS`.
    pub subscriptions_max: usize,
    /// Connections of the node, all transports together: at 2 KiB each they take 200 MiB. Further handshakes are answered
    /// 503. The limit of descriptors of the process may be lower.
    pub connections_max: usize,
    /// HTTP answers that stay open and are compressed (SSE, NDJSON, sessions over SSE, large snapshots): each holds what it has
    /// said last, up to 500 KiB, so that these are below 128 MiB. Further ones go out as they are.
    pub compressed_streams_max: usize,
    /// Topics of the node: the bound against floods of names. A publish that would create one more is answered
    /// `TOO_MANY_TOPICS`.
    pub topics_max: usize,
    /// Requests of one connection that wait for their answer: enough to keep a link of 100 ms busy with 2,500 a second.
    /// Further ones are answered `TOO_MANY_REQUESTS_IN_FLIGHT`, class `wait`.
    pub requests_in_flight_max: usize,
    /// Items of a page of history, of a snapshot or of a topic list, and publications of a `stream` that a watch begins with,
    /// at most; a larger `limit` is answered `BAD_PARAMETER`.
    pub page_items_max: usize,
    /// Commands that wait for one shard, some 10 ms of its work. Beyond it publishes are answered `OVERLOADED` with
    /// `retryAfterMs`.
    pub shard_commands_max: usize,
    /// How long the request line and headers may take: a second is enough for any client, five for a bad line. Then the
    /// connection is closed.
    pub handshake_timeout_ms: u32,
    /// How long a session may live without saying anything, before `HANDSHAKE_TIMEOUT`.
    pub first_frame_timeout_ms: u32,
    /// How long a session may live without a subscription and without a request, before `IDLE`: a publisher of one
    /// line a minute keeps its connection.
    pub idle_timeout_ms: u32,
    /// The longest a long poll may ask to wait: most proxies give up after 60 to 120 s. A longer `timeout` is refused.
    pub long_poll_ms_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: limits::FRAME_BYTES_MAX,
            batch_publications_max: 1_000,
            subscriptions_max: 512,
            connections_max: 100_000,
            compressed_streams_max: 256,
            topics_max: 1_000_000,
            requests_in_flight_max: 256,
            page_items_max: 1_000,
            shard_commands_max: 16_384,
            handshake_timeout_ms: 5_000,
            first_frame_timeout_ms: 10_000,
            idle_timeout_ms: 300_000,
            long_poll_ms_max: 120_000,
        }
    }
}
