//! The real binary as a black box, over real sockets.

#[path = "../harness/mod.rs"]
mod harness;

mod bad_input;
mod crowd;
mod heavy_frames;
mod http_examples;
mod restart;
mod silent_peers;
mod wire_examples;
