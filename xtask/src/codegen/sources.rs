//! What files are made from: the tables of `protocol/catalogue` as rows, and the `.proto` files as
//! descriptors.

use std::fs;

use anyhow::{Context, Result};
use prost_types::FileDescriptorSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::project::Project;

/// The folder that names inside `.proto` files start from.
const PROTO: &str = "protocol/proto";

/// `codes.toml`: what can be refused, in the order of the table.
#[derive(Deserialize)]
pub(crate) struct Codes {
    pub(crate) code: Vec<Code>,
}

/// One code; the columns that something here is made from.
#[derive(Deserialize)]
pub(crate) struct Code {
    pub(crate) number: u16,
    pub(crate) name: String,
    /// The default sentence.
    pub(crate) message: String,
}

/// Reads `protocol/catalogue/NAME.toml`.
pub(crate) fn catalogue<T: DeserializeOwned>(project: &Project, name: &str) -> Result<T> {
    let path = format!("protocol/catalogue/{name}.toml");
    let text = fs::read_to_string(project.path(&path)).with_context(|| format!("cannot read {path}"))?;
    toml::from_str(&text).with_context(|| format!("{path} is not the table it should be"))
}

/// Every `.proto` file, compiled, with its comments.
pub(crate) fn descriptors(project: &Project) -> Result<FileDescriptorSet> {
    let root = project.path(PROTO);
    let mut files = Vec::new();
    let mut pending = vec![root.clone()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(&files).with_context(|| format!("{PROTO} does not compile"))?;
    Ok(compiler.file_descriptor_set())
}
