//! What a session is told at its birth. The builder fills it in; each default and its reason stand here.

use std::time::Duration;

use fanfare_protocol::Encoding;

use super::backoff::Backoff;

/// The settings of one session.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Unique among all clients of all time: the stem of producer ids.
    pub(crate) producer: String,
    /// Name and version of the program, for the node's log.
    pub(crate) client_name: Option<String>,
    /// How envelopes are written, which decides how large a publish becomes.
    pub(crate) encoding: Encoding,
    /// Whether the node may compress batches.
    pub(crate) is_compressed: bool,
    /// Whether a token can be had that is fresher than the one that expired.
    pub(crate) can_refresh: bool,
    /// Waits between tries: to connect, and to repeat what was refused for now.
    pub(crate) backoff: Backoff,
    /// For token, socket and CONNECTED together. 10 s: after that another try is the better bet.
    pub(crate) connect_timeout: Duration,
    /// For a history page, and for any answer before the connection counts as broken. 30 s: the longest that a node
    /// waits by itself is 3 s (V5), the rest is for slow links.
    pub(crate) answer_timeout: Duration,
    /// For a publish, from the moment at which it was sent first. Must stay well below the 2 min for which a topic
    /// remembers a producer: within them a repetition cannot double. 60 s.
    pub(crate) publish_timeout: Duration,
    /// For publishes that wait when the client is closed. 10 s, as long as a node takes to drain.
    pub(crate) close_timeout: Duration,
    /// What one watch holds for a reader that is behind; then it lags and is resumed later. 4 MiB is a second of a
    /// busy topic.
    pub(crate) watch_bytes_max: usize,
}

impl Settings {
    pub(crate) fn new(producer: String) -> Self {
        Self {
            producer,
            client_name: None,
            encoding: Encoding::Protobuf,
            is_compressed: false,
            can_refresh: false,
            // 30 s at most: whoever looks at a program that is cut off should not take it for dead.
            backoff: Backoff { base: Duration::from_millis(500), max: Duration::from_secs(30) },
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            publish_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(10),
            watch_bytes_max: 4 * 1024 * 1024,
        }
    }
}
