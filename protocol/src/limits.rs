//! The bounds that the contract names. A node may be configured to other values where SPEC.md section L says so; these are what both
//! ends assume until CONNECTED says otherwise.

/// The greatest integer that every JSON reader keeps exactly: 2^53 − 1. Bounds all integers of the JSON form.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The greatest id of a request, because browsers count in doubles.
pub const ID_MAX: u64 = INTEGER_MAX;

/// One WebSocket message, HTTP body or TCP envelope: four publications of the greatest size.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Envelopes in one message. Each may be answered, and an answer is many times longer than the shortest request: a message of nothing
/// but newlines and braces must not cost its receiver a hundred megabytes.
pub const ENVELOPES_MAX: usize = 1_024;

/// The data of one publication, unless its namespace says otherwise.
pub const PUBLICATION_BYTES_MAX: usize = 256 * 1024;

/// Publications in one PUBLISH. They become one entry of the log, which has to be copied to all replicas in one piece.
pub const PUBLICATIONS_MAX: usize = 1_000;

/// Views in one SUBSCRIBE; a client with more sends several.
pub const VIEWS_MAX: usize = 1_000;

/// Topics of one `GET /v1/watch`.
pub const WATCH_TOPICS_MAX: usize = 64;

/// The name of a topic, in bytes.
pub const TOPIC_BYTES_MAX: usize = 255;

/// An idempotency key and the id of a producer: kept in memory for the whole window, so they are not a place for data.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Nesting of a JSON value: deep enough for real documents, too shallow for a recursive reader's stack.
pub const JSON_DEPTH_MAX: usize = 64;

/// The text of an error. Texts of parsers quote the input, which may be a whole frame.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 512;

/// The reason of a WebSocket close frame: a control frame holds 125 bytes, two of them are the code (RFC 6455, 5.5).
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

/// The least that an event or a member of a topic takes in protobuf. Lists of smaller ones than this, beyond a few, are a trick to make
/// the reader allocate: an empty element takes two bytes of a frame and hundreds in memory.
pub(crate) const ITEM_BYTES_MIN: usize = 16;

/// The same in JSON, where names take their room too.
pub(crate) const ITEM_JSON_BYTES_MIN: usize = 32;

/// Elements that any list may have, however short what holds it.
pub(crate) const ITEMS_SLACK: usize = 64;

/// Publications that a snapshot of a `stream` holds unless `limit` says otherwise.
pub const SNAPSHOT_COUNT_DEFAULT: u32 = 100;

/// How long the answer to a version of the future waits before VERSION_AHEAD.
pub const VERSION_AHEAD_WAIT_MS: u64 = 3_000;

/// The longest silence of a view: a bookmark follows.
pub const BOOKMARK_INTERVAL_MS: u64 = 10_000;

/// How long a connection may be silent before it is pinged.
pub const HEARTBEAT_INTERVAL_MS: u64 = 25_000;

/// How long the answer to a ping may take.
pub const PONG_TIMEOUT_MS: u64 = 10_000;

/// How long a long poll waits for its first event.
pub const LONG_POLL_TIMEOUT_MS: u64 = 30_000;

/// How long a node may take to drain.
pub const SHUTDOWN_TIMEOUT_MS: u64 = 10_000;
