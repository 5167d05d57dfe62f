//! Servers that a bench starts, as processes: pinned to a core, measured from outside, ended with the bench. Never ends or
//! measures a process that it did not start.

#![allow(dead_code, unused_imports, reason = "each bench uses its part")]

mod core;
mod started;
#[path = "../../src/bench/server/usage.rs"]
mod usage;

pub use self::core::{pin_load, pinned};
pub use started::Process;
pub(crate) use usage::{cpu_nanos, own_cpu_nanos, resident_bytes, runqueue_nanos};
