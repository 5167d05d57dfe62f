//! The client's side of a WebSocket, as cheap as it can be.

#![allow(dead_code, unused_imports, reason = "each bench uses its part")]

mod frames;
mod socket;

pub use frames::{Opcode, open, put, take};
pub use socket::Socket;
