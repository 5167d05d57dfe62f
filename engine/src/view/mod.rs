//! A view: a topic seen through every parameter that changes what is delivered, in one encoding.
//!
//! Subscribers with equal parameters share the view, its number and its encoded frames. This room knows how
//! a view's frames are made, once for all of them; who gets them is the hub's business, when is the topic's.

mod budget;
mod facts;
mod fields;
mod filter;
mod frame;
mod json;
mod lens;
mod memory;
mod merge_patch;
#[cfg(feature = "micro")]
pub(crate) mod micro;
mod pace;
mod pending;
mod wire;

pub use budget::{HeldBytes, ViewBudget, ViewPlace};
pub use facts::Facts;
pub use filter::{CanonicalValue, Path};
pub use frame::{
    FRAME_BYTES, Span, encode, encode_state, event_bytes, is_logged, marker, put_envelope, put_ping, put_retry, trouble,
};
pub use lens::{Change, Kept, Lens, Was};
pub use memory::Memory;
pub use pace::{Allowance, Pacer};
pub use pending::{Pending, Sent};
pub use wire::{SessionWire, Wire};

use std::sync::Arc;

use fanfare_protocol::TopicName;

/// What makes two subscriptions share a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewKey {
    /// The topic.
    pub topic: TopicName,
    /// Its form on the wire.
    pub wire: Wire,
    /// What it shows of the topic; everything as it comes without one.
    pub lens: Option<Arc<Lens>>,
}

impl ViewKey {
    /// Whether one client has no use for both: they are equal but for what CONNECT granted in between.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        self.topic == other.topic && self.lens == other.lens && self.wire.alike().any(|wire| wire == other.wire)
    }
}
