//! A file of the simulated disk, whatever its name.

use std::collections::BTreeMap;

/// Its bytes, now and after a crash.
#[derive(Debug, Default)]
pub(super) struct Inode {
    /// As the running system reads it.
    pub(super) now: Vec<u8>,
    durable: Vec<u8>,
    /// Each version that a sector had since the last sync.
    unsynced: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl Inode {
    /// Writes, making the file longer if need be.
    pub(super) fn write(&mut self, start: usize, bytes: &[u8], sector_bytes: usize) {
        let end = start + bytes.len();
        self.now.resize(self.now.len().max(end), 0);
        self.now[start..end].copy_from_slice(bytes);
        for sector in start / sector_bytes..end.div_ceil(sector_bytes) {
            let from = sector * sector_bytes;
            let version = self.now[from..self.now.len().min(from + sector_bytes)].to_vec();
            self.unsynced.entry(sector).or_default().push(version);
        }
    }

    /// Makes what was written, and the length, durable.
    pub(super) fn sync(&mut self, sector_bytes: usize) {
        self.durable.resize(self.now.len(), 0);
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            if let Some(last) = versions.last() {
                let from = sector * sector_bytes;
                self.durable[from..from + last.len()].copy_from_slice(last);
            }
        }
    }

    /// A sync that failed: what waited is taken for clean, and no later sync writes it.
    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.clear();
    }

    /// All that is there becomes durable.
    pub(super) fn settle(&mut self) {
        self.durable.clone_from(&self.now);
        self.unsynced.clear();
    }

    /// Power went out: chooses for the length and for each unsynced sector which of its versions is on the disk.
    pub(super) fn survive(&mut self, sector_bytes: usize, mut one_of: impl FnMut(usize) -> usize) {
        if self.now.len() != self.durable.len() && one_of(2) == 0 {
            self.durable.resize(self.now.len(), 0);
        }
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            let chosen = one_of(versions.len() + 1);
            if let (Some(version), Some(room)) = (versions.get(chosen), self.durable.get_mut(sector * sector_bytes..)) {
                let bytes = version.len().min(room.len());
                room[..bytes].copy_from_slice(&version[..bytes]);
            }
        }
        self.now.clone_from(&self.durable);
    }
}
