//! Verifies a backup as it comes.

use bytes::Bytes;
use prost::Message;
use xxhash_rust::xxh3::Xxh3;

use super::fault::BadBackup;
use super::frame::Frames;
use super::order::{Order, Tally};
use super::part::{Begin, Body, Part};

/// What a whole backup is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// When it was taken, in milliseconds since 1970.
    pub taken_ms: u64,
    /// The program that wrote it.
    pub version: String,
    /// How many shards there are.
    pub shards: u32,
    /// Its length in bytes.
    pub bytes: u64,
}

/// See the module. Takes bytes in pieces of any length, and holds one part at most.
#[derive(Default)]
pub struct Reader {
    frames: Frames,
    order: Order,
    tally: Tally,
    digest: Xxh3,
    begin: Option<Begin>,
}

impl Reader {
    /// Before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// As soon as they cannot be those of a backup.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), BadBackup> {
        self.push(bytes);
        while self.next()?.is_some() {}
        Ok(())
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// When that was not all.
    pub fn finish(self) -> Result<Contents, BadBackup> {
        if self.order == Order::Over && self.frames.bytes() > self.frames.offset() {
            return Err(self.frames.damaged("something follows its end"));
        }
        match (self.order, self.begin) {
            (Order::Over, Some(Begin { taken_ms, version, shards })) => {
                Ok(Contents { taken_ms, version, shards, bytes: self.frames.bytes() })
            }
            _ => Err(BadBackup::Truncated { offset: self.frames.bytes() }),
        }
    }

    /// Takes the next bytes, whose parts are asked for.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// The next part, verified; `None` until it has come.
    pub(super) fn next(&mut self) -> Result<Option<Part>, BadBackup> {
        let offset = self.frames.offset();
        let Some(body) = self.frames.next()? else { return Ok(None) };
        let damaged = |what| BadBackup::Damaged { offset, what };
        let part = decoded(&body).ok_or_else(|| damaged("a part cannot be decoded"))?;
        self.order.step(&part).map_err(damaged)?;
        match &part {
            Part::GivenUp(why) => return Err(BadBackup::GivenUp { offset, why: why.clone() }),
            Part::End(end) if *end != self.tally.end(offset, self.digest.digest128()) => {
                return Err(damaged("its end does not tell what comes before it"));
            }
            Part::Begin(begin) => self.begin = Some(begin.clone()),
            Part::End(_) | Part::Shard(_) | Part::Piece(_) | Part::Namespaces(_) => {}
        }
        self.tally.count(&part);
        self.digest.update(&body);
        Ok(Some(part))
    }
}

fn decoded(body: &Bytes) -> Option<Part> {
    Body::decode(body.clone()).ok()?.part
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("order", &self.order)
            .field("bytes", &self.frames.bytes())
            .finish_non_exhaustive()
    }
}
