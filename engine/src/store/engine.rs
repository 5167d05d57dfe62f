//! The storage engine: our tables in it, batches, and moments at which it stands still.
//!
//! **Every batch goes through one gate**, for two reasons. Batches are numbered in the order in which they are in the
//! journal. And the engine's own snapshots may catch a batch half-written: the end of a flush in the background moves what
//! is visible past it. So the moment that readers see is taken here, between two batches, and handed to all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fjall::{AbstractTree, CompressionType, Database, Keyspace, OwnedWriteBatch, PersistMode, Readable, Snapshot};
use parking_lot::{Mutex, RwLock};

use super::codec::{self, Value};
use super::fault::StoreError;
use super::key::KEY_BYTES_MAX;
use super::premises::Lock;
use super::progress::{self, Progress};
use super::settings::StoreSettings;
use super::shield::shielded;
use super::state::StoreSizes;
use super::still::Still;
use super::table::Table;

/// Memtables of one table that may wait to be written to files while more is written: one that is on its way. The engine
/// waits from 4 on.
const SEALED_MEMTABLES_MAX: usize = 1;

/// Files of one table that overlap and may wait to be compacted. The engine slows down from 20 on and waits from 30 on.
const L0_RUNS_MAX: usize = 19;

/// Of the threads that flush and compact, between 0 for everyone else and 19: a third of the share of a thread that serves. With a
/// million topics just filled, the slowest hundredth of cold reads takes 8 ms at 0, 5 to 8 ms at 5 and 1 to 3 ms at 10; but at 10,
/// what waits for these threads under full load brings the process to 1.9 GiB, against 1.3 at 5 and 1.0 at 0.
const WORKERS_NICE: i32 = 5;

/// Nobody is told when a flush ends.
const BEHIND_POLL: Duration = Duration::from_millis(2);

/// See the module.
pub(super) struct Engine {
    dir: PathBuf,
    database: Database,
    keyspaces: [Keyspace; Table::ALL.len()],
    /// As of the last batch.
    gate: Mutex<Progress>,
    committed: AtomicU64,
    synced: AtomicU64,
    written_bytes: AtomicU64,
    latest: RwLock<Arc<Snapshot>>,
    /// Let go of after all of the above.
    _lock: Lock,
}

/// Rows that are written together or not at all.
pub(super) struct Batch {
    engine: Arc<Engine>,
    rows: OwnedWriteBatch,
    touched: [bool; Table::ALL.len()],
    bytes: u64,
}

impl Engine {
    /// Creates the tables in an empty directory.
    pub(super) fn create(dir: &Path, settings: StoreSettings) -> Result<(), StoreError> {
        shielded("created the tables", || {
            let database = open(dir, settings, 1)?;
            for table in Table::ALL {
                let keyspace = database.keyspace(table.name(), || table.options());
                keyspace.map_err(|error| StoreError::engine("create", error, dir))?;
            }
            database.persist(PersistMode::SyncAll).map_err(|error| StoreError::engine("sync", error, dir))
        })
    }

    /// Opens what was created. Without workers nothing is compacted, and nothing must be written.
    pub(super) fn open(
        dir: &Path,
        settings: StoreSettings,
        workers: usize,
        lock: Lock,
    ) -> Result<Arc<Self>, StoreError> {
        let engine = shielded("opened the tables", || {
            let database = open(dir, settings, workers)?;
            let keyspace = |table: Table| {
                if !database.keyspace_exists(table.name()) {
                    return Err(StoreError::MissingFile { path: dir.join("keyspaces").join(table.name()) });
                }
                let keyspace = database.keyspace(table.name(), || table.options());
                keyspace.map_err(|error| StoreError::engine("open", error, dir))
            };
            let [topics, items, folds, known, due, garbage, shards] = Table::ALL.map(keyspace);
            let keyspaces = [topics?, items?, folds?, known?, due?, garbage?, shards?];
            Ok(Self {
                dir: dir.to_path_buf(),
                latest: RwLock::new(Arc::new(database.snapshot())),
                gate: Mutex::new(Progress::default()),
                committed: AtomicU64::new(0),
                synced: AtomicU64::new(0),
                written_bytes: AtomicU64::new(0),
                database,
                keyspaces,
                _lock: lock,
            })
        })?;
        let progress = engine.progress()?;
        *engine.gate.lock() = progress;
        engine.committed.store(progress.batch, Ordering::Release);
        // What was replayed was synced before.
        engine.synced.store(progress.batch, Ordering::Release);
        Ok(Arc::new(engine))
    }

