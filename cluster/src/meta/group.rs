//! The handle of the meta group: what is agreed on, and the way to change it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::answer::{self, Outcome, Refused};
use super::command::{Named, Put, Seed, Verb};
use super::machine::MetaReader;
use super::table::Table;
use crate::shard::{Proposal, ReadBarrier, Unavailable};

/// The Raft group behind it, as far as this room needs it.
pub trait Proposer: Send + Sync {
    /// See [`crate::Shards::propose`].
    fn propose(&self, command: Bytes) -> Proposal;

    /// See [`crate::Shards::read_barrier`].
    fn read_barrier(&self) -> ReadBarrier;
}

/// Why a change was not made, or may not have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// The group said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The group said nothing.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Meta {
    group: Arc<dyn Proposer>,
    reader: MetaReader,
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl Meta {
    /// A group and the reader of its machine on this node.
    #[must_use]
    pub fn new(group: Arc<dyn Proposer>, reader: MetaReader) -> Self {
        Self { group, reader }
    }

    /// The namespaces, as this node knows them now.
    #[must_use]
    pub fn namespaces(&self) -> Arc<Table> {
        self.reader.namespaces()
    }

    /// Tells of every change of the namespaces; several in a row may be told as one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Table>> {
        self.reader.changes()
    }

    /// Resolves once this node knows everything that was acknowledged before the call.
    ///
    /// # Errors
    /// When the group does not answer.
    pub async fn read_barrier(&self) -> Result<(), Unavailable> {
        self.group.read_barrier().await.map(drop)
    }

    /// Adds or replaces a namespace; with `if_version` only if its row stands at that version, 0 for no row.
    ///
    /// # Errors
    /// See [`Refused`] and [`Unavailable`]; after the latter it may have been done.
    pub async fn put_namespace(&self, name: &str, value: Bytes, if_version: Option<u64>) -> Result<Outcome, MetaError> {
        self.ask(Verb::PutNamespace(Put { name: name.to_owned(), value, if_version })).await
    }

    /// Adds the first namespaces; changes nothing where there ever were any.
    ///
    /// # Errors
    /// See [`Refused`] and [`Unavailable`].
    pub async fn seed_namespaces(&self, rows: impl IntoIterator<Item = (String, Bytes)>) -> Result<Outcome, MetaError> {
        let rows = rows.into_iter().map(|(name, value)| Named { name, value }).collect();
        self.ask(Verb::SeedNamespaces(Seed { rows })).await
    }

    async fn ask(&self, verb: Verb) -> Result<Outcome, MetaError> {
        let answer = self.group.propose(verb.into_command()).await?;
        Ok(answer::decode(answer)?)
    }
}
