//! Makes the directory of a node of a backup.
//!
//! The file is read twice: first all of it is verified, so that a damaged one touches nothing, then it is restored. What
//! was restored is checked as a whole before the directory becomes a node's. Every topic gets a new epoch by one row:
//! what it holds takes its epoch from there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fanfare_cluster::log::{FileLog, FileLogSettings, GroupId, LogEngine};
use fanfare_cluster::meta::{self, Row};
use fanfare_cluster::raft::{restored_position, write_restored};
use fanfare_cluster::{Chunk, ShardCount, ShardId, SnapshotSink};

use super::fault::{BadBackup, RestoreError};
use super::part::{Namespaces, Part};
use super::reader::{Contents, Reader};
use crate::log::rows::{Change, ShardRow, Window};
use crate::log::{ShardStorage, Stored};
use crate::store::{self, Claim, Identity, ShardStore, StateStore, StoreSettings};

/// What became of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What it is of.
    pub contents: Contents,
    /// Topics, each under a new epoch.
    pub topics: u64,
    /// Publications that they retain.
    pub publications: u64,
    /// Namespaces.
    pub namespaces: usize,
}

/// A restored node is the first of its cluster.
const NODE: u64 = 1;

/// Topics whose epochs are renewed in one step: a thousand rows are some hundred kilobytes.
const TOPICS_MAX: usize = 1_000;

/// Bytes that are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// Restores the backup in a file into a directory that is empty or not there. Durable when it returns; when it fails,
/// the directory is as it was. Blocks.
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(file: &Path, data_dir: &Path) -> Result<Restored, RestoreError> {
    let contents = verify(file)?;
    let claim = Claim::new(data_dir)?;
    let dir = claim.filling();
    let mut filling = Filling::begin(&dir, contents.shards)?;
    each_part(file, |part| filling.take(part))?;
    let restored = filling.finish(contents)?;
    let identity = Identity { format: store::FORMAT, node: NODE, shards: restored.contents.shards };
    claim.finish(&identity)?;
    Ok(restored)
}

fn verify(file: &Path) -> Result<Contents, RestoreError> {
    let contents = each_part(file, |_| Ok(()))?;
    ShardCount::new(contents.shards).map(|_| contents).map_err(|_| RestoreError::Bad {
        path: file.to_owned(),
        source: BadBackup::Damaged { offset: 0, what: "no cluster has that many shards" },
    })
}

fn each_part(file: &Path, mut take: impl FnMut(Part) -> Result<(), RestoreError>) -> Result<Contents, RestoreError> {
    let failed = |source| RestoreError::Read { path: file.to_owned(), source };
    let bad = |source| RestoreError::Bad { path: file.to_owned(), source };
    let mut from = File::open(file).map_err(failed)?;
    let mut reader = Reader::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return reader.finish().map_err(bad),
            Ok(bytes) => reader.push(&buffer[..bytes]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
        while let Some(part) = reader.next().map_err(bad)? {
            take(part)?;
        }
    }
}

/// A directory that is being filled.
struct Filling<'d> {
    dir: &'d Path,
    store: StateStore,
    shards: ShardCount,
    shard: Option<(ShardStore, Box<dyn SnapshotSink>)>,
    topics: u64,
    publications: u64,
    namespaces: usize,
}

impl<'d> Filling<'d> {
    fn begin(dir: &'d Path, shards: u32) -> Result<Self, RestoreError> {
        let store = StateStore::open(&dir.join("state"), StoreSettings::default())?;
        let shards = ShardCount::new(shards).unwrap_or_default();
        Ok(Self { dir, store, shards, shard: None, topics: 0, publications: 0, namespaces: 0 })
    }

    fn take(&mut self, part: Part) -> Result<(), RestoreError> {
        match part {
            Part::Begin(_) | Part::End(_) | Part::GivenUp(_) => {}
            Part::Shard(next) => {
                self.end_shard()?;
                if let Some(shard) = ShardId::new(next.shard, self.shards) {
                    let storage = self.store.shard(shard)?;
                    let sink = ShardStorage::snapshots(&storage).receive(&next.id())?;
                    self.shard = Some((storage, sink));
                }
            }
            Part::Piece(piece) => {
                if let Some((_, sink)) = &mut self.shard {
                    sink.put(Chunk { place: piece.place, bytes: piece.bytes })?;
                }
            }
            Part::Namespaces(namespaces) => {
                self.end_shard()?;
                self.put_namespaces(namespaces)?;
            }
        }
        Ok(())
    }

    /// All pieces of a shard are there: its topics begin new epochs, its group a new history.
    fn end_shard(&mut self) -> Result<(), RestoreError> {
        let Some((storage, sink)) = self.shard.take() else { return Ok(()) };
        let staged = sink.finish()?;
        storage.install(&staged)?;
        let row = Stored::shard(&storage)?;
        let position = restored_position(NODE, row.position.shard_ms.max(row.now_ms));
        let shard = ShardRow { position, ..row };
        let mut after = None;
        loop {
            let topics = storage.list("", after.as_deref(), TOPICS_MAX)?;
            after = topics.last().map(|(name, _)| name.as_str().to_owned());
            let is_last = topics.len() < TOPICS_MAX;
            let renewed = topics.into_iter().map(|(name, mut topic)| {
                self.topics += 1;
                self.publications += topic.history_count;
                topic.epoch = fastrand::u64(1..);
                Change::Topic(name, topic)
            });
            let changes = renewed.collect();
            storage.commit(&Window { number: 1, shard: shard.clone(), changes })?;
            if is_last {
                return Ok(());
            }
        }
    }

    fn put_namespaces(&mut self, namespaces: Namespaces) -> Result<(), RestoreError> {
        let rows = namespaces.rows.into_iter().map(|row| (row.name, Row { version: row.version, value: row.value }));
        let rows: std::collections::BTreeMap<_, _> = rows.collect();
        self.namespaces = rows.len();
        Ok(meta::restore(self.dir, namespaces.version, rows, restored_position(NODE, 0))?)
    }

    /// Makes everything durable, and looks at it once more.
    fn finish(self, contents: Contents) -> Result<Restored, RestoreError> {
        let Self { dir, store, shards, shard: _, topics, publications, namespaces } = self;
        let log = FileLog::open(&dir.join("wal"), FileLogSettings::default())?;
        let groups = shards.ids().map(|shard| GroupId(shard.get().into())).chain([GroupId::META]);
        write_restored(&log, groups, NODE)?;
        log.close()?;
        store.sync()?;
        drop(store);
        let checked = store::check(&dir.join("state"), StoreSettings::default())?;
        match checked.faults.into_iter().next() {
            Some(first) => Err(RestoreError::Faulty { first, count: checked.faults_count }),
            None => Ok(Restored { contents, topics, publications, namespaces }),
        }
    }
}
