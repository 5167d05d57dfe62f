//! The logs of all shards, shared between the one thread that applies and the many that read. One lock a shard: held
//! while an entry is applied and while a reader takes its references, never while anything is encoded or sent.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fanfare_cluster::{Entry, ShardCount, ShardId, StateMachine};
use fanfare_protocol::{ResourceVersion, TopicName};
use parking_lot::Mutex;

use super::answer::Answer;
use super::committed::Committed;
use super::gap::Gap;
use super::policy::Policies;
use super::read::{Listed, Page, ReadLimit, Snapshot};
use super::shard::ShardState;

/// Is told what each entry has changed, on the thread that applies, after readers can see it and before anyone is
/// answered. Must not block: every shard waits for it.
pub type CommittedSink = Arc<dyn Fn(Vec<Committed>) + Send + Sync>;

/// The handle: cheap to share, reads from any thread.
pub struct SharedLog {
    shard_count: ShardCount,
    policies: Arc<Policies>,
    /// Made when they are first applied to: a shard that is not used costs an empty slot.
    shards: Box<[OnceLock<Mutex<ShardState>>]>,
}

impl SharedLog {
    /// No topics yet.
    #[must_use]
    pub fn new(shard_count: ShardCount, policies: Arc<Policies>) -> Arc<Self> {
        let shards = (0..shard_count.get()).map(|_| OnceLock::new()).collect();
        Arc::new(Self { shard_count, policies, shards })
    }

    /// The state machine of a shard, for the cluster to apply entries with; what they change goes to `sink`.
    #[must_use]
    pub fn machine(self: &Arc<Self>, shard: ShardId, sink: CommittedSink) -> Box<dyn StateMachine> {
        Box::new(ShardMachine { log: Arc::clone(self), shard, sink })
    }

    /// The policies that its topics follow.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The shard that a topic lives in.
    #[must_use]
    pub fn shard_of(&self, topic: &TopicName) -> ShardId {
        ShardId::of(topic.routing_key(), self.shard_count)
    }

    /// See [`ShardState::head`].
    #[must_use]
    pub fn head(&self, topic: &TopicName) -> ResourceVersion {
        self.read(topic, |state| state.head(topic.as_str()))
    }

    /// The head of a topic, and the index of the entry up to which it was read: what is committed with a greater
    /// one is not part of it.
    #[must_use]
    pub fn head_and_index(&self, topic: &TopicName) -> (ResourceVersion, u64) {
        self.read(topic, |state| (state.head(topic.as_str()), state.applied()))
    }

    /// See [`ShardState::beginning`].
    #[must_use]
    pub fn beginning(&self, topic: &TopicName) -> ResourceVersion {
        self.read(topic, |state| state.beginning(topic.as_str()))
    }

    /// See [`ShardState::read_after`].
    pub fn read_after(&self, topic: &TopicName, cursor: ResourceVersion, limit: ReadLimit) -> Result<Page, Gap> {
        self.read(topic, |state| state.read_after(topic.as_str(), cursor, limit))
    }

    /// See [`ShardState::read_before`].
    pub fn read_before(
        &self,
        topic: &TopicName,
        cursor: Option<ResourceVersion>,
        limit: ReadLimit,
    ) -> Result<Page, Gap> {
        self.read(topic, |state| state.read_before(topic.as_str(), cursor, limit))
    }

    /// See [`ShardState::snapshot`].
    #[must_use]
    pub fn snapshot(&self, topic: &TopicName, limit: usize) -> Snapshot {
        self.read(topic, |state| state.snapshot(topic.as_str(), limit))
    }

    /// See [`ShardState::list`]; over all shards, one after the other, so that a list is no moment's picture.
    #[must_use]
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Listed> {
        let mut listed: Vec<_> = self.used().flat_map(|(_, state)| state.lock().list(prefix, after, limit)).collect();
        listed.sort_unstable_by(|a, b| a.topic.cmp(&b.topic));
        listed.truncate(limit);
        listed
    }

