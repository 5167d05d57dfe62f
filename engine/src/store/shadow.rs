//! A shadow of a store: opened in its place, so that to look at a store changes not a byte of it.
//!
//! The engine writes when it opens: it syncs and cuts its journal, deletes files that no manifest names, keeps a lock. The
//! shadow is a directory of its own, below the system's folder for temporary files, in which all that is ever written to
//! is a copy, at most some 130 MiB of journals, and tables and values, which are never written to once they are there, are
//! links. So it can be made of a store on a read-only file system too.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::fault::StoreError;
use super::premises;

/// See the module. Gone when it is dropped.
#[derive(Debug)]
pub struct Shadow {
    dir: PathBuf,
    of: PathBuf,
}

/// Below `rows/`: `keyspaces/N/tables/F` and `keyspaces/N/blobs/F` are as deep.
const TABLES_DEPTH: usize = 3;

impl Shadow {
    /// Of the store in a directory that no process uses.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or there is no room for the copies.
    pub fn of(store: &Path) -> Result<Self, StoreError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Links lead there from elsewhere.
        let from = store.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::MissingFile { path: store.to_owned() },
            _ => StoreError::io("read", store)(error),
        })?;
        let name = format!("fanfare-shadow-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).map_err(StoreError::io("create", &dir))?;
        let shadow = Self { dir, of: store.to_owned() };
        copy_files(&from, &shadow.dir)?;
        let rows = premises::rows(&from);
        if rows.is_dir() {
            cast_rows(&rows, &premises::rows(&shadow.dir), 0)?;
        }
        Ok(shadow)
    }

    /// What is opened.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A text that may name files of the shadow, naming those of the store.
    #[must_use]
    pub fn unveiled(&self, text: &str) -> String {
        text.replace(&*self.dir.to_string_lossy(), &self.of.to_string_lossy())
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        // Removes the links, and nothing that they lead to.
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, dir = %self.dir.display(), "what was copied to look at could not be removed");
        }
    }
}

fn cast_rows(from: &Path, to: &Path, depth: usize) -> Result<(), StoreError> {
    fs::create_dir(to).map_err(StoreError::io("create", to))?;
    if depth == TABLES_DEPTH {
        return each(from, |path, name| {
            let link = to.join(name);
            symlink(path, &link).map_err(StoreError::io("create", link))
        });
    }
    copy_files(from, to)?;
    each(from, |path, name| if path.is_dir() { cast_rows(path, &to.join(name), depth + 1) } else { Ok(()) })
}

/// Those that are in the directory itself.
fn copy_files(from: &Path, to: &Path) -> Result<(), StoreError> {
    each(from, |path, name| match path.is_dir() {
        true => Ok(()),
        false => fs::copy(path, to.join(name)).map(drop).map_err(StoreError::io("copy", path)),
    })
}

fn each(dir: &Path, mut take: impl FnMut(&Path, &std::ffi::OsStr) -> Result<(), StoreError>) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(StoreError::io("read", dir))? {
        let entry = entry.map_err(StoreError::io("read", dir))?;
        take(&entry.path(), &entry.file_name())?;
    }
    Ok(())
}
