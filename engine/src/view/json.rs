//! JSON as the views read it: compact and valid, because the door saw to that (`protocol`, `compact`), and yet never trusted
//! with memory or the stack. Stepping over what is not wanted (`skim`) and reading the rest into a tree (`tree`).
//!
//! Of members with equal names the last one counts, everywhere: in filters, in the index and in a patch, as in a browser. A
//! reader that took the first would let a publisher show one value to the filter and another to the watcher.

mod skim;
#[cfg(test)]
pub(super) mod tests;
mod tree;

pub(super) use skim::{Members, find, is_name, name, value_end};
pub(super) use tree::{DEPTH_MAX, Json, whole};
