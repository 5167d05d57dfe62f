//! How what leaves the node is made smaller for clients that ask for it.
//!
//! A [`Flow`] compresses an HTTP answer as it comes and holds nothing back: each piece can be read as soon as it is there.
//! It remembers what it has sent, so each one costs memory; [`Coding::compress`] compresses what is whole. No dictionary is learned
//! from data, and nothing that two clients get goes through one flow. A batch of a session ([`Batching`]) is compressed by itself, once
//! for all who share its view. Who asks for what is the gateway's business.

mod batch;
mod coding;
mod flow;

pub use batch::{BATCH_MARK, Batching};
pub use coding::Coding;
pub use flow::Flow;
