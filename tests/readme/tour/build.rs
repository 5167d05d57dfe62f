//! Takes the Rust block out of README.md as it stands there, the address of the node apart.

use std::path::PathBuf;
use std::{env, fs};

/// What the block connects to, as it is written.
const ADDRESS: &str = "\"http://127.0.0.1:8000\"";

fn main() {
    let readme = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names it")).join("../../../README.md");
    println!("cargo::rerun-if-changed={}", readme.display());
    let text = fs::read_to_string(&readme).expect("README.md can be read");
    let mut blocks = text.split("\n```rust\n").skip(1);
    let block = blocks.next().and_then(|rest| rest.split_once("\n```\n")).expect("README.md has a block of Rust").0;
    assert!(blocks.next().is_none(), "README.md has one block of Rust: make room here for the others");
    assert_eq!(block.matches(ADDRESS).count(), 1, "the block of Rust connects to {ADDRESS}, once");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names it")).join("tour.rs");
    fs::write(out, block.replace(ADDRESS, "super::url()")).expect("the build directory can be written");
}
