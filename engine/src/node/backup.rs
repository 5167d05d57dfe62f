//! Backups of a running node: one at a time, each a stream of bytes whose reader sets the pace.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare_cluster::log::GroupId;
use fanfare_cluster::meta::Table;
use fanfare_cluster::{Health, ShardId, Shards};
use fanfare_protocol::{Code, Error};
use futures_util::Stream;
use tokio::sync::{TryAcquireError, mpsc};

use super::Node;
use crate::backup::{self, GivenUp, Job, Unread};
use crate::log::Durability;
use crate::namespace::Declared;
use crate::topic::unavailable;

/// Pieces that were read from the disk and wait for the socket: a megabyte, so that the two need not take turns.
const WAITING_PIECES_MAX: usize = 4;

/// When to ask again while another one is being taken: backups take seconds to hours.
const RETRY_AFTER_MS: u64 = 10_000;

/// The bytes of a backup as they are read. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Backup(mpsc::Receiver<Bytes>);

impl Stream for Backup {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(Ok))
    }
}

impl Node {
    /// Begins a backup that holds everything that was acknowledged before the call. What goes wrong later is the last
    /// thing that it says.
    ///
    /// # Errors
    /// `OVERLOADED` while another one is being taken, `GOING_AWAY`, and `STORAGE_FAULT` when something that was
    /// acknowledged would not be in it.
    pub(crate) async fn backup(self: &Arc<Self>) -> Result<Backup, Error> {
        if self.is_draining() {
            return Err(Error::of(Code::GoingAway));
        }
        let turn = Arc::clone(&self.backups).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => {
                let message = "another backup is being taken, and one at a time is: ask again when it is done";
                Error::of(Code::Overloaded).with_message(message).with_retry_after_ms(RETRY_AFTER_MS)
            }
            TryAcquireError::Closed => Error::of(Code::Internal),
        })?;
        let before = self.namespaces.declared()?;
        self.write_behind.flush().await.map_err(unavailable)?;
        self.all_groups_serve()?;
        let store = self.write_behind.store().ok_or_else(|| Error::of(Code::Unavailable))?;
        let taken = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (namespaces, node) = (Arc::clone(&self.namespaces), Arc::downgrade(self));
        let job = Job {
            store,
            shards: self.raft.shard_count(),
            taken_ms: u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
            namespaces: Box::new(move || unmoved(&before, namespaces.table())),
            is_ending: Box::new(move || node.upgrade().is_none_or(|node| node.is_draining())),
        };
        let (sender, receiver) = mpsc::channel(WAITING_PIECES_MAX);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match backup::write(job, &mut |bytes| sender.blocking_send(bytes).map_err(|_| Unread)) {
                Ok(bytes) => tracing::info!(bytes, "a backup was taken"),
                Err(why) => tracing::warn!(%why, "a backup was given up"),
            }
        });
        Ok(Backup(receiver))
    }

    /// What a group that has stopped had acknowledged and not stored is nowhere but in its log.
    fn all_groups_serve(&self) -> Result<(), Error> {
        let fault = |what: &str| {
            let message = format!("{what}, and a backup without that would not be whole: the log of the node says why");
            Err(Error::of(Code::StorageFault).with_message(message))
        };
        let serves = |group| !matches!(self.raft.health(group), Some(Health::Failed(_)) | None);
        if !serves(GroupId::META) {
            return fault("the namespaces cannot be told");
        }
        // A shard whose state was torn is known here before its group.
        let is_open = |shard| self.log.policies_version(Durability::Replicated, shard).is_some();
        let stopped = |shard: &ShardId| !serves(GroupId(shard.get().into())) || !is_open(*shard);
        match self.raft.shard_count().ids().find(stopped) {
            None => Ok(()),
            Some(shard) => fault(&format!("shard {shard} serves no one")),
        }
    }
}

/// The namespaces behind the last shard. A change of durability in between ends topics in one lane of shards after the
/// other: some would be of before and some of after.
fn unmoved(before: &Declared, after: Arc<Table>) -> Result<Arc<Table>, GivenUp> {
    let declared = Declared::read(&after).map_err(|bad| GivenUp::Moved { name: bad.name })?;
    match declared.moved_since(before) {
        None => Ok(after),
        Some(name) => Err(GivenUp::Moved { name: name.to_owned() }),
    }
}
