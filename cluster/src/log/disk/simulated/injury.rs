//! What may be wrong with one operation.

use std::io;

/// What can be asked of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Making a file.
    Create,
    /// Opening or locking one.
    Open,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Making bytes durable.
    Sync,
    /// Reserving space.
    Allocate,
    /// Renaming a file.
    Rename,
    /// Removing one.
    Remove,
    /// Making names durable.
    SyncDir,
}

/// What happens instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injury {
    /// `EIO`. Of a sync: nothing of what waited becomes durable, and, as on real kernels, a later sync does not try it again.
    Io,
    /// `ENOSPC`.
    NoSpace,
    /// A write that writes only so many bytes, or a read that reads only so many.
    Short(usize),
}

impl Injury {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Io | Self::Short(_) => io::Error::from_raw_os_error(5),
            Self::NoSpace => io::ErrorKind::StorageFull.into(),
        }
    }
}

/// Injuries to come, each with the count of operations of its kind until then.
#[derive(Debug, Default)]
pub(super) struct Injuries(Vec<(Operation, u64, Injury)>);

impl Injuries {
    pub(super) fn add(&mut self, operation: Operation, n: u64, injury: Injury) {
        self.0.push((operation, n, injury));
    }

    /// Counts an operation; its injury, if this is the one.
    pub(super) fn due(&mut self, operation: Operation) -> Option<Injury> {
        let mut due = None;
        self.0.retain_mut(|(kind, n, injury)| {
            if *kind == operation {
                *n = n.saturating_sub(1);
                if *n == 0 {
                    due = Some(*injury);
                }
            }
            *n > 0
        });
        due
    }
}
