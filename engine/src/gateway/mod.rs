//! The doors: HTTP routes, the WebSocket handshake, and the map from refusals to answers.
//!
//! A route checks the form of a request, asks the node, and words the answer. No route decides anything about a topic,
//! and none keeps state between two requests.

mod app;
mod origin;
mod problem;
mod server;
mod upgrade;

pub use server::Server;
