//! The state machine of the meta group: the core under a Raft group, stored at every change.
//!
//! Who starts it: the node, before it starts the group. Who stops it: nobody, it owns no thread. It blocks the thread
//! that applies for as long as a small file takes to be synced, which is how rare its changes are. An entry that changes
//! nothing writes nothing: the stored position lags behind, and to apply such entries again changes nothing again.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::answer::{self, Outcome};
use super::file::{Folder, INCOMING, MetaFault, STATE};
use super::snapshot::MetaSnapshots;
use super::stored::{Stored, checksum_of};
use super::table::Table;
use crate::shard::{Entry, Position, Snapshots, StagedSnapshot, StateFault, StateMachine};

/// See the module.
#[derive(Debug)]
pub struct MetaMachine(Arc<Shared>);

/// The tables for everyone but the thread that applies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MetaReader(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: Folder,
    held: Mutex<Held>,
    namespaces: watch::Sender<Arc<Table>>,
}

#[derive(Debug)]
struct Held {
    /// The tables, and the last entry applied.
    now: Stored,
    /// Where the file stands.
    stored: Position,
}

impl MetaMachine {
    /// Reads what is stored in `meta/` of a data directory, which must exist.
    ///
    /// # Errors
    /// When it cannot be read or is not what was written.
    pub fn open(data_dir: &Path) -> Result<Self, MetaFault> {
        let folder = Folder::open(data_dir)?;
        let now = folder.read(STATE)?.map(|bytes| folder.decode(STATE, &bytes)).transpose()?.unwrap_or_default();
        let (namespaces, _) = watch::channel(Arc::clone(&now.state.namespaces));
        let held = Mutex::new(Held { stored: now.position.clone(), now });
        Ok(Self(Arc::new(Shared { folder, held, namespaces })))
    }

    /// For those who read.
    #[must_use]
    pub fn reader(&self) -> MetaReader {
        MetaReader(Arc::clone(&self.0))
    }
}

impl MetaReader {
    /// The namespaces, as this replica knows them now.
    #[must_use]
    pub fn namespaces(&self) -> Arc<Table> {
        Arc::clone(&self.0.namespaces.borrow())
    }

    /// Tells of every change of the namespaces; several in a row may be told as one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Table>> {
        self.0.namespaces.subscribe()
    }

    /// Where the stored tables stand: the log may be let go of up to there.
    #[must_use]
    pub fn stored(&self) -> Position {
        self.0.held.lock().stored.clone()
    }

    /// Stores where the tables stand now, if that has not been done, so that a quiet group holds back no log. Blocks.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn store(&self) -> Result<Position, MetaFault> {
        self.0.store().map(|stored| stored.position)
    }
}

impl Shared {
    /// See [`MetaReader::store`]; gives what is stored.
    pub(super) fn store(&self) -> Result<Stored, MetaFault> {
        let mut held = self.held.lock();
        if held.stored != held.now.position {
            held.write(&self.folder)?;
        }
        Ok(held.now.clone())
    }
}

impl Held {
    fn write(&mut self, folder: &Folder) -> Result<(), MetaFault> {
        folder.write(STATE, &self.now.encode())?;
        self.stored = self.now.position.clone();
        Ok(())
    }
}

impl StateMachine for MetaMachine {
    fn position(&self) -> Position {
        self.0.held.lock().now.position.clone()
    }

    fn apply(&mut self, entry: &Entry, position: Position) -> Result<Vec<Bytes>, StateFault> {
        let mut held = self.0.held.lock();
        let answers: Vec<_> = entry.commands.iter().map(|command| held.now.state.apply(command.clone())).collect();
        held.now.position = position;
        if answers.iter().any(|answer| matches!(answer, Ok(Outcome::Changed { .. }))) {
            held.write(&self.0.folder)?;
            self.0.namespaces.send_replace(Arc::clone(&held.now.state.namespaces));
        }
        Ok(answers.into_iter().map(answer::encode).collect())
    }

    fn pass(&mut self, position: Position) {
        self.0.held.lock().now.position = position;
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(MetaSnapshots::new(Arc::clone(&self.0)))
    }

    fn install(&mut self, snapshot: StagedSnapshot) -> Result<(), StateFault> {
        let Shared { folder, held, namespaces } = &*self.0;
        let bytes = folder.read(INCOMING)?.filter(|bytes| checksum_of(bytes) == snapshot.generation);
        let Some(bytes) = bytes else { return Err(folder.not_staged().into()) };
        let staged = folder.decode(INCOMING, &bytes)?;
        folder.rename(INCOMING, STATE)?;
        let table = Arc::clone(&staged.state.namespaces);
        *held.lock() = Held { stored: staged.position.clone(), now: staged };
        namespaces.send_replace(table);
        Ok(())
    }
}
