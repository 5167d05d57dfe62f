//! Topics as this node serves them: who follows which view, and how a reader gets from its cursor to the head.
//!
//! A topic actor orders nothing (versions are given by the shard's state machine, see `log`): it only distributes.

mod actor;
mod bell;
pub mod catch_up;
mod census;
mod changes;
pub mod combined;
mod expiry;
mod fetch;
mod glass;
mod held;
mod history;
mod index;
pub mod meter;
mod metered;
#[cfg(feature = "micro")]
pub(crate) mod micro;
mod paced;
mod part;
pub mod plan;
pub mod publish;
mod queue;
mod registry;
pub mod together;
mod view;
pub mod watch;

pub use census::Census;
pub use expiry::Expiry;
pub use fetch::{DiskReads, faulted};
pub use publish::unavailable;
pub use registry::Topics;
