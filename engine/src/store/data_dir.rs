//! The directory of a node: who it belongs to, in which format, and that one process at a time uses it.
//!
//! ```text
//! identity.toml   format, node, shards: written once
//! lock            held while a process uses the directory
//! wal/            the write-ahead log of all groups
//! state/          what the shards became, in `fjall`
//! meta/           what the meta group became
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fanfare_cluster::ShardCount;
use serde::{Deserialize, Serialize};

use super::claim::FILLING;

/// The layout of the directory as a whole. A change that an earlier version cannot read raises it.
pub const FORMAT: u32 = 1;

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system refused.
    #[error("cannot {verb} `{}`: {source}", path.display())]
    Io {
        /// `create`, `read`, `write`, `lock`, `rename`.
        verb: &'static str,
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("`{}` is used by another process; stop it, or give this node a directory of its own with `--data-dir`", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Nothing that this program wrote.
    #[error("`{}` is not the identity of a node: {what}; restore the directory from a backup", path.display())]
    BadIdentity {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Written by a later version.
    #[error("`{}` is of format {found}, this version knows {FORMAT}; start it with a newer version", path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// It was to be restored, and is not whole.
    #[error("`{}` holds a restore that did not finish; empty the directory and run `fanfare restore` again", path.display())]
    HalfRestored {
        /// The directory.
        path: PathBuf,
    },
    /// Only an empty directory can be restored into.
    #[error("`{}` is not empty: restore into a new directory, or move what is there elsewhere first", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// It holds files, but no identity.
    #[error("`{}` holds files but no `identity.toml`: not the directory of a node, or a broken one; give another with `--data-dir`, or restore it from a backup", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
}

/// Who the directory belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// See [`FORMAT`].
    pub format: u32,
    /// The node in the eyes of its groups; never reused.
    pub node: u64,
    /// How many shards its cluster was created with.
    pub shards: u32,
}

/// A directory that this process uses.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    identity: Identity,
    /// The lock ends with it; `None` when there is no file to lock, so that no process can have it.
    _lock: Option<File>,
}

impl DataDir {
    /// The file that is locked.
    pub(super) const LOCK: &str = "lock";

    /// Opens the directory of a node, or makes one of an empty or missing directory.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let lock = lock(path)?;
        let identity = match read(path)? {
            Some(identity) => identity,
            None => create(path)?,
        };
        Ok(Self { path: path.to_owned(), identity, _lock: Some(lock) })
    }

    /// Locks the directory of a node without making or changing anything in it.
    ///
    /// # Errors
    /// See [`DataDirError`]; also when there is no node's directory.
    pub fn inspect(path: &Path) -> Result<Self, DataDirError> {
        let file = path.join(Self::LOCK);
        let lock = match File::open(&file) {
            Ok(file) => Some(locked(path, file)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open", &file)(error)),
        };
        let Some(identity) = read(path)? else {
            is_vacant(path)?;
            return Err(DataDirError::Foreign { path: path.to_owned() });
        };
        Ok(Self { path: path.to_owned(), identity, _lock: lock })
    }

    /// Who it belongs to.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// As it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The write-ahead log.
    #[must_use]
    pub fn wal(&self) -> PathBuf {
        self.path.join("wal")
    }

    /// What the shards became.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// What the meta group became.
    #[must_use]
    pub fn meta(&self) -> PathBuf {
        self.path.join("meta")
    }
}

pub(super) fn lock(dir: &Path) -> Result<File, DataDirError> {
    let path = dir.join(DataDir::LOCK);
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed("create", &path))?;
    locked(dir, file)
}

fn locked(dir: &Path, file: File) -> Result<File, DataDirError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed("lock", &dir.join(DataDir::LOCK))(source)),
    }
}

pub(super) fn read(dir: &Path) -> Result<Option<Identity>, DataDirError> {
    let path = dir.join("identity.toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    let bad = |what: String| DataDirError::BadIdentity { path: path.clone(), what };
    // The format is looked at first: a later one may have other fields.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| bad(error.message().to_owned()))?;
    match table.get("format").and_then(toml::Value::as_integer) {
        Some(found) if found > i64::from(FORMAT) => {
            return Err(DataDirError::Newer { path: dir.to_owned(), found: u32::try_from(found).unwrap_or(u32::MAX) });
        }
        Some(_) => {}
        None => return Err(bad("it says no `format`".to_owned())),
    }
    let identity: Identity = table.try_into().map_err(|error: toml::de::Error| bad(error.message().to_owned()))?;
    ShardCount::new(identity.shards).map_err(|error| bad(error.to_string()))?;
    Ok(Some(identity))
}

fn create(dir: &Path) -> Result<Identity, DataDirError> {
    is_vacant(dir)?;
    let identity = Identity { format: FORMAT, node: 1, shards: ShardCount::DEFAULT.get() };
    write_identity(dir, &identity)?;
    Ok(identity)
}

/// Whether a directory holds nothing that anyone could miss.
pub(super) fn is_vacant(dir: &Path) -> Result<(), DataDirError> {
    let filling = dir.join(FILLING);
    if filling.try_exists().map_err(failed("read", &filling))? {
        return Err(DataDirError::HalfRestored { path: dir.to_owned() });
    }
    let is_ours = |name: &str| [DataDir::LOCK, "lost+found", "identity.toml.new"].contains(&name);
    for entry in fs::read_dir(dir).map_err(failed("read", dir))? {
        let name = entry.map_err(failed("read", dir))?.file_name();
        if !name.to_str().is_some_and(is_ours) {
            return Err(DataDirError::Foreign { path: dir.to_owned() });
        }
    }
    Ok(())
}

/// Makes a directory that of a node. Durable when it returns.
pub(super) fn write_identity(dir: &Path, identity: &Identity) -> Result<(), DataDirError> {
    let text = toml::to_string(identity)
        .map_err(|error| DataDirError::BadIdentity { path: dir.join("identity.toml"), what: error.to_string() })?;
    let (path, fresh) = (dir.join("identity.toml"), dir.join("identity.toml.new"));
    let mut file = File::create(&fresh).map_err(failed("create", &fresh))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("write", &fresh))?;
    fs::rename(&fresh, &path).map_err(failed("write", &path))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("write", dir))?;
    // The directory's own entry: without it everything in it could be gone after a power loss.
    if let Some(parent) = dir.canonicalize().ok().as_deref().and_then(Path::parent) {
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed("write", parent))?;
    }
    Ok(())
}

pub(super) fn failed(verb: &'static str, path: &Path) -> impl Fn(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io { verb, path: path.clone(), source }
}
