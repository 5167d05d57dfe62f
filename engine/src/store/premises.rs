//! What must be in place before the storage engine is let at its directory.
//!
//! The engine trusts what it finds: a table whose manifest is gone it takes for one that was never finished, and deletes
//! it; a manifest with a flipped bit it follows, and deletes the files that it no longer names; what it cannot read in a
//! journal it takes for the end of it, and cuts off all that follows. So its manifests and journals are verified first,
//! and what is damaged is left as it is.
//!
//! The directory: `lock`, held while it is open; `format`, the version of all that is here; `rows/`, the engine's. It is
//! created beside its place and moved there when it is whole, so a directory with `rows/` is never half made.

mod journal;
mod manifest;

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::fault::StoreError;
use super::settings::StoreSettings;

pub(super) use journal::Cut;

/// The version of the format, of everything in the directory.
pub(super) const FORMAT: u32 = 1;

/// What the file `format` begins with.
const FORMAT_WORDS: &str = "fanfare state ";

/// Held as long as it lives.
pub(super) struct Lock {
    _file: File,
}

/// Where the engine's files are.
pub(super) fn rows(dir: &Path) -> PathBuf {
    dir.join("rows")
}

/// Takes the directory, creating it where there is none.
pub(super) fn prepare(dir: &Path, settings: StoreSettings) -> Result<Lock, StoreError> {
    fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
    let lock = lock(dir)?;
    if !exists(&rows(dir))? {
        create(dir, settings)?;
    }
    verify(dir)?;
    Ok(lock)
}

/// Takes a directory that is there; gives what was cut off of its journal.
pub(super) fn inspect(dir: &Path) -> Result<(Lock, Option<Cut>), StoreError> {
    if !exists(dir)? {
        return Err(StoreError::MissingFile { path: dir.to_path_buf() });
    }
    let lock = lock(dir)?;
    let cut = verify(dir)?;
    Ok((lock, cut))
}

fn lock(dir: &Path) -> Result<Lock, StoreError> {
    let path = dir.join("lock");
    let file = File::options().create(true).append(true).open(&path).map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
    }
}

/// Whether the engine may be let at it. The unfinished end that a crash leaves in the journal is cut off: the engine
/// cannot always tell it from damage.
fn verify(dir: &Path) -> Result<Option<Cut>, StoreError> {
    let rows = rows(dir);
    if !exists(&rows)? {
        return Err(StoreError::MissingFile { path: rows });
    }
    verify_format(&dir.join("format"))?;
    manifest::verify(&rows)?;
    journal::verify(&rows)
}

fn verify_format(path: &Path) -> Result<(), StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(StoreError::MissingFile { path: path.to_path_buf() });
        }
        Err(error) => return Err(StoreError::io("read", path)(error)),
    };
    let found = text.strip_prefix(FORMAT_WORDS).and_then(|number| number.trim_end().parse::<u32>().ok());
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => {
            Err(StoreError::Format { place: path.display().to_string(), found, known: FORMAT })
        }
        _ => Err(StoreError::CorruptFile { path: path.to_path_buf(), offset: 0, what: "it does not name a format" }),
    }
}

fn create(dir: &Path, settings: StoreSettings) -> Result<(), StoreError> {
    let new = dir.join("rows.new");
    if exists(&new)? {
        fs::remove_dir_all(&new).map_err(StoreError::io("remove", &new))?;
    }
    Engine::create(&new, settings)?;
    sync_all(&new)?;
    let format = dir.join("format");
    File::create(&format)
        .and_then(|mut file| {
            file.write_all(format!("{FORMAT_WORDS}{FORMAT}\n").as_bytes()).and_then(|()| file.sync_all())
        })
        .map_err(StoreError::io("write", &format))?;
    sync(dir)?;
    fs::rename(&new, rows(dir)).map_err(StoreError::io("rename", &new))?;
    sync(dir)?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync(parent),
        None => Ok(()),
    }
}

/// A directory, and all that is in it.
fn sync_all(dir: &Path) -> Result<(), StoreError> {
    for entry in entries(dir)? {
        if entry.is_dir() {
            sync_all(&entry)?;
        } else {
            sync(&entry)?;
        }
    }
    sync(dir)
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::io("sync", path))
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(StoreError::io("read", path))
}

/// In no particular order.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(dir).and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect());
    entries.map_err(StoreError::io("read", dir))
}
