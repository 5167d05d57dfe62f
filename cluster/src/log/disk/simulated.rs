//! A disk in memory that loses power. What was written and not synced survives a crash sector by sector, by chance, in
//! any version that it had since the last sync; names likewise, change by change. That is harsher than most file
//! systems and allowed to all of them.
//!
//! Everything is driven by one seed: the same calls in the same order lose the same bytes.

mod injury;
mod inode;
mod world;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Access, Disk, DiskFile};
pub use injury::{Injury, Operation};
use world::World;

/// The disk; clones are the same one.
#[derive(Debug, Clone)]
pub struct SimulatedDisk(Arc<Mutex<World>>);

impl SimulatedDisk {
    /// An empty disk whose chance comes from `seed`, with sectors of 512 bytes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_sectors(seed, 512)
    }

    /// The same with larger sectors: what is written as a whole or not at all.
    #[must_use]
    pub fn with_sectors(seed: u64, sector_bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(World::new(seed, sector_bytes.max(1)))))
    }

    /// Power goes out in the `n`-th changing operation from now, 1 being the next: it may have happened or not.
    pub fn crash_at(&self, n: u64) {
        self.0.lock().crash_at(n);
    }

    /// Power goes out now: everything fails until [`Self::restart`].
    pub fn crash(&self) {
        self.0.lock().crash();
    }

    /// Whether power is out.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.0.lock().is_crashed()
    }

    /// Power is back: what was synced is there, and a random part of what was not. Handles from before are dead.
    pub fn restart(&self) {
        self.0.lock().restart();
    }

    /// The process died and the machine did not, now or where [`Self::crash_at`] stopped it: handles from before are dead,
    /// and nothing is lost, but it is no more durable than it was.
    pub fn kill(&self) {
        self.0.lock().kill();
    }

    /// Changing operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations()
    }

    /// The `n`-th operation of a kind from now, 1 being the next, is injured.
    pub fn injure(&self, operation: Operation, n: u64, injury: Injury) {
        self.0.lock().injure(operation, n, injury);
    }

    /// How many bytes all files may have together; what needs more is told that there is no space.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.lock().capacity = bytes;
    }

    /// Mounts it read-only, or writable again.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.0.lock().is_read_only = is_read_only;
    }

    /// What a file holds.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.lock().inode(path).map(|inode| inode.now.clone())
    }

    /// Rots: replaces what a file holds, durably and without an operation.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn rot(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.0.lock().inode(path).map(|inode| {
            change(&mut inode.now);
            inode.settle();
        })
    }

    /// Every file.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.0.lock().files()
    }

    fn handle(&self, inode: u64, life: u64, access: Access, locked: Option<PathBuf>) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile { disk: self.clone(), inode, life, access, locked })
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.lock().create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.lock().list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (inode, life) = self.0.lock().create(path)?;
        Ok(self.handle(inode, life, Access::Write, None))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let (inode, life) = self.0.lock().open(path, access)?;
        Ok(self.handle(inode, life, access, None))
    }

    fn lock(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (inode, life) = self.0.lock().lock(path)?;
        Ok(self.handle(inode, life, Access::Write, Some(path.to_owned())))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.lock().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.lock().sync_dir(dir)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.0.lock().free_bytes())
    }

    fn chance(&self) -> u64 {
        self.0.lock().chance()
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
    life: u64,
    access: Access,
    locked: Option<PathBuf>,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.0.lock().read_at(self.inode, self.life, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.0.lock().write_at(self.inode, self.life, bytes, offset)
    }

    /// No different: what power takes is the same.
    fn write_through_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.0.lock().sync_data(self.inode, self.life)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.0.lock().allocate(self.inode, self.life, bytes)
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.0.lock().length(self.inode, self.life)
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.locked {
            self.disk.0.lock().unlock(path, self.life);
        }
    }
}

#[cfg(test)]
mod tests;
