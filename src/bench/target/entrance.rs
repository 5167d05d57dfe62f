//! How a connection begins: what opens it, and what is said then.

use std::sync::Arc;

use super::Door;

/// See the module. Cheap to clone: thousands of connections begin alike.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    /// Of a WebSocket; none where plain HTTP is spoken, which needs no opening.
    pub(crate) handshake: Option<Arc<[u8]>>,
    /// Said once it is open: subscriptions.
    pub(crate) greeting: Arc<[u8]>,
    /// Whether it counts as open only when the greeting was answered.
    pub(crate) awaits_answer: bool,
}

impl Entrance {
    /// Of a WebSocket.
    pub(crate) fn new(door: &Door, greeting: &[u8], awaits_answer: bool) -> Self {
        Self { handshake: Some(door.request().into()), greeting: greeting.into(), awaits_answer }
    }

    /// Of a connection on which requests of HTTP follow each other.
    pub(crate) fn http() -> Self {
        Self { handshake: None, greeting: Arc::default(), awaits_answer: false }
    }
}
