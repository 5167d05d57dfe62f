//! The few things that the log asks of a disk, so that a simulated one can take the real one's place.
//!
//! What has returned is not durable: bytes are after [`DiskFile::sync_data`], names (created, renamed, removed) after
//! [`Disk::sync_dir`] of their folder. The log believes nothing else, and of a sector (at least 512 bytes) whose write
//! was interrupted it believes that it holds old or new bytes, never others.

mod real;
mod simulated;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;
pub use simulated::{Injury, Operation, SimulatedDisk};

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only to look.
    Read,
    /// To read and write.
    Write,
}

/// Folders and files. Every error is the system's; none is retried here.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a folder with those above it, durably; it may be there already.
    ///
    /// # Errors
    /// The system's.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in a folder that are text, in any order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// A new empty file to write to.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` if it is there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// A file that is there.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// Takes a file for this process alone, made if it is not there, until the handle is dropped.
    ///
    /// # Errors
    /// The system's; `WouldBlock` if another holds it.
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name in the same folder.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names of a folder durable.
    ///
    /// # Errors
    /// The system's. After one nobody knows what is durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that may still be written below a folder.
    ///
    /// # Errors
    /// The system's.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// A number that nobody can guess.
    fn chance(&self) -> u64;
}

/// An open file, read and written by place.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Reads into `buffer`; may read less, 0 at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes from `bytes`; may write less.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// The same past the system's memory, where that can be: nothing is copied there and kept to be read, and nothing is
    /// more durable than by [`Self::write_at`]. Whole pages of 4 KiB, in the file and in memory, go that way; others may not.
    ///
    /// # Errors
    /// The system's.
    fn write_through_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the bytes, and the length that it takes to read them, durable.
    ///
    /// # Errors
    /// The system's. After one nobody knows what is durable, and a second try may succeed without having written: never
    /// retry.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes the file at least this long, with space for every byte.
    ///
    /// # Errors
    /// The system's.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// How long it is, in bytes.
    ///
    /// # Errors
    /// The system's.
    fn length(&self) -> io::Result<u64>;
}

/// Writes all of it, going on after short writes.
///
/// # Errors
/// The system's; some of it may have been written.
pub fn write_all_at(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_all(bytes, offset, |bytes, offset| file.write_at(bytes, offset))
}

/// The same by [`DiskFile::write_through_at`].
///
/// # Errors
/// The system's; some of it may have been written.
pub fn write_through_all_at(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_all(bytes, offset, |bytes, offset| file.write_through_at(bytes, offset))
}

fn write_all(
    mut bytes: &[u8],
    mut offset: u64,
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer as far as the file goes; the count of bytes that were there.
///
/// # Errors
/// The system's.
pub fn read_full_at(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
