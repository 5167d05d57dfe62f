//! A connection: a session (pure, what a client may say and what follows) under a transport (the shell).
//!
//! One actor per connection, the same for all: a WebSocket or raw TCP is read by `inbound`, cut by `reader`, and a session
//! over SSE and POST hears its lines through `posted`. Events do not pass through it: the hub writes them into the
//! socket itself, or the body of the stream pulls them. The actor hears requests, has them performed and queues
//! their answers.

mod actor;
mod inbound;
#[cfg(feature = "micro")]
pub(crate) mod micro;
mod performing;
mod posted;
mod reader;
mod session;
mod sessions;
mod update;
pub mod websocket;

pub use actor::{Connection, Source};
pub use sessions::Sessions;