    /// How far it has come, and that all tables have come as far.
    fn progress(&self) -> Result<Progress, StoreError> {
        let snapshot = self.snapshot();
        let row = |table: Table| -> Result<Progress, StoreError> {
            let value = shielded("read how far it has come", || {
                let value = snapshot.get(self.keyspace(table), progress::KEY);
                value.map_err(|error| StoreError::reading(table.name(), || "at its progress".into(), error, &self.dir))
            })?;
            value.map_or(Ok(Progress::default()), |value| codec::open(progress::KEY, &value))
        };
        let whole = row(Table::Shards)?;
        for table in Table::ALL {
            let (has, should) = (row(table)?.batch, whole.touched[table.index()]);
            if has != should {
                let near = format!("as of batch {should}");
                let what = format!("it stands at batch {has}");
                return Err(StoreError::CorruptTable { table: table.name(), near, what });
            }
        }
        Ok(whole)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[table.index()]
    }

    /// The moment after the last batch.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.latest.read())
    }

    /// The same, to be read.
    pub(super) fn still(self: &Arc<Self>) -> Still {
        Still::new(Arc::clone(self), self.snapshot())
    }

    pub(super) fn batch(self: &Arc<Self>, rows: usize) -> Batch {
        let rows = OwnedWriteBatch::with_capacity(self.database.clone(), rows + Table::ALL.len());
        Batch { engine: Arc::clone(self), rows, touched: [false; Table::ALL.len()], bytes: 0 }
    }

    /// Keys and values of all batches since it was opened. What was written since a moment that is still held is in
    /// memory: the engine keeps every memtable for it.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }

    /// Makes durable all that was committed before.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let through = self.committed.load(Ordering::Acquire);
        shielded("synced its journal", || {
            let synced = self.database.persist(PersistMode::SyncAll);
            synced.map_err(|error| StoreError::engine("sync", error, &self.dir))
        })?;
        self.synced.fetch_max(through, Ordering::AcqRel);
        Ok(())
    }

    /// Whether writes still go through. Nothing is synced.
    pub(super) fn health(&self) -> Result<(), StoreError> {
        shielded("flushed its journal", || {
            let flushed = self.database.persist(PersistMode::Buffer);
            flushed.map_err(|error| StoreError::engine("write", error, &self.dir))
        })
    }

    /// Until what waits to be written to files, and to be compacted, is little enough to add to it. The engine waits too,
    /// later and for ever: when its workers have stopped nobody tells it, so here it must not come to that.
    fn wait_for_workers(&self, sealed_max: usize) -> Result<(), StoreError> {
        loop {
            let mut tables = Table::ALL.into_iter().map(|table| (table, self.keyspace(table)));
            let has_piled_up = |keyspace: &Keyspace| keyspace.tree.l0_run_count() > L0_RUNS_MAX;
            let is_behind =
                |keyspace: &Keyspace| keyspace.sealed_memtable_count() > sealed_max || has_piled_up(keyspace);
            let Some((table, keyspace)) = tables.find(|(_, keyspace)| is_behind(keyspace)) else { return Ok(()) };
            self.health()?;
            if has_piled_up(keyspace) && self.database.active_compactions() == 0 {
                self.compact(table)?;
            } else {
                thread::sleep(BEHIND_POLL);
            }
        }
    }

    /// What workers do once for each flush, and not until nothing is left to do: whoever waits for more does it.
    fn compact(&self, table: Table) -> Result<(), StoreError> {
        shielded("compacted a table", || {
            // Nothing is forgotten that a reader may still see: workers know more of those.
            let compacted = self.keyspace(table).tree.compact(Table::compaction(), 0);
            compacted.map_err(|error| StoreError::engine("write", error.into(), &self.dir))
        })
    }

    /// Until nothing waits to be written to files: for those who write much and are in no hurry.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        self.wait_for_workers(0)
    }

    pub(super) fn sizes(&self) -> StoreSizes {
        let memtables = self.keyspaces.iter().map(|keyspace| keyspace.tree.version_memtable_size_sum());
        StoreSizes {
            tables: Table::ALL.map(|table| (table.name(), self.keyspace(table).disk_space())).to_vec(),
            journal_bytes: self.database.journal_disk_space().unwrap_or_default(),
            memtable_bytes: memtables.sum(),
        }
    }

    /// The files of a table with the checksums (XXH3, 128 bits) that its manifest says.
    pub(super) fn files(&self, table: Table) -> Vec<(PathBuf, u128)> {
        let version = self.keyspace(table).tree.current_version();
        let tables = version.iter_tables().map(|table| (table.path.to_path_buf(), table.checksum().into_u128()));
        let values = version.blob_files.iter().map(|file| (file.path().to_path_buf(), file.checksum().into_u128()));
        tables.chain(values).collect()
    }
}

