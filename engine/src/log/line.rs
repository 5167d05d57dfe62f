//! Where a topic stands, and which cursors it can be read from: the same rules for a topic in memory and for one that
//! only the store has. Those of the protocol's `SPEC.md`, section V.

use fanfare_protocol::ResourceVersion;

use super::gap::Gap;

/// A topic's line of versions: those in (`floor`, `head`] are retained, but for what left by its own `ttl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) floor: u64,
}

impl Line {
    pub(super) fn at(&self, offset: u64) -> ResourceVersion {
        ResourceVersion::new(self.epoch, offset)
    }

    pub(super) fn version(&self) -> ResourceVersion {
        self.at(self.head)
    }

    /// The offset of a cursor of this epoch, or of `0.0`.
    pub(super) fn known(&self, cursor: ResourceVersion) -> Result<u64, Gap> {
        if cursor.is_none() {
            return Ok(0);
        }
        if cursor.epoch != self.epoch {
            return Err(Gap::EpochChanged { current: self.version() });
        }
        if cursor.offset > self.head {
            return Err(Gap::Ahead { current: self.version() });
        }
        Ok(cursor.offset)
    }

    /// The offset after which the topic can be read on.
    pub(super) fn resume(&self, cursor: ResourceVersion) -> Result<u64, Gap> {
        let offset = self.known(cursor)?;
        if offset < self.floor { Err(Gap::Gone { oldest: self.at(self.floor) }) } else { Ok(offset) }
    }
}
