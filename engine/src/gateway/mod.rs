//! The doors: HTTP routes, the WebSocket handshake, raw TCP, and the map from refusals to answers.
//!
//! A route checks the form of a request, asks the node, and words the answer. No route decides anything about a topic,
//! and none keeps state between two requests.

mod admission;
mod app;
mod handshake;
mod hubs;
mod origin;
mod problem;
mod server;
mod socket;
mod tcp;
mod upgrade;
mod version;

pub use server::Server;
