//! How much room the disk has: below the reserve publications are refused, so that what was acknowledged can still be
//! written, and the node still has room to delete in.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Bytes that this process may still write to the file system of a directory.
///
/// # Errors
/// When the system cannot say.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let file_system = statvfs(dir)?;
    Ok(file_system.blocks_available().saturating_mul(file_system.fragment_size()))
}
