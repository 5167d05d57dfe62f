//! Directories of a test, and what is in them to the last byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::node::{Launch, Node, temporary_directory};

/// A directory that is gone with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        Self(temporary_directory())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A node on a directory that outlives it.
pub fn node_on(data: &Path, configuration: &str) -> Node {
    let launch = Launch { data: Some(data.to_owned()), configuration, ..Launch::default() };
    launch.start().unwrap_or_else(|ended| panic!("the node did not start: {}", ended.log.join("\n")))
}

/// Every file below a directory.
pub fn contents(of: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![of.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                files.insert(path.clone(), fs::read(&path).expect("it can be read"));
            }
        }
    }
    files
}

/// The first file below a directory that holds some bytes, and where.
pub fn find(of: &Path, needle: &[u8]) -> (PathBuf, usize) {
    let at = |bytes: &[u8]| bytes.windows(needle.len()).position(|window| window == needle);
    let found = contents(of).into_iter().find_map(|(path, bytes)| Some((path, at(&bytes)?)));
    found.expect("it was written there")
}

/// Flips a bit of a file.
pub fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).expect("it can be read");
    bytes[byte] ^= 1;
    fs::write(path, bytes).expect("it can be written");
}
