//! Namespaces while a node runs: what the meta group holds of them, and how a change comes to the shards.
//!
//! The table of the meta group is the truth; the configuration only seeds a new one. A policy acts in a shard from an
//! entry of its own on, so that all replicas change at one place: whoever finds a shard with older policies
//! [`settle`]s it, after a change and after a crash alike. [`declared`] reads the table, [`change`] decides what a wish
//! for another policy comes to, [`registry`] is the handle.
//!
//! A change of durability moves a namespace from one lane of shards to the other, and no topic survives that:
//!
//! 1. The row is put with its old durability and `moving_to` the new one. From a shard's entry with these policies on it
//!    takes no publication of the namespace (`OVERLOADED`, which clients repeat), and neither does the door.
//! 2. All topics of the namespace are deleted in the old lane, in batches; watchers see their epochs end.
//! 3. The row is put with the new durability. Publishes create topics in the new lane, under new epochs.
//!
//! Each step can be repeated, so whoever finds a row with `moving_to` goes on where another stopped. A wish for the old
//! durability meanwhile ends the move. **Knows no HTTP, and nothing of how a topic is kept.**

mod change;
mod declared;
mod lanes;
mod refusal;
mod registry;
mod settle;

pub use change::{Applied, Difference};
pub use declared::Declared;
pub use lanes::{Lanes, Listing};
pub use refusal::takes_publications;
pub use registry::{Namespaces, StartError};

#[cfg(test)]
mod tests;
