//! `fanfare bench` from outside: what it tells of a node, and that it sees each fault of a server that has one.

#[path = "../harness/mod.rs"]
mod harness;

mod broadcaster;
mod command;
mod fault;
mod scenario;
mod usage;
