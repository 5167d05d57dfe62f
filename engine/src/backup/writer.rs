//! Takes a backup: shard after shard, each from a view that is let go of before the next one is made.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::meta::Table;
use fanfare_cluster::{ShardCount, ShardId, StateFault};
use prost::Message;
use xxhash_rust::xxh3::Xxh3;

use super::frame;
use super::order::Tally;
use super::part::{Begin, Body, Namespace, Namespaces, Part, Piece, Shard};
use crate::log::ShardStorage;
use crate::store::{StateStore, StoreError};

/// What a view may hold back in memory while it is read: 512 MiB. A view keeps all that was written since from being
/// forgotten, so a slow reader of a large shard on a busy node would else cost as much as is written meanwhile.
const HELD_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Pieces between two looks at that: 4 MiB.
const LOOK_PIECES: u64 = 16;

/// What is to be taken.
pub(crate) struct Job {
    /// Everything that was acknowledged before is stored in it.
    pub(crate) store: Arc<StateStore>,
    /// Of the cluster.
    pub(crate) shards: ShardCount,
    /// The wall clock, in milliseconds since 1970.
    pub(crate) taken_ms: u64,
    /// The namespaces, asked for behind the last shard; or why they do not belong to the shards.
    pub(crate) namespaces: Box<dyn FnOnce() -> Result<Arc<Table>, GivenUp> + Send>,
    /// Whether the node is about to stop.
    pub(crate) is_ending: Box<dyn Fn() -> bool + Send>,
}

/// Why it is not taken to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GivenUp {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] StateFault),
    #[error("the node is shutting down; take it again from the one that is started next")]
    Ending,
    #[error(
        "the node writes faster than the backup is read, {held_bytes} bytes are held in memory for it; take it when less is published"
    )]
    TooSlow { held_bytes: u64 },
    #[error("the durability of the namespace `{name}` was changed meanwhile; take it again")]
    Moved { name: String },
    /// Nobody reads it any more, so nobody is told.
    #[error("nobody reads it any more")]
    Unread,
}

/// Nobody takes the bytes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unread;

/// Hands the bytes of a backup to `out`, which may block; gives how many. When it cannot be taken to its end, that is the
/// last thing it says. Blocks on the disk.
pub(crate) fn write(job: Job, out: &mut dyn FnMut(Bytes) -> Result<(), Unread>) -> Result<u64, GivenUp> {
    let mut writer = Writer { out, number: 0, bytes: 0, tally: Tally::default(), digest: Xxh3::new() };
    match take(job, &mut writer) {
        Err(GivenUp::Unread) => Err(GivenUp::Unread),
        Err(why) => {
            writer.part(Part::GivenUp(why.to_string()))?;
            Err(why)
        }
        Ok(()) => Ok(writer.bytes),
    }
}

fn take(job: Job, writer: &mut Writer<'_>) -> Result<(), GivenUp> {
    writer.bytes(frame::header())?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    writer.part(Part::Begin(Begin { taken_ms: job.taken_ms, version, shards: job.shards.get() }))?;
    for shard in job.shards.ids() {
        take_shard(&job, shard, writer)?;
    }
    let table = (job.namespaces)()?;
    let row = |(name, row): (&str, &fanfare_cluster::meta::Row)| Namespace {
        name: name.to_owned(),
        version: row.version,
        value: row.value.clone(),
    };
    writer.part(Part::Namespaces(Namespaces { version: table.version(), rows: table.rows().map(row).collect() }))?;
    let end = writer.tally.end(writer.bytes, writer.digest.digest128());
    writer.part(Part::End(end))
}

fn take_shard(job: &Job, shard: ShardId, writer: &mut Writer<'_>) -> Result<(), GivenUp> {
    let view = ShardStorage::snapshots(&job.store.shard(shard)?).view()?;
    let shard = u32::from(shard.get());
    writer.part(Part::Shard(Shard::new(shard, view.id())))?;
    let mut place = Bytes::new();
    while let Some(chunk) = view.chunk(&place)? {
        place = chunk.place.clone();
        writer.part(Part::Piece(Piece { shard, place: chunk.place, bytes: chunk.bytes }))?;
        if (job.is_ending)() {
            return Err(GivenUp::Ending);
        }
        if writer.tally.pieces.is_multiple_of(LOOK_PIECES) {
            let held_bytes = job.store.sizes().memtable_bytes;
            if held_bytes > HELD_BYTES_MAX {
                return Err(GivenUp::TooSlow { held_bytes });
            }
        }
    }
    Ok(())
}

struct Writer<'o> {
    out: &'o mut dyn FnMut(Bytes) -> Result<(), Unread>,
    number: u64,
    bytes: u64,
    tally: Tally,
    digest: Xxh3,
}

impl Writer<'_> {
    fn part(&mut self, part: Part) -> Result<(), GivenUp> {
        self.tally.count(&part);
        let body = Body { part: Some(part) }.encode_to_vec();
        self.digest.update(&body);
        let frame = frame::frame(self.number, &body);
        self.number += 1;
        self.bytes(frame)
    }

    fn bytes(&mut self, bytes: Bytes) -> Result<(), GivenUp> {
        self.bytes += bytes.len() as u64;
        (self.out)(bytes).map_err(|Unread| GivenUp::Unread)
    }
}
