//! A connection: a session (pure, what a client may say and what follows) under a socket (the shell).
//!
//! One actor per WebSocket. Events do not pass through it: the hub writes them into the socket itself. The actor
//! reads requests, has them performed and queues their answers.

mod actor;
mod inbound;
mod session;
pub mod websocket;

pub use actor::Connection;
