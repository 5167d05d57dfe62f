//! The state of a node's shards on disk: what their state machines stored behind themselves, window by window, so that
//! a start replays seconds and memory holds what is hot.
//!
//! [`StateStore`] is the door, [`ShardStore`] what one shard sees of it. On [`fjall`], an LSM tree: [`table`] the tables,
//! [`key`] and [`codec`] what a row looks like, [`seal`] the checksum that every value carries from the shard that wrote it
//! to whoever reads it, also on another node. [`engine`] writes batches and hands out moments at which all stands still
//! ([`still`]); [`view`] reads a shard at such a moment; [`window`] turns what changed into a batch; [`snapshot`] hands a
//! shard on, and takes one in beside what is in use; [`garbage`] clears away later what is not worth a wait now.
//!
//! The engine is trusted with order and with not losing what it synced, and with nothing else: [`premises`] verifies
//! what it would follow blindly before it is let at a directory, [`shield`] catches its panics, every row is verified
//! when it is read, and [`check`] verifies all of them against each other.
//!
//! **No topic is decided upon here, no clock is read, nothing is awaited.** All calls may block on a disk.

mod check;
mod claim;
mod codec;
mod data_dir;
mod engine;
mod fault;
mod figures;
mod free_space;
mod garbage;
mod key;
mod nascent;
mod premises;
mod progress;
mod seal;
mod settings;
mod shadow;
mod shard;
mod shield;
mod snapshot;
mod state;
mod still;
mod table;
mod view;
mod window;
mod write_behind;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod tests;

pub use check::{Checked, CheckedShard, FAULTS_MAX, Fault, check};
pub use claim::Claim;
pub use data_dir::{DataDir, DataDirError, FORMAT, Identity};
pub use fault::StoreError;
pub use figures::{ShardFigures, StoreFigures, TopicFigures, figures};
pub use free_space::free_bytes;
pub use nascent::{NascentShard, NascentStore};
pub use settings::StoreSettings;
pub use shadow::Shadow;
pub use shard::ShardStore;
pub use state::{StateStore, StoreSizes};
pub use write_behind::{Applied, OnStored, WindowSettings, WriteBehind, Written};
