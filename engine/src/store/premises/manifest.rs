//! Manifests of the engine: each table has a directory `keyspaces/N` with a file `current`, which names the latest
//! manifest `vN` and its checksum (XXH3, 128 bits). The engine writes that sum and does not look at it again.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use crate::store::fault::StoreError;
use crate::store::table::Table;

/// Every table has its manifest, and each is what was written.
pub(super) fn verify(rows: &Path) -> Result<(), StoreError> {
    let version = rows.join("version");
    if read(&version)? != b"FJL\x03" {
        return Err(StoreError::CorruptFile { path: version, offset: 0, what: "it is no state of this engine" });
    }
    let keyspaces = rows.join("keyspaces");
    // 0 is the engine's own, with the names and options of the others.
    for number in 0..=Table::ALL.len() {
        verify_one(&keyspaces.join(number.to_string()))?;
    }
    Ok(())
}

fn verify_one(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join("current");
    let current = read(&path)?;
    let corrupt = |path: PathBuf, what| StoreError::CorruptFile { path, offset: 0, what };
    let parts =
        current.split_first_chunk::<8>().and_then(|(number, rest)| Some((number, rest.split_first_chunk::<16>()?)));
    let Some((number, (sum, &[0]))) = parts else {
        return Err(corrupt(path, "it does not name a manifest"));
    };
    let manifest = dir.join(format!("v{}", u64::from_le_bytes(*number)));
    if xxh3_128(&read(&manifest)?) != u128::from_le_bytes(*sum) {
        return Err(corrupt(manifest, "it does not have the checksum that `current` says"));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => StoreError::MissingFile { path: path.to_path_buf() },
        _ => StoreError::io("read", path)(error),
    })
}