    /// The shards that hold something, for the shell that proposes what is due.
    pub fn used_shards(&self) -> impl Iterator<Item = ShardId> {
        self.used().map(|(shard, _)| shard)
    }

    /// See [`ShardState::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self, shard: ShardId) -> Option<u64> {
        self.shards.get(shard.index())?.get()?.lock().next_deadline()
    }

    /// See [`ShardState::due`].
    #[must_use]
    pub fn due(&self, shard: ShardId, now_ms: u64, limit: usize) -> Vec<TopicName> {
        let state = self.shards.get(shard.index()).and_then(OnceLock::get);
        state.map_or_else(Vec::new, |state| state.lock().due(now_ms, limit))
    }

    /// See [`ShardState::digest`]; `None` for a shard that was never used.
    #[must_use]
    pub fn digest(&self, shard: ShardId) -> Option<u128> {
        self.shards.get(shard.index())?.get().map(|state| state.lock().digest())
    }

    fn used(&self) -> impl Iterator<Item = (ShardId, &Mutex<ShardState>)> {
        self.shard_count.ids().zip(&self.shards).filter_map(|(shard, state)| Some((shard, state.get()?)))
    }

    fn read<T>(&self, topic: &TopicName, read: impl FnOnce(&ShardState) -> T) -> T {
        match self.shards.get(self.shard_of(topic).index()).and_then(OnceLock::get) {
            Some(state) => read(&state.lock()),
            None => read(&self.nothing()),
        }
    }

    fn nothing(&self) -> ShardState {
        ShardState::new(Arc::clone(&self.policies))
    }
}

impl fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLog").field("shard_count", &self.shard_count).finish_non_exhaustive()
    }
}

/// Applies a shard's entries to its state.
struct ShardMachine {
    log: Arc<SharedLog>,
    shard: ShardId,
    sink: CommittedSink,
}

impl StateMachine for ShardMachine {
    fn apply(&mut self, entry: &Entry) -> Vec<Bytes> {
        let mut committed = Vec::new();
        let slot = &self.log.shards[self.shard.index()];
        let state = slot.get_or_init(|| Mutex::new(self.log.nothing()));
        let answers = {
            let mut torn = Torn { state: &mut state.lock(), empty: Some(self.log.nothing()) };
            let answers = torn.state.apply(entry, &mut committed);
            torn.empty = None;
            answers
        };
        if !committed.is_empty() {
            (self.sink)(committed);
        }
        answers.iter().map(Answer::encode).collect()
    }
}

/// A panic in the middle of an entry leaves a state that no replica agrees on. Readers are shown none at all, so that
/// their cursors end in a gap and not in a lie; the cluster stops the shard.
struct Torn<'a> {
    state: &'a mut ShardState,
    empty: Option<ShardState>,
}

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        if let Some(empty) = self.empty.take() {
            *self.state = empty;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use fanfare_cluster::EntryTime;

    use super::*;
    use crate::log::command::Publish;

    #[test]
    fn readers_never_see_half_an_entry() {
        let mut state = ShardState::new(Arc::default());
        let publication = fanfare_protocol::Publication { data: Some(Bytes::from_static(b"1")), ..Default::default() };
        let publish =
            Publish { topic: "a".to_owned(), new_epoch: 7, publications: vec![publication], ..Default::default() };
        let entry = Entry { index: 1, time: EntryTime::default(), commands: vec![publish.into_command()] };
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let torn = Torn { state: &mut state, empty: Some(ShardState::new(Arc::default())) };
            torn.state.apply(&entry, &mut Vec::new());
            assert_eq!(torn.state.head("a"), ResourceVersion::new(7, 1));
            panic!("a planted defect");
        }));
        assert!(panicked.is_err());
        assert_eq!(state.head("a"), ResourceVersion::NONE);
    }
}
