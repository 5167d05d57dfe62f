//! Every byte of every file of the tables, also of what no row needs any more: a compaction reads that too, and stops
//! the store when it cannot.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::faults::Faults;
use crate::store::engine::Engine;
use crate::store::fault::StoreError;
use crate::store::table::Table;

const BUFFER_BYTES: usize = 1024 * 1024;

pub(super) fn check(engine: &Engine, faults: &mut Faults) {
    for (path, sum) in Table::ALL.into_iter().flat_map(|table| engine.files(table)) {
        if let Some(found) = faults.note(sum_of(&path))
            && found != sum
        {
            faults.add(path.display().to_string(), "it does not have the checksum that its manifest says");
        }
    }
}

fn sum_of(path: &Path) -> Result<u128, StoreError> {
    let failed = |error| StoreError::io("read", path)(error);
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut sum = Xxh3::new();
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(sum.digest128()),
            bytes => sum.update(&buffer[..bytes]),
        }
    }
}
