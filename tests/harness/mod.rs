//! What black-box tests need: the real binary as a process of its own, and clients that can also misbehave.

#![allow(dead_code, unused_imports, reason = "each test crate uses its part")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes a value")]

mod batch;
pub mod http;
pub mod node;
pub mod socket;
pub mod sse;
mod talk;
pub mod tcp;

pub use http::Http;
pub use node::Node;
pub use socket::Socket;
pub use sse::SseSession;
pub use tcp::Tcp;

use std::time::Duration;

/// How long anything may take before a test gives up: generous, because test machines are small and shared.
pub const PATIENCE: Duration = Duration::from_secs(20);
