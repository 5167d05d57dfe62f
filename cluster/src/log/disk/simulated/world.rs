//! The state of a simulated disk: what a running system sees, beside what would be left if power went out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::super::Access;
use super::injury::{Injuries, Injury, Operation};
use super::inode::Inode;

#[derive(Debug)]
pub(super) struct World {
    pub(super) capacity: Option<u64>,
    pub(super) is_read_only: bool,
    sector_bytes: usize,
    state: u64,
    /// Counts restarts, so that handles of an earlier life are known.
    life: u64,
    is_crashed: bool,
    operations: u64,
    crash_at: Option<u64>,
    injuries: Injuries,
    locks: BTreeSet<PathBuf>,
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    unsynced_names: Vec<NameChange>,
    inodes: BTreeMap<u64, Inode>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create { path: PathBuf, inode: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

impl World {
    pub(super) fn new(seed: u64, sector_bytes: usize) -> Self {
        Self {
            capacity: None,
            is_read_only: false,
            sector_bytes,
            state: seed,
            life: 0,
            is_crashed: false,
            operations: 0,
            crash_at: None,
            injuries: Injuries::default(),
            locks: BTreeSet::new(),
            dirs: BTreeSet::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            inodes: BTreeMap::new(),
        }
    }

    /// SplitMix64: small, seeded, and even enough to choose sectors with.
    pub(super) fn chance(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_of(&mut self, count: usize) -> usize {
        usize::try_from(self.chance() % count.max(1) as u64).unwrap_or_default()
    }

    pub(super) fn crash_at(&mut self, n: u64) {
        self.crash_at = Some(self.operations + n);
    }

    pub(super) fn crash(&mut self) {
        self.is_crashed = true;
    }

    pub(super) fn is_crashed(&self) -> bool {
        self.is_crashed
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn injure(&mut self, operation: Operation, n: u64, injury: Injury) {
        self.injuries.add(operation, n, injury);
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn restart(&mut self) {
        for change in std::mem::take(&mut self.unsynced_names) {
            if self.one_of(2) == 0 {
                apply(&mut self.durable_names, change);
            }
        }
        let mut inodes = std::mem::take(&mut self.inodes);
        inodes.retain(|inode, _| self.durable_names.values().any(|named| named == inode));
        for inode in inodes.values_mut() {
            inode.survive(self.sector_bytes, |count| self.one_of(count));
        }
        self.inodes = inodes;
        self.names = self.durable_names.clone();
        self.kill();
    }

    pub(super) fn kill(&mut self) {
        self.is_crashed = false;
        self.crash_at = None;
        self.locks.clear();
        self.life += 1;
    }

    /// Counts a changing operation. `Err` if it does not happen at all, `Ok(true)` if power goes out in it.
    fn change(&mut self, operation: Operation) -> io::Result<(bool, Option<Injury>)> {
        self.alive()?;
        if self.is_read_only && operation != Operation::Sync && operation != Operation::SyncDir {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.operations += 1;
        if self.crash_at == Some(self.operations) {
            self.is_crashed = true;
        }
        Ok((self.is_crashed, self.injuries.due(operation)))
    }

    fn alive(&self) -> io::Result<()> {
        if self.is_crashed { Err(power_is_out()) } else { Ok(()) }
    }

    /// The outcome of an operation that has been carried out, unless it was the last.
    fn outcome<T>(is_last: bool, value: T) -> io::Result<T> {
        if is_last { Err(power_is_out()) } else { Ok(value) }
    }

    pub(super) fn inode(&mut self, path: &Path) -> io::Result<&mut Inode> {
        let inode = self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        self.inodes.get_mut(inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn held(&mut self, inode: u64, life: u64) -> io::Result<&mut Inode> {
        self.alive()?;
        if life != self.life {
            return Err(io::Error::other("a handle from before the crash"));
        }
        self.inodes.get_mut(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Folders are durable at once: the log makes one, before anything else.
    pub(super) fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        if self.dirs.contains(dir) {
            return self.alive();
        }
        let (is_last, injury) = self.change(Operation::Create)?;
        injury.map_or(Ok(()), |injury| Err(injury.error()))?;
        self.dirs.extend(dir.ancestors().map(Path::to_owned));
        Self::outcome(is_last, ())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.alive()?;
        if !self.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = self.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<(u64, u64)> {
        let (is_last, injury) = self.change(Operation::Create)?;
        injury.map_or(Ok(()), |injury| Err(injury.error()))?;
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.operations;
        self.inodes.insert(inode, Inode::default());
        self.rechristen(NameChange::Create { path: path.to_owned(), inode });
        Self::outcome(is_last, (inode, self.life))
    }

    pub(super) fn open(&mut self, path: &Path, access: Access) -> io::Result<(u64, u64)> {
        self.alive()?;
        self.injuries.due(Operation::Open).map_or(Ok(()), |injury| Err(injury.error()))?;
        if self.is_read_only && access == Access::Write {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let inode = *self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((inode, self.life))
    }

    pub(super) fn lock(&mut self, path: &Path) -> io::Result<(u64, u64)> {
        self.alive()?;
        if self.locks.contains(path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let found = if self.names.contains_key(path) { self.open(path, Access::Write)? } else { self.create(path)? };
        self.locks.insert(path.to_owned());
        Ok(found)
    }

    pub(super) fn unlock(&mut self, path: &Path, life: u64) {
        if life == self.life {
            self.locks.remove(path);
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (is_last, injury) = self.change(Operation::Rename)?;
        injury.map_or(Ok(()), |injury| Err(injury.error()))?;
        if !self.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.rechristen(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        Self::outcome(is_last, ())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (is_last, injury) = self.change(Operation::Remove)?;
        injury.map_or(Ok(()), |injury| Err(injury.error()))?;
        if !self.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.rechristen(NameChange::Remove { path: path.to_owned() });
        Self::outcome(is_last, ())
    }

    fn rechristen(&mut self, change: NameChange) {
        apply(&mut self.names, change.clone());
        self.unsynced_names.push(change);
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let (is_last, injury) = self.change(Operation::SyncDir)?;
        injury.map_or(Ok(()), |injury| Err(injury.error()))?;
        // Of the sync in which power went out nothing is promised: `restart` chooses.
        Self::outcome(is_last, ())?;
        for change in std::mem::take(&mut self.unsynced_names) {
            if change.dir() == Some(dir) {
                apply(&mut self.durable_names, change);
            } else {
                self.unsynced_names.push(change);
            }
        }
        Ok(())
    }

    pub(super) fn free_bytes(&self) -> u64 {
        let files = self.names.values().filter_map(|inode| self.inodes.get(inode));
        let used = files.map(|inode| inode.now.len() as u64).sum();
        self.capacity.unwrap_or(u64::MAX).saturating_sub(used)
    }

    pub(super) fn read_at(&mut self, inode: u64, life: u64, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.held(inode, life)?;
        let mut length = buffer.len();
        match self.injuries.due(Operation::Read) {
            Some(Injury::Short(bytes)) => length = length.min(bytes),
            Some(injury) => return Err(injury.error()),
            None => {}
        }
        let now = &self.held(inode, life)?.now;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(now.len());
        let bytes = &now[start..now.len().min(start.saturating_add(length))];
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    pub(super) fn write_at(&mut self, inode: u64, life: u64, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let length = self.held(inode, life)?.now.len();
        let (is_last, injury) = self.change(Operation::Write)?;
        let bytes = match injury {
            Some(Injury::Short(short)) => &bytes[..short.min(bytes.len())],
            Some(injury) => return Err(injury.error()),
            None => bytes,
        };
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start + bytes.len();
        if end.saturating_sub(length) as u64 > self.free_bytes() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let sector_bytes = self.sector_bytes;
        self.held_even_if_crashed(inode)?.write(start, bytes, sector_bytes);
        Self::outcome(is_last, bytes.len())
    }

    fn held_even_if_crashed(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn sync_data(&mut self, inode: u64, life: u64) -> io::Result<()> {
        self.held(inode, life)?;
        let (is_last, injury) = self.change(Operation::Sync)?;
        Self::outcome(is_last, ())?;
        let sector_bytes = self.sector_bytes;
        let inode = self.held(inode, life)?;
        match injury {
            Some(injury) => {
                inode.forget_unsynced();
                Err(injury.error())
            }
            None => {
                inode.sync(sector_bytes);
                Ok(())
            }
        }
    }

    pub(super) fn allocate(&mut self, inode: u64, life: u64, bytes: u64) -> io::Result<()> {
        let length = self.held(inode, life)?.now.len();
        let (is_last, injury) = self.change(Operation::Allocate)?;
        injury.map_or(Ok(()), |injury| Err(injury.error()))?;
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if bytes.saturating_sub(length) as u64 > self.free_bytes() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.held_even_if_crashed(inode)?.now.resize(length.max(bytes), 0);
        Self::outcome(is_last, ())
    }

    pub(super) fn length(&mut self, inode: u64, life: u64) -> io::Result<u64> {
        self.held(inode, life).map(|inode| inode.now.len() as u64)
    }
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Create { path, .. } | Self::Remove { path } => path.parent(),
            Self::Rename { to, .. } => to.parent(),
        }
    }
}

/// A change whose subject never came to be does nothing.
fn apply(names: &mut BTreeMap<PathBuf, u64>, change: NameChange) {
    match change {
        NameChange::Create { path, inode } => {
            names.insert(path, inode);
        }
        NameChange::Rename { from, to } => {
            if let Some(inode) = names.remove(&from) {
                names.insert(to, inode);
            }
        }
        NameChange::Remove { path } => {
            names.remove(&path);
        }
    }
}

fn power_is_out() -> io::Error {
    io::Error::other("the power is out")
}
