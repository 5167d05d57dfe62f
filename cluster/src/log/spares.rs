//! Files of the length of a segment, ready to become one: spent segments to be written again, and new ones made ahead.
//!
//! A new one is allocated and filled with zeros, so that a sync of the log writes data and no map of blocks: on ext4 that
//! is one flush in place of two or three. That takes a while, so it is done when the current segment is half full, on
//! a thread of its own. If space runs out, there is half a segment left to say so, and to write the purges in that give
//! some back. The log's own syncs go through the same disk meanwhile, so it is done in pieces with pauses between them, and
//! past the system's memory: to fill that with zeros that nobody reads costs a processor more than the rest of it all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::disk::{Disk, DiskFile, write_through_all_at};
use super::fault::LogFault;
use super::pages::AlignedBuffer;
use super::segment;

/// How long to wait before space is looked for again: 250 ms, so that a node that was full serves again at once to human eyes.
pub(super) const FULL_RETRY: Duration = Duration::from_millis(250);
/// Zeros are written and synced in such pieces: 512 KiB, a third of a millisecond, which a sync of the log may have to wait for.
const ZEROS_BYTES: usize = 512 * 1024;
/// Between two pieces, while the log has room: 2 ms, so that most of its syncs meet none, and 64 MiB take a third of a second.
const ZEROS_PAUSE: Duration = Duration::from_millis(2);

/// A file that no record counts in yet.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) length: u32,
}

/// The spares of a log.
#[derive(Debug)]
pub(super) struct Spares {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    length: u32,
    state: Mutex<State>,
    changed: Condvar,
    is_full: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    ready: Vec<Spare>,
    /// Names so far.
    count: u64,
    is_wanted: bool,
    /// The log will need it before long.
    is_urgent: bool,
    is_over: bool,
    fault: Option<LogFault>,
}

impl Spares {
    /// None yet; `length` is that of ordinary segments.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, length: u32) -> Self {
        let is_full = AtomicBool::new(false);
        Self { disk, dir: dir.to_owned(), length, state: Mutex::default(), changed: Condvar::new(), is_full }
    }

    /// Takes over what an earlier run left, as far as it is whole; the rest is removed.
    pub(super) fn adopt(&self, counts: &[u64], keep_max: usize) -> Result<(), LogFault> {
        for &count in counts {
            let path = self.dir.join(segment::spare_name(count));
            {
                let mut state = self.state.lock();
                state.count = state.count.max(count);
            }
            let file = self
                .disk
                .open(&path, super::disk::Access::Write)
                .map_err(|error| LogFault::io("open", &path, error))?;
            let length = file.length().map_err(|error| LogFault::io("read", &path, error))?;
            // Its length may have outlived its space.
            let is_whole = length == u64::from(self.length) && file.allocate(length).is_ok();
            if is_whole && self.len() < keep_max {
                self.put(Spare { path, file, length: self.length });
            } else {
                self.disk.remove(&path).map_err(|error| LogFault::io("remove", &path, error))?;
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().ready.len()
    }

    /// Whether there was no space for the next one.
    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// What went wrong on the other thread.
    pub(super) fn fault(&self) -> Result<(), LogFault> {
        self.state.lock().fault.clone().map_or(Ok(()), Err)
    }

    pub(super) fn take(&self) -> Option<Spare> {
        let mut state = self.state.lock();
        state.is_urgent = false;
        state.ready.pop()
    }

    pub(super) fn put(&self, spare: Spare) {
        self.state.lock().ready.push(spare);
        self.is_full.store(false, Ordering::Relaxed);
    }

    /// A name for one more.
    pub(super) fn next_path(&self) -> PathBuf {
        let mut state = self.state.lock();
        state.count += 1;
        self.dir.join(segment::spare_name(state.count))
    }

    /// Asks for one to be made if there is none; without pauses if it is urgent.
    pub(super) fn want(&self, is_urgent: bool) {
        let mut state = self.state.lock();
        state.is_urgent = is_urgent;
        if state.ready.is_empty() && !state.is_wanted {
            state.is_wanted = true;
            self.changed.notify_all();
        }
    }

    /// Makes the one that is wanted. `Ok(false)`: there is no space for it.
    pub(super) fn refill(&self, fill: Fill) -> Result<bool, LogFault> {
        if !self.state.lock().is_wanted {
            return Ok(true);
        }
        if self.len() == 0 {
            match self.make(self.length, fill)? {
                Some(spare) => self.put(spare),
                None => {
                    self.is_full.store(true, Ordering::Relaxed);
                    return Ok(false);
                }
            }
        }
        self.state.lock().is_wanted = false;
        Ok(true)
    }

    /// Makes what is wanted until it is told to end.
    pub(super) fn run(&self) {
        loop {
            let mut state = self.state.lock();
            while !state.is_wanted && !state.is_over {
                self.changed.wait(&mut state);
            }
            if state.is_over {
                return;
            }
            drop(state);
            let refilled = self.refill(Fill::PacedZeros);
            let mut state = self.state.lock();
            match refilled {
                Ok(true) => {}
                Ok(false) if state.is_over => return,
                Ok(false) => drop(self.changed.wait_for(&mut state, FULL_RETRY)),
                Err(fault) => {
                    state.fault = Some(fault);
                    return;
                }
            }
        }
    }

    /// Ends [`Self::run`].
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    /// A new file, allocated and durable with its name. `None`: there is no space.
    pub(super) fn make(&self, length: u32, fill: Fill) -> Result<Option<Spare>, LogFault> {
        let path = self.next_path();
        let made = self.try_make(&path, length, fill);
        match made {
            Ok(file) => Ok(Some(Spare { path, file, length })),
            Err((_, error)) if is_no_space(&error) => {
                // What was made of it would take the last of the space. If it cannot be removed, the next start does.
                let _ = self.disk.remove(&path);
                Ok(None)
            }
            Err((verb, error)) => Err(LogFault::io(verb, &path, error)),
        }
    }

    fn try_make(&self, path: &Path, length: u32, fill: Fill) -> Result<Arc<dyn DiskFile>, (&'static str, io::Error)> {
        let file = self.disk.create(path).map_err(|error| ("create", error))?;
        file.allocate(length.into()).map_err(|error| ("allocate", error))?;
        if fill != Fill::Nothing {
            self.fill(&*file, length as usize, fill == Fill::PacedZeros)?;
        }
        file.sync_data().map_err(|error| ("sync", error))?;
        self.disk.sync_dir(&self.dir).map_err(|error| ("sync the folder of", error))?;
        Ok(file)
    }

    fn fill(&self, file: &dyn DiskFile, length: usize, is_paced: bool) -> Result<(), (&'static str, io::Error)> {
        let mut zeros = AlignedBuffer::zeros(ZEROS_BYTES.min(length));
        for offset in (0..length).step_by(ZEROS_BYTES) {
            if is_paced && offset > 0 {
                self.pause();
            }
            let zeros = zeros.bytes();
            let bytes = &zeros[..zeros.len().min(length - offset)];
            write_through_all_at(file, bytes, offset as u64).map_err(|error| ("write", error))?;
            file.sync_data().map_err(|error| ("sync", error))?;
        }
        Ok(())
    }

    fn pause(&self) {
        let mut state = self.state.lock();
        if !state.is_urgent && !state.is_over {
            self.changed.wait_for(&mut state, ZEROS_PAUSE);
        }
    }
}

/// Whether a new file is filled, which takes a while, or only allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Zeros,
    /// Piece by piece, with pauses as long as it is not urgent.
    PacedZeros,
    Nothing,
}

/// Whether an error will pass when someone frees space.
pub(super) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests;
