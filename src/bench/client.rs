//! The client's side of many connections on one thread, made so that it is not what is measured: sockets that never block, one
//! buffer for all that arrives, frames read where they lie, and nothing allocated for a delivery.

mod answer;
mod connection;
mod fleet;
pub(crate) mod frame;
pub(crate) mod handshake;
mod source;
mod timer;

pub(crate) use fleet::{Fleet, Happening, Who};
pub(crate) use source::Sources;
pub(crate) use timer::Timer;
