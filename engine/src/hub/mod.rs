//! The hub: one per worker thread, between the topics of the node and this thread's sockets.
//!
//! It holds a ring for every view that someone on this worker follows, and sweeps: append what came, yield once
//! so that whatever else is ready can be appended too, then write to each socket that is behind, once, whatever
//! has gathered. No message, task wake-up, allocation or copy per subscriber. It reads no log and decides nothing
//! about a topic: who falls off a ring is handed to `topic::catch_up`.

mod actor;
mod exit;
mod following;
mod heartbeat;
#[cfg(feature = "micro")]
pub(crate) mod micro;
mod notice;
mod outbox;
mod outlet;
mod pages;
mod pass;
mod refusal;
mod ring;
mod settings;
mod slot;
mod terms;
mod tick;
mod view;
mod views;
mod worker;

pub use actor::{Drain, Frame, Frames, HubActor, Opened};
pub use heartbeat::ending;
pub use notice::Notice;
pub use outlet::Outlet;
pub use pages::{EncodedPage, PageKey};
pub use refusal::SubscribeError;
pub use settings::Delivery;
pub use slot::Slot;
pub use terms::Terms;
pub use view::Continue;
pub use worker::{Hub, HubId};
