//! How events leave: the section `[delivery]` of the configuration.

use serde::{Deserialize, Serialize};

use super::heartbeat::Patience;
use crate::limit::Limits;

/// Settings of rings, sockets and heartbeats. Lengths in bytes, times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// Encoded frames that one view keeps per worker for readers who are behind. Who falls further back reads the
    /// log. 256 KiB is a thousand chat lines, and 10,000 views at the brim would be cut by `rings_bytes_max`.
    pub ring_bytes_max: usize,
    /// The same for all views of a worker together: 256 views at the brim. Beyond it a view that gets a frame gives up its
    /// oldest chunks, and its slow readers read the log.
    pub rings_bytes_max: usize,
    /// Views of the node: distinct combinations of topic and parameters that somebody watches, twice `connections_max`. A
    /// subscription that needs one more is answered `UNAVAILABLE`.
    pub views_max: usize,
    /// What the views of the node with an `interval`, `debounce` or `maxEventsPerSecond` hold back together: 64 MiB, some
    /// 100,000 small events. Beyond it they send before their time. Up to half of it is what readers of their own, such as
    /// `/v1/watch`, remember of `state` topics that they tell; beyond that they tell as `delete` or whole what need not be.
    pub held_bytes_max: usize,
    /// Answers and catch-up pages that wait for one connection before no more requests are read from it.
    /// 64 KiB is some 500 answers; 50,000 connections at the brim stay below 4 GiB.
    pub outbox_bytes_max: usize,
    /// The kernel's send buffer of a connection. Left to itself the kernel hides megabytes for a stalled reader. When it is
    /// full, events wait in the ring.
    pub send_buffer_bytes: usize,
    /// `TCP_NOTSENT_LOWAT`: unsent bytes above which the kernel takes no more. 16 KiB keep a fast link busy and a slow
    /// one's backlog small.
    pub notsent_bytes: u32,
    /// Silence after which a peer is asked for a sign of life: below the 30 to 60 s after which proxies cut idle lines.
    pub heartbeat_interval_ms: u32,
    /// How long it may take to give it, before the connection is closed with `PONG_TIMEOUT`.
    pub pong_timeout_ms: u32,
    /// How long a peer may take no bytes while some wait for it, before `WRITE_TIMEOUT`. Its memory is bounded meanwhile.
    pub write_timeout_ms: u32,
    /// A view that would be silent for longer says where it stands, by a bookmark.
    pub bookmark_interval_ms: u32,
    /// Subscribers of a worker for whom the log is read at the same time. Further ones wait their turn, so that a herd which
    /// comes back does not hold up those who are live: 8 pages of a frame each are under a millisecond.
    pub catch_up_reads_max: usize,
    /// Bytes of publications that are read from the log for the subscribers of a worker, a second: 256 MiB, more than
    /// most links carry. What one has read for others of its view is not read again.
    pub catch_up_bytes_per_second_max: usize,
    /// How long a cursor ahead of its topic is waited for, before `VERSION_AHEAD`.
    pub version_wait_ms: u32,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            ring_bytes_max: 256 * 1024,
            rings_bytes_max: 64 * 1024 * 1024,
            views_max: 200_000,
            held_bytes_max: 64 * 1024 * 1024,
            outbox_bytes_max: 64 * 1024,
            send_buffer_bytes: 64 * 1024,
            notsent_bytes: 16 * 1024,
            heartbeat_interval_ms: 25_000,
            pong_timeout_ms: 10_000,
            write_timeout_ms: 60_000,
            bookmark_interval_ms: 10_000,
            catch_up_reads_max: 8,
            catch_up_bytes_per_second_max: 256 * 1024 * 1024,
            version_wait_ms: 3_000,
        }
    }
}

impl Delivery {
    pub(super) fn patience(&self, limits: &Limits) -> Patience {
        let seconds = |ms: u32| ms.div_ceil(1_000).max(1);
        Patience {
            heartbeat_s: seconds(self.heartbeat_interval_ms),
            pong_s: seconds(self.pong_timeout_ms),
            write_s: seconds(self.write_timeout_ms),
            first_frame_s: seconds(limits.first_frame_timeout_ms),
            idle_s: seconds(limits.idle_timeout_ms),
        }
    }
}
