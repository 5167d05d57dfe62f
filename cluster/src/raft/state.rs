//! The consensus library's state machine: hands committed entries to the shard's own, knows where it stands, and stops
//! the group when it meets a defect.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use parking_lot::Mutex;

use super::codec::{Malformed, members_from_bytes, members_to_bytes};
use super::commands::Commands;
use super::consensus::{Consensus, LogId, SnapshotMeta, StoredMembership, log_id};
use super::group::Group;
use super::snapshot::{Snapshot, SnapshotData, copy, meta_of};
use crate::shard::{Position, Snapshots, StateFault, StateMachine, Unavailable};

/// One replica's state.
pub(super) struct State {
    group: Arc<Group>,
    /// Never contended: the library asks for a type that can be shared, and shares it with no one.
    machine: Mutex<Box<dyn StateMachine>>,
    snapshots: Arc<dyn Snapshots>,
    position: Position,
    members: StoredMembership,
}

/// Why an entry could not be applied. Whatever it is, the group has stopped.
#[derive(Debug, thiserror::Error)]
enum Defect {
    #[error("its state machine panicked: {0}")]
    Panic(String),
    #[error("its state machine gave {answers} answers to {commands} commands")]
    Answers { answers: usize, commands: usize },
    #[error("its state machine installed a snapshot and stands elsewhere than that")]
    Installed,
    #[error("an entry cannot be read: {0}")]
    Entry(#[from] Malformed),
    #[error(transparent)]
    State(#[from] StateFault),
}

impl Defect {
    fn unavailable(&self) -> Unavailable {
        match self {
            Self::Panic(_) | Self::Answers { .. } | Self::Installed => Unavailable::Stopped,
            Self::Entry(_) | Self::State(_) => Unavailable::StorageFault,
        }
    }
}

impl State {
    /// Takes up a state machine where it stands.
    pub(super) fn open(group: Arc<Group>, machine: Box<dyn StateMachine>) -> Result<Self, Malformed> {
        let position = machine.position();
        let members = members_at(&position)?;
        let snapshots = machine.snapshots();
        group.set_snapshots(Arc::clone(&snapshots));
        group.set_applied(position.index, Some(position.shard_ms));
        group.set_stored(position.index);
        Ok(Self { group, machine: Mutex::new(machine), snapshots, position, members })
    }

    /// Where it stands.
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    fn apply_one(
        &mut self,
        id: &LogId,
        payload: EntryPayload<Commands, u64, openraft::EmptyNode>,
        is_own: bool,
    ) -> Result<Vec<Bytes>, Defect> {
        let mut position = Position {
            index: id.index,
            term: id.leader_id.term,
            leader: id.leader_id.node_id,
            shard_ms: self.position.shard_ms,
            membership: self.position.membership.clone(),
        };
        if let EntryPayload::Membership(members) = &payload {
            self.members = StoredMembership::new(Some(*id), members.clone());
        }
        if position.membership.is_empty() || matches!(payload, EntryPayload::Membership(_)) {
            position.membership = members_to_bytes(&self.members);
        }
        let answers = match payload {
            EntryPayload::Normal(commands) => {
                let entry = commands.into_entry(id.index)?;
                position.shard_ms = position.shard_ms.max(entry.time.shard_ms);
                let machine = self.machine.get_mut();
                let answers = caught(|| machine.apply(&entry, position.clone()))??;
                if answers.len() != entry.commands.len() {
                    return Err(Defect::Answers { answers: answers.len(), commands: entry.commands.len() });
                }
                answers
            }
            EntryPayload::Blank | EntryPayload::Membership(_) => {
                let machine = self.machine.get_mut();
                caught(|| machine.pass(position.clone()))?;
                Vec::new()
            }
        };
        self.group.set_applied(position.index, (!is_own).then_some(position.shard_ms));
        self.position = position;
        Ok(answers)
    }

    fn stop<T>(&self, defect: &Defect) -> io::Result<T> {
        self.group.fail(defect.unavailable(), defect);
        Err(io::Error::other(defect.to_string()))
    }

    /// The view that is being sent to somebody, so that who comes back finds it again; else a new one.
    fn view(&self) -> io::Result<Option<Snapshot>> {
        let view = match self.group.views.current() {
            Some(kept) => Ok(kept),
            None => caught(|| self.snapshots.view()).and_then(|view| Ok(view?)),
        };
        let view = match view {
            Ok(view) => view,
            Err(defect) => return self.stop(&defect),
        };
        match meta_of(&view.id().position) {
            Ok(meta) if meta.last_log_id.is_none() => Ok(None),
            Ok(meta) => Ok(Some(Snapshot { meta, snapshot: SnapshotData::View(view) })),
            Err(malformed) => self.stop(&malformed.into()),
        }
    }
}

impl RaftStateMachine<Consensus> for State {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((applied_at(&self.position), self.members.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Consensus>>> + Unpin + OptionalSend,
    {
        while let Some(entry) = entries.next().await {
            let (entry, responder) = entry.inspect_err(|fault| self.group.fail(Unavailable::StorageFault, fault))?;
            match self.apply_one(&entry.log_id, entry.payload, responder.is_some()) {
                Ok(answers) => {
                    if let Some(responder) = responder {
                        responder.send(answers);
                    }
                }
                Err(defect) => return self.stop(&defect),
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { group: Arc::clone(&self.group), snapshots: Arc::clone(&self.snapshots) }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotData) -> io::Result<()> {
        let machine = self.machine.get_mut();
        let installed = match snapshot {
            SnapshotData::Staged(staged) => caught(|| machine.install(staged)),
            // A snapshot of this process, taken in without a way between nodes.
            SnapshotData::View(view) => caught(|| machine.install(copy(&*view, &*self.snapshots)?)),
        };
        if let Err(defect) = installed.and_then(|installed| Ok(installed?)) {
            return self.stop(&defect);
        }
        self.position = machine.position();
        match members_at(&self.position) {
            Ok(members) => self.members = members,
            Err(malformed) => return self.stop(&malformed.into()),
        }
        if applied_at(&self.position) != meta.last_log_id {
            return self.stop(&Defect::Installed);
        }
        self.group.set_applied(self.position.index, Some(self.position.shard_ms));
        self.group.set_stored(self.position.index);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.view()
    }
}

/// Makes a mark in the log below which everything is stored; the state itself is not touched.
pub(super) struct Builder {
    group: Arc<Group>,
    snapshots: Arc<dyn Snapshots>,
}

impl RaftSnapshotBuilder<Consensus> for Builder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let built = caught(|| self.snapshots.view()).and_then(|view| {
            let view = view?;
            Ok(Snapshot { meta: meta_of(&view.id().position)?, snapshot: SnapshotData::View(view) })
        });
        built.map_err(|defect| {
            self.group.fail(defect.unavailable(), &defect);
            io::Error::other(defect.to_string())
        })
    }
}

/// Which entry was the last, if there was one. The first of a group has index 0, so the index alone does not tell.
pub(super) fn applied_at(position: &Position) -> Option<LogId> {
    (!position.membership.is_empty()).then(|| log_id(position.term, position.leader, position.index))
}

pub(super) fn members_at(position: &Position) -> Result<StoredMembership, Malformed> {
    match position.membership.is_empty() {
        true => Ok(StoredMembership::default()),
        false => members_from_bytes(position.membership.clone()),
    }
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Defect> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Defect::Panic(panic_text(panic.as_ref()).to_owned()))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("group", &self.group.id).field("position", &self.position).finish_non_exhaustive()
    }
}
