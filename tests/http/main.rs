//! HTTP as clients that we did not write use it: the real binary over real sockets.

#[path = "../harness/mod.rs"]
mod harness;

mod client;
mod inflating;

mod admin;
mod asset;
mod compression;
mod event_source;
mod examples;
mod input;
mod limit;
mod long_poll;
mod ndjson;
mod origin;
mod page;
