//! The worlds of the demos: a market and a fleet that move by chance and by the time that they are told has passed. Pure:
//! no clock, no socket, no thread; `cli/demo_feed.rs` turns them and publishes what comes out.

mod device;
mod fleet;
mod market;
mod river;
mod symbols;
mod town;

use std::time::Duration;

use fanfare_client::Publication;

pub(crate) use fleet::{DEVICES_MAX, Fleet};
pub(crate) use market::Market;
pub(crate) use symbols::SYMBOLS_MAX;

/// What is fed.
pub(crate) trait World {
    /// The `state` topic that has it.
    fn topic(&self) -> &'static str;

    /// All of it, for a topic that has nothing yet.
    fn all(&mut self) -> Vec<(&'static str, Publication)>;

    /// So much time passes, in which so many things change.
    fn turn(&mut self, passed: Duration, count: usize) -> Vec<Publication>;

    /// The topics on which its things are told what to do.
    fn command_topics(&self) -> Vec<String> {
        Vec::new()
    }

    /// The thing of such a topic, by its place among them, is told something. What becomes of it; nothing where it does
    /// not understand.
    fn command(&mut self, _number: usize, _command: &str) -> Option<Publication> {
        None
    }
}
