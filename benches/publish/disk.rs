//! The disk under all data directories: what one `fdatasync` takes on it, which is what a durable publish has to wait for.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// What is written before each sync: a page.
const WRITE_BYTES: usize = 4 * 1024;

/// The file is allocated before, so that no sync has to note a new length.
const FILE_BYTES: usize = 4 * 1024 * 1024;

/// See the module.
pub struct Disk {
    file: File,
    path: PathBuf,
    /// Each sync that was measured.
    syncs: Vec<Duration>,
}

impl Disk {
    /// Allocates the file in the directory.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("fdatasync");
        let file = File::create(&path).with_context(|| format!("`{}` cannot be made", path.display()))?;
        file.write_all_at(&vec![0; FILE_BYTES], 0)?;
        file.sync_all()?;
        Ok(Self { file, path, syncs: Vec::new() })
    }

    /// Measures some more, at the moment at which they are to be compared with something.
    pub fn measure(&mut self, count: usize) -> Result<()> {
        let page = [1; WRITE_BYTES];
        for index in 0..count {
            let begin = Instant::now();
            self.file.write_all_at(&page, (index * WRITE_BYTES % FILE_BYTES) as u64)?;
            self.file.sync_data()?;
            self.syncs.push(begin.elapsed());
        }
        Ok(())
    }

    /// All that were measured, sorted.
    pub fn syncs(&self) -> Vec<Duration> {
        let mut syncs = self.syncs.clone();
        syncs.sort_unstable();
        syncs
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Device and file system under a directory, as `/proc/mounts` names them.
///
/// # Errors
/// When it lies in memory: nothing could be told there about being durable.
pub fn name(directory: &Path) -> Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts").context("Linux tells its mounts")?;
    let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mounts = mounts.filter(|mount| mount.len() > 2 && directory.starts_with(mount[1]));
    let mount = mounts.max_by_key(|mount| mount[1].len()).context("every directory lies under a mount")?;
    let (device, system) = (mount[0], mount[2]);
    ensure!(
        !["tmpfs", "ramfs"].contains(&system),
        "`{}` is memory ({system}): name a directory on a disk with `--dir`",
        directory.display()
    );
    Ok(format!("{device} ({system})"))
}
