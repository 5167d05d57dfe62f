//! `cargo xtask codegen`: the pages and the files of other languages that follow from the tables in
//! `protocol/catalogue` and the `.proto` files. The Rust side needs no file: `protocol/build.rs`
//! makes it from the same sources. [`sources`] reads them, a module per language makes text of them
//! without touching a file, [`files`] says which text goes where and compares or writes.

mod docs;
mod files;
mod sources;
mod typescript;

pub(crate) use files::{check, write};
