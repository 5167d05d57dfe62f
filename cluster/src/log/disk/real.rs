//! The disk of the machine: `std::fs` and `nix`, both through libc, so that a shim under them sees every call.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{Access, Disk, DiskFile};

/// The file systems that this process sees.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile {
    file: File,
    /// The same file, past the page cache; `None` where the file system has no such way.
    direct: Option<File>,
}

impl RealFile {
    fn of(file: File) -> Arc<dyn DiskFile> {
        Arc::new(Self { file, direct: None })
    }

    fn writable(file: File, path: &Path) -> Arc<dyn DiskFile> {
        // Refused or not, it is written to: this saves time only.
        Arc::new(Self { file, direct: open_direct(path).ok() })
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above {
            self.create_dir(above)?;
        }
        fs::create_dir(dir)?;
        self.sync_dir(above.unwrap_or(Path::new(".")))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(RealFile::writable(file, path))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(access == Access::Write).open(path)?;
        Ok(if access == Access::Write { RealFile::writable(file, path) } else { RealFile::of(file) })
    }

    fn lock(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })?;
        Ok(RealFile::of(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let figures = nix::sys::statvfs::statvfs(dir)?;
        // What root may use beyond is not counted: a full disk is what the node's own user sees.
        #[allow(clippy::useless_conversion, reason = "32 bits on some systems")]
        Ok(u64::from(figures.blocks_available()).saturating_mul(u64::from(figures.fragment_size())))
    }

    fn chance(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    /// The system keeps both ways of one file together: it drops the cached pages that are written past.
    fn write_through_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.direct.as_ref().map(|direct| direct.write_at(bytes, offset)) {
            // Not whole pages, or larger ones are asked for here.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => self.file.write_at(bytes, offset),
            Some(outcome) => outcome,
            None => self.file.write_at(bytes, offset),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        allocate(&self.file, bytes)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> io::Result<File> {
    use nix::fcntl::OFlag;
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).custom_flags(OFlag::O_DIRECT.bits()).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// File systems that cannot reserve space (some over the network) are only made long: the log writes every byte of a
/// new segment anyway before it counts on it.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    use nix::errno::Errno;
    let length = bytes.try_into().map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    loop {
        match nix::fcntl::posix_fallocate(file, 0, length) {
            Err(Errno::EINTR) => {}
            Err(Errno::EOPNOTSUPP | Errno::EINVAL) => return lengthen(file, bytes),
            outcome => return Ok(outcome?),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    lengthen(file, bytes)
}

fn lengthen(file: &File, bytes: u64) -> io::Result<()> {
    if file.metadata()?.len() < bytes { file.set_len(bytes) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
