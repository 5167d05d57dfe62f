//! Cases for the micro benches (`benches/micro` of this crate): what the pure cores on the way of a publication do, over
//! and over, with input that is the same in every run. The cases of a room are in the room. Built with the feature
//! `micro` alone, so that no node has them; with it [maps](crate::hash) have the same seed in every run too.
//!
//! A case does what a node does, on data of the size that benchmarks have (128 bytes of JSON), until what it holds has the
//! size that it keeps, and no further: its last round costs what its first did.

pub(crate) mod sample;
mod wire;

pub use fanfare_cluster::micro::{Body, Case};

use crate::{connection, hub, log, topic, view};

/// All cases of this crate and of those below it.
pub fn cases() -> impl Iterator<Item = Case> {
    wire::CASES
        .into_iter()
        .chain(connection::micro::CASES)
        .chain(view::micro::CASES)
        .chain(topic::micro::CASES)
        .chain(hub::micro::CASES)
        .chain(log::micro::CASES)
        .chain(fanfare_cluster::micro::cases())
}