impl Batch {
    pub(super) fn put<V: Value>(&mut self, key: Vec<u8>, row: &V) -> Result<(), StoreError> {
        let value = codec::sealed(&key, row);
        self.put_sealed(V::TABLE, key, value)
    }

    /// A value that was sealed before.
    pub(super) fn put_sealed(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.touch(table, &key)?;
        self.bytes += value.len() as u64;
        self.rows.insert(self.engine.keyspace(table), key, value);
        Ok(())
    }

    pub(super) fn remove(&mut self, table: Table, key: Vec<u8>) -> Result<(), StoreError> {
        self.touch(table, &key)?;
        self.rows.remove(self.engine.keyspace(table), key);
        Ok(())
    }

    fn touch(&mut self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        if key.len() > KEY_BYTES_MAX {
            return Err(StoreError::KeyTooLong { table: table.name(), bytes: key.len(), bytes_max: KEY_BYTES_MAX });
        }
        self.touched[table.index()] = true;
        self.bytes += key.len() as u64;
        Ok(())
    }

    /// Writes it. Waits for a disk that is behind.
    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        let engine = Arc::clone(&self.engine);
        engine.wait_for_workers(SEALED_MEMTABLES_MAX)?;
        let mut gate = engine.gate.lock();
        let mut progress = Progress { batch: gate.batch + 1, synced: engine.synced.load(Ordering::Acquire), ..*gate };
        self.touched[Table::Shards.index()] = true;
        for table in Table::ALL.into_iter().filter(|table| self.touched[table.index()]) {
            progress.touched[table.index()] = progress.batch;
        }
        let value = codec::sealed(progress::KEY, &progress);
        for table in Table::ALL.into_iter().filter(|table| self.touched[table.index()]) {
            self.rows.insert(engine.keyspace(table), progress::KEY.as_slice(), value.clone());
        }
        shielded("wrote a batch", || {
            self.rows.commit().map_err(|error| StoreError::engine("write", error, &engine.dir))
        })?;
        *gate = progress;
        engine.written_bytes.fetch_add(self.bytes, Ordering::Relaxed);
        engine.committed.store(progress.batch, Ordering::Release);
        *engine.latest.write() = Arc::new(engine.database.snapshot());
        Ok(())
    }
}

/// As [`open_here`], on a thread of lower priority, which the workers inherit: who is served
/// comes before what is compacted, and with fewer cores than threads would else wait for it, some 10 ms at a time. Only
/// where threads have priorities of their own.
fn open(dir: &Path, settings: StoreSettings, workers: usize) -> Result<Database, StoreError> {
    if !cfg!(target_os = "linux") || workers == 0 {
        return open_here(dir, settings, workers);
    }
    let opened = thread::scope(|scope| {
        let opening = scope.spawn(|| {
            if let Err(error) = rustix::process::setpriority_process(None, WORKERS_NICE) {
                tracing::warn!(%error, "the store's workers have the priority of everyone else");
            }
            open_here(dir, settings, workers)
        });
        opening.join()
    });
    opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn open_here(dir: &Path, settings: StoreSettings, workers: usize) -> Result<Database, StoreError> {
    let StoreSettings { cache_bytes, journal_bytes_max, open_files_max } = settings;
    Database::builder(dir)
        .cache_size(cache_bytes)
        .max_journaling_size(journal_bytes_max)
        .max_cached_files(Some(open_files_max))
        .worker_threads_unchecked(workers)
        .manual_journal_persist(true)
        // It lives for minutes, and the log has the same once more.
        .journal_compression(CompressionType::None)
        .open()
        .map_err(|error| StoreError::engine("open", error, dir))
}
