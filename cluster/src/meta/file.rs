//! The file of the meta group, `meta/state` in the data directory: the tables and where they stand, replaced whole and
//! atomically, so that a crash leaves the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::stored::{FORMAT, Stored, Unreadable};
use crate::shard::StateFault;

/// Why the tables cannot be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum MetaFault {
    /// Its bytes are not what was written.
    #[error("`{}` is corrupt: {what}; restore the data directory from a backup", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file of another version.
    #[error("`{}` is of format {found}, this version reads up to {known}; start it with a newer version", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What this version knows.
        known: u32,
    },
    /// The disk refused.
    #[error("cannot {verb} `{}`: {source}; check the disk and restart the node", path.display())]
    Io {
        /// `create`, `read`, `write`, `sync`, `rename`.
        verb: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<MetaFault> for StateFault {
    fn from(fault: MetaFault) -> Self {
        Self(Box::new(fault))
    }
}

/// The folder of the meta group and its files.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// The tables in use.
pub(super) const STATE: &str = "state";

/// A snapshot that was received and is not in use yet.
pub(super) const INCOMING: &str = "incoming";

impl Folder {
    /// Makes it, if need be.
    pub(super) fn open(data_dir: &Path) -> Result<Self, MetaFault> {
        let path = data_dir.join("meta");
        fs::create_dir_all(&path).map_err(io("create", &path))?;
        sync_folder(data_dir)?;
        Ok(Self(path))
    }

    /// What a file holds; `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Bytes>, MetaFault> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("read", &path)(error)),
        }
    }

    /// What a file means.
    pub(super) fn decode(&self, name: &str, bytes: &Bytes) -> Result<Stored, MetaFault> {
        let path = self.0.join(name);
        Stored::decode(bytes).map_err(|why| match why {
            Unreadable::Format(found) => MetaFault::Format { path, found, known: FORMAT },
            Unreadable::Corrupt(what) => MetaFault::Corrupt { path, what },
        })
    }

    /// What was received is not the snapshot that was announced.
    pub(super) fn not_staged(&self) -> MetaFault {
        MetaFault::Corrupt { path: self.0.join(INCOMING), what: "it is not the snapshot that was announced" }
    }

    /// Puts a file in the place of the one before: written aside, synced, renamed, and the folder synced.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), MetaFault> {
        let aside = self.0.join(format!("{name}.new"));
        let mut file = File::create(&aside).map_err(io("create", &aside))?;
        file.write_all(bytes).map_err(io("write", &aside))?;
        file.sync_all().map_err(io("sync", &aside))?;
        drop(file);
        self.rename(&format!("{name}.new"), name)
    }

    /// Puts a file that is synced in the place of another.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), MetaFault> {
        let (from, to) = (self.0.join(from), self.0.join(to));
        fs::rename(&from, &to).map_err(io("rename", &from))?;
        sync_folder(&self.0)
    }
}

fn sync_folder(path: &Path) -> Result<(), MetaFault> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io("sync", path))
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MetaFault {
    let path = path.to_owned();
    move |source| MetaFault::Io { verb, path, source }
}
