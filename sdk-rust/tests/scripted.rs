//! The client against a node that follows a script: what a healthy node does not do on demand. Tokens that end, frames
//! that nobody should take, refusals at the door, words of a later version.

#[cfg(feature = "compression")]
#[path = "scripted/batches.rs"]
mod batches;
#[path = "scripted/door.rs"]
mod door;
#[path = "scripted/script.rs"]
mod script;
#[path = "scripted/tokens.rs"]
mod tokens;
#[path = "scripted/words.rs"]
mod words;
