//! A node inside the process of a test, on threads of its own, and clients of it that allocate nothing once they are open: for tests
//! that count what the process asks of the allocator.

mod client;
mod node;

use std::time::Duration;

pub use client::Client;
pub use node::start;

/// How long a read may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);
