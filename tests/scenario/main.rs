//! The real binary as a black box, over real sockets.

#[path = "../harness/mod.rs"]
mod harness;

mod bad_input;
mod crowd;
mod heavy_frames;
mod http_examples;
mod raw_tcp;
mod restart;
mod silent_peers;
mod sse_sessions;
mod transports;
mod wire_examples;
