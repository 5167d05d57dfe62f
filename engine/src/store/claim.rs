//! An empty directory on its way to become a node's: filled beside the places that count, and a node's only with its
//! identity, which is written last. Until then no node starts on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::data_dir::{self, DataDir, DataDirError, Identity, failed};

/// See the module. Given up, it leaves the directory as it was.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// The directory was made for this.
    is_new: bool,
    /// `None` once the directory is a node's.
    lock: Option<File>,
}

/// What is being filled. A start that finds it without an identity says that a restore did not finish.
pub(super) const FILLING: &str = "restoring";

impl Claim {
    /// Takes a directory that is empty, or not there.
    ///
    /// # Errors
    /// When it is a node's, holds anything else, is in use, or cannot be written to.
    pub fn new(path: &Path) -> Result<Self, DataDirError> {
        let is_new = !path.try_exists().map_err(failed("read", path))?;
        fs::create_dir_all(path).map_err(failed("create", path))?;
        // Once before anything is made in it, and once when nobody else can do the same. What may be another restore
        // that is under way is told by the lock.
        match is_empty(path) {
            Err(DataDirError::HalfRestored { .. }) => {}
            outcome => outcome?,
        }
        let lock = data_dir::lock(path)?;
        is_empty(path)?;
        let claim = Self { path: path.to_owned(), is_new, lock: Some(lock) };
        let filling = claim.filling();
        fs::create_dir(&filling).map_err(failed("create", &filling))?;
        Ok(claim)
    }

    /// Where the parts of the node are written to, under the names that they will have.
    #[must_use]
    pub fn filling(&self) -> PathBuf {
        self.path.join(FILLING)
    }

    /// What was written, and is durable, becomes the directory of a node.
    ///
    /// # Errors
    /// When it cannot be moved. What was moved before makes no node; the directory has to be emptied.
    pub fn finish(mut self, identity: &Identity) -> Result<(), DataDirError> {
        let filling = self.filling();
        for entry in fs::read_dir(&filling).map_err(failed("read", &filling))? {
            let from = entry.map_err(failed("read", &filling))?.path();
            let to = from.file_name().map(|name| self.path.join(name)).unwrap_or_default();
            fs::rename(&from, &to).map_err(failed("rename", &from))?;
        }
        sync(&self.path)?;
        data_dir::write_identity(&self.path, identity)?;
        self.lock = None;
        // A node starts with it there; it is only untidy.
        let _ = fs::remove_dir(&filling);
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.lock.is_none() {
            return;
        }
        // Whatever is left says for itself that it is no node.
        let _ = fs::remove_dir_all(self.filling());
        let _ = fs::remove_file(self.path.join(DataDir::LOCK));
        if self.is_new {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn is_empty(path: &Path) -> Result<(), DataDirError> {
    if data_dir::read(path)?.is_some() {
        return Err(DataDirError::NotEmpty { path: path.to_owned() });
    }
    data_dir::is_vacant(path).map_err(|error| match error {
        DataDirError::Foreign { path } => DataDirError::NotEmpty { path },
        other => other,
    })
}

fn sync(dir: &Path) -> Result<(), DataDirError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("write", dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Directory;

    fn identity() -> Identity {
        Identity { format: data_dir::FORMAT, node: 1, shards: 8 }
    }

    #[test]
    fn what_was_filled_is_a_nodes_once_it_is_finished() {
        let directory = Directory::new();
        let path = directory.path().join("data");
        let claim = Claim::new(&path).unwrap();
        fs::create_dir(claim.filling().join("wal")).unwrap();
        assert!(matches!(Claim::new(&path), Err(DataDirError::InUse { .. })));
        claim.finish(&identity()).unwrap();
        let opened = DataDir::open(&path).unwrap();
        assert_eq!(opened.identity(), &identity());
        assert!(opened.wal().is_dir() && !path.join(FILLING).exists());
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let directory = Directory::new();
        let path = directory.path().join("data");
        drop(Claim::new(&path).unwrap());
        assert!(!path.exists());
        fs::create_dir(&path).unwrap();
        let claim = Claim::new(&path).unwrap();
        fs::write(claim.filling().join("file"), "x").unwrap();
        drop(claim);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_holds_anything_is_refused_and_left_alone() {
        let directory = Directory::new();
        let (node, other) = (directory.path().join("node"), directory.path().join("other"));
        drop(DataDir::open(&node).unwrap());
        fs::create_dir(&other).unwrap();
        fs::write(other.join("photo"), "x").unwrap();
        for path in [&node, &other] {
            assert!(matches!(Claim::new(path), Err(DataDirError::NotEmpty { .. })), "{}", path.display());
        }
        assert!(other.join("photo").exists() && DataDir::open(&node).is_ok());
    }

    #[test]
    fn no_node_starts_on_what_an_interrupted_restore_left() {
        let directory = Directory::new();
        let path = directory.path().join("data");
        let claim = Claim::new(&path).unwrap();
        std::mem::forget(claim);
        fs::remove_file(path.join(DataDir::LOCK)).unwrap();
        let refused = DataDir::open(&path).unwrap_err();
        assert!(refused.to_string().contains("a restore that did not finish"), "{refused}");
        assert!(matches!(DataDir::inspect(&path), Err(DataDirError::HalfRestored { .. })));
        assert!(matches!(Claim::new(&path), Err(DataDirError::HalfRestored { .. })));
    }
}
