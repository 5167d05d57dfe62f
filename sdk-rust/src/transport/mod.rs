//! How frames travel. One transport so far: WebSocket. Knows no message and keeps no state beyond its socket; whatever
//! goes wrong ends it, and the session decides what then.

#[cfg(feature = "compression")]
mod inflate;
mod target;
mod websocket;
mod wire;

pub(crate) use target::Target;
pub(crate) use wire::{Address, Signal, Wire};
