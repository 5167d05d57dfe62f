//! What a watch shows, on every transport: the real binary over real sockets.

#[path = "../harness/mod.rs"]
mod harness;

mod client;
mod line;
mod oracle;
mod viewer;

mod beginnings;
mod combined;
mod compression;
mod credit;
mod delta;
mod filter;
mod handshake;
mod herd;
mod memory;
mod meter;
mod metered_pace;
mod pace;
mod paced;
mod planted;
mod random;
mod remarks;
mod update;
