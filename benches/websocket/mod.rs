//! The client's side of a WebSocket, as cheap as it can be.

#![allow(dead_code, unused_imports, reason = "each bench uses its part")]

#[path = "../../src/bench/client/frame.rs"]
mod frame;
mod frames;
mod socket;

pub(crate) use frame::{Opcode, put};
pub use frames::{open, take};
pub use socket::Socket;
