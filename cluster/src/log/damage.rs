//! What is wrong at one place of the log, in a form that a later segment can carry.

use std::path::Path;

use super::engine::GroupId;
use super::fault::LogFault;
use super::record::{u32_at, u64_at};
use super::segment;

/// A place that cannot be read back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) what: What,
    /// Whose record it was, where that can be told.
    pub(super) group: Option<GroupId>,
}

/// What is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The segment's first bytes are no header, or that of another segment.
    Header = 1,
    /// No record begins where one was.
    Record = 2,
    /// A record's payload does not have its checksum.
    Payload = 3,
    /// A record does not follow the one before it in its group.
    Order = 4,
    /// The segment is not there.
    Missing = 5,
    /// The segment is shorter than it was made.
    Short = 6,
    /// The segment is longer than it was made. Nothing is lost by that.
    Long = 7,
}

impl Damage {
    pub(super) fn new(segment: u64, offset: u64, what: What) -> Self {
        Self { segment, offset, what, group: None }
    }

    /// As a sentence for people, with the path of the file.
    pub(super) fn fault(&self, dir: &Path) -> LogFault {
        let path = dir.join(segment::name(self.segment));
        let what = match self.what {
            What::Missing => return LogFault::MissingSegment { path },
            What::Header => "its header is not the one that was written",
            What::Record => "no record begins where one was written",
            What::Payload => "a record does not have the checksum that it was written with",
            What::Order => "a record does not follow the one before it, which is not there",
            What::Short => "the file ends here, before the end that it was made with",
            What::Long => "the file goes on here, behind the end that it was made with",
        };
        LogFault::Corrupt { path, offset: self.offset, what, group: self.group }
    }

    /// As the payload of a doubt.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(24);
        payload.extend(self.segment.to_le_bytes());
        payload.extend(self.offset.to_le_bytes());
        payload.extend((self.what as u32).to_le_bytes());
        payload.extend(self.group.map_or(u32::MAX, |group| group.0).to_le_bytes());
        payload
    }

    /// From the payload of a doubt; `None` if it is none.
    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let whats = [What::Header, What::Record, What::Payload, What::Order, What::Missing, What::Short, What::Long];
        let payload = payload.get(..24)?;
        let group = Some(u32_at(payload, 20)).filter(|group| *group != u32::MAX);
        Some(Self {
            segment: u64_at(payload, 0),
            offset: u64_at(payload, 8),
            what: whats.into_iter().find(|what| *what as u32 == u32_at(payload, 16))?,
            group: group.map(GroupId),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_survives_as_a_doubt() {
        for (what, group) in [(What::Header, None), (What::Payload, Some(GroupId(3))), (What::Missing, None)] {
            let damage = Damage { segment: 4, offset: 128, what, group };
            assert_eq!(Damage::decode(&damage.encode()), Some(damage));
        }
        assert_eq!(Damage::decode(&[0; 24]), None);
        assert_eq!(Damage::decode(&[1; 23]), None);
    }

    #[test]
    fn damage_names_its_place() {
        let damage = Damage { segment: 4, offset: 128, what: What::Payload, group: Some(GroupId(3)) };
        let said = damage.fault(Path::new("/data/wal")).to_string();
        assert!(said.starts_with("`/data/wal/00000000000000000004.wal` is corrupt at byte 128: a record"), "{said}");
        let said = Damage::new(4, 0, What::Missing).fault(Path::new("wal")).to_string();
        assert!(said.starts_with("segment `wal/00000000000000000004.wal` is missing"), "{said}");
    }
}
