//! The engine of Fanfare: topics, the views of them, the sessions that follow them and the doors to all three.
//!
//! Read `ARCHITECTURE.md` first. Each module is a room with one door; [`node`] alone plugs them together. Cores
//! (`log`, `connection::session`, `connection::reader`, `connection::websocket`, `hub::ring`, `hub::heartbeat`) are plain
//! Rust: time, ids and chance reach them as arguments.

pub mod backup;
mod compression;
pub mod config;
mod connection;
mod gateway;
mod hash;
mod hub;
pub mod inspection;
pub mod limit;
pub mod log;
#[cfg(feature = "micro")]
pub mod micro;
mod namespace;
mod node;
pub mod store;
mod telemetry;
mod topic;
mod view;

pub use config::Config;
pub use gateway::Server;
pub use hub::Delivery;
pub use node::{Node, StartError};
