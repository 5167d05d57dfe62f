//! What survives a reconnect, and every decision about it: which watches there are and how far each came, which
//! publications wait for their answer, when to connect again.
//!
//! Pure: no runtime, socket, clock or chance. What happened is told by a verb with the [`Moment`] at which it did; what
//! is to be done comes back as [`Effect`]s, which `connection.rs` performs. Keeps the client's part of sections S, W and
//! P of the protocol's `SPEC.md`.
//!
//! [`Session`] plugs machines together that know nothing of each other: [`link`] (when is there a connection),
//! [`requests`] (ids and answers), [`watches`] over [`subscription`], [`follower`] and [`cursor`] (reading; [`credit`] and [`values`] for views that have them),
//! [`publisher`] over [`publish_line`] (writing), and [`reads`] (history).

mod backoff;
mod connection_state;
mod credit;
mod cursor;
mod effect;
mod follower;
mod link;
mod machine;
mod merge_patch;
mod publish_line;
mod publisher;
mod reads;
mod requests;
mod settings;
mod stats;
mod step;
mod subscription;
mod values;
mod watches;

pub use connection_state::ConnectionState;
pub use cursor::Start;
pub use stats::Stats;

pub(crate) use backoff::Backoff;
pub(crate) use effect::{Answer, Delivery, Effect, Effects, Taken, Ticket, WatchId};
pub(crate) use machine::Session;
pub(crate) use publisher::raw_bytes;
pub(crate) use settings::Settings;
pub(crate) use step::Moment;
pub(crate) use watches::WatchSpec;
