//! The logs of all shards of a node, shared between the threads that apply and the many that read.
//!
//! Two lanes: shards whose topics are replicated and stored, and shards whose topics live in memory as long as the
//! process. Which one a topic is in is said by its namespace.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fanfare_cluster::{EphemeralMachine, ShardCount, ShardId, StateFault, StateMachine};
use fanfare_protocol::{ResourceVersion, TopicName};
use parking_lot::{Mutex, MutexGuard, RwLock};

use super::committed::Committed;
use super::gap::Gap;
use super::lane::{Faulted, Held, Lane};
use super::listing;
use super::machine::{EphemeralShard, ReplicatedShard};
use super::memory::Memory;
use super::policy::{Durability, Policies};
use super::read::{Listed, Page, ReadLimit, Reading, Snapshot};
use super::rows::{Usage, Window};
use super::shard::ShardState;
use super::stored::ShardStorage;

/// Is told what each entry has changed, if anything, on the thread that applies, after readers can see it and before anyone is
/// answered. Must not block: every shard waits for it.
pub type CommittedSink = Arc<dyn Fn(Vec<Committed>) + Send + Sync>;

/// The handle: cheap to share, reads from any thread.
pub struct SharedLog {
    shard_count: ShardCount,
    policies: RwLock<Arc<Policies>>,
    memory: Arc<Memory>,
    replicated: Lane,
    /// Of each replicated shard: held while a window is on its way into the store, and while a snapshot takes the place
    /// of all that is stored, so that no window of before is written over it.
    writing: Box<[Mutex<()>]>,
    ephemeral: Lane,
}

impl SharedLog {
    /// The shards as they are stored (`None` for one whose store cannot be opened), and as many that hold nothing. A shard
    /// that cannot be read serves no one; that is logged. `policies` decide which lane a topic is in until others are [followed](Self::follow).
    #[must_use]
    pub fn open(
        policies: Arc<Policies>,
        storages: &[Option<Arc<dyn ShardStorage>>],
        shard_count: ShardCount,
    ) -> Arc<Self> {
        let memory = Arc::new(Memory::default());
        let opened = storages.iter().zip(shard_count.ids()).map(|(storage, shard)| {
            let Some(storage) = storage else { return Held::Faulted };
            let stored = Arc::clone(storage).reader();
            ShardState::open(stored, Arc::default(), Arc::clone(&memory)).map_or_else(
                |fault| {
                    tracing::error!(%shard, %fault, "the shard serves no one: its store cannot be read");
                    Held::Faulted
                },
                |state| Held::Open(Box::new(state)),
            )
        });
        let replicated = Lane::new(opened);
        // What cannot leave memory must not make what can leave it.
        let apart = Arc::new(Memory::default());
        let nothing = || Held::Open(Box::new(ShardState::new(Arc::default(), Arc::clone(&apart))));
        let ephemeral = Lane::new(shard_count.ids().map(|_| nothing()));
        let writing = shard_count.ids().map(|_| Mutex::default()).collect();
        Arc::new(Self { shard_count, policies: RwLock::new(policies), memory, replicated, writing, ephemeral })
    }

    /// The state machine of a replicated shard; what its entries change goes to `sink`.
    #[must_use]
    pub fn machine(
        self: &Arc<Self>,
        shard: ShardId,
        storage: Arc<dyn ShardStorage>,
        sink: CommittedSink,
    ) -> Box<dyn StateMachine> {
        Box::new(ReplicatedShard { log: Arc::clone(self), shard, storage, sink })
    }

    /// The machine of an ephemeral shard.
    #[must_use]
    pub fn ephemeral_machine(self: &Arc<Self>, shard: ShardId, sink: CommittedSink) -> Box<dyn EphemeralMachine> {
        Box::new(EphemeralShard { log: Arc::clone(self), shard, sink })
    }

    /// The policies that say which lane a topic is in, and what the door refuses at once.
    #[must_use]
    pub fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.policies.read())
    }

    /// The namespaces have changed.
    pub fn follow(&self, policies: Arc<Policies>) {
        *self.policies.write() = policies;
    }

    /// What all its shards hold in memory.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The shard that a topic lives in.
    #[must_use]
    pub fn shard_of(&self, topic: &TopicName) -> ShardId {
        ShardId::of(topic.routing_key(), self.shard_count)
    }

    /// How its topics are kept.
    #[must_use]
    pub fn durability(&self, topic: &TopicName) -> Durability {
        self.policies.read().of(topic.namespace()).durability
    }

    /// See [`ShardState::head`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn head(&self, topic: &TopicName) -> Result<ResourceVersion, StateFault> {
        self.ask(topic, |state| state.head(topic.as_str()))?
    }

    /// The head of a topic, and the index of the entry up to which it was read: what is committed with a greater
    /// one is not part of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn head_and_index(&self, topic: &TopicName) -> Result<(ResourceVersion, u64), StateFault> {
        self.ask(topic, |state| Ok((state.head(topic.as_str())?, state.applied())))?
    }

    /// See [`ShardState::beginning`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn beginning(&self, topic: &TopicName) -> Result<ResourceVersion, StateFault> {
        self.ask(topic, |state| state.beginning(topic.as_str()))?
    }

    /// See [`ShardState::read_after`].
    #[must_use]
    pub fn read_after(
        &self,
        topic: &TopicName,
        cursor: ResourceVersion,
        limit: ReadLimit,
    ) -> Reading<Result<Page, Gap>> {
        self.read(topic, |state| state.read_after(topic.as_str(), cursor, limit))
    }

    /// See [`ShardState::read_before`].
    #[must_use]
    pub fn read_before(
        &self,
        topic: &TopicName,
        cursor: Option<ResourceVersion>,
        limit: ReadLimit,
    ) -> Reading<Result<Page, Gap>> {
        self.read(topic, |state| state.read_before(topic.as_str(), cursor, limit))
    }

    /// See [`ShardState::snapshot`].
    #[must_use]
    pub fn snapshot(&self, topic: &TopicName, limit: usize) -> Reading<Snapshot> {
        self.read(topic, |state| state.snapshot(topic.as_str(), limit))
    }

    /// Topics whose names begin with `prefix` and come after `after`, in the order of their bytes, over all shards, one
    /// after the other, so that a list is no moment's picture. Internal ones are shown only to whoever asks for them
    /// by their `_`.
    #[must_use]
    pub fn list(self: &Arc<Self>, prefix: &str, after: Option<&str>, limit: usize) -> Reading<Vec<Listed>> {
        let log = Arc::clone(self);
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Reading::Stored(Box::new(move || {
            let mut listed = Vec::new();
            for lane in [&log.replicated, &log.ephemeral] {
                for shard in log.shard_count.ids() {
                    listed.extend(listing::of_shard(lane, shard, &prefix, after.as_deref(), limit)?);
                }
            }
            listed.sort_unstable_by(|a: &Listed, b| a.topic.cmp(&b.topic));
            listed.truncate(limit);
            Ok(listed)
        }))
    }

    /// See [`ShardState::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self, durability: Durability, shard: ShardId) -> Option<u64> {
        self.lane(durability).with(shard, |state| state.next_deadline()).ok()?
    }

    /// See [`ShardState::due`]. May wait for a disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn due(
        &self,
        durability: Durability,
        shard: ShardId,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<TopicName>, StateFault> {
        self.lane(durability).with(shard, |state| state.due(now_ms, limit))?
    }

    /// What all topics take, by the policy that counts them.
    #[must_use]
    pub fn usage(&self) -> BTreeMap<String, Usage> {
        let mut sums: BTreeMap<String, Usage> = BTreeMap::new();
        for lane in [&self.replicated, &self.ephemeral] {
            for shard in self.shard_count.ids() {
                let add = |state: &mut ShardState| {
                    for (policy, usage) in state.usages() {
                        let sum = sums.entry(policy.to_owned()).or_default();
                        sum.topics += usage.topics;
                        sum.bytes += usage.bytes;
                    }
                };
                // What a faulted shard holds cannot be counted, nor grow.
                let _ = lane.with(shard, add);
            }
        }
        sums
    }

    /// The version of the policies that a shard has; `None` where it serves no one.
    #[must_use]
    pub fn policies_version(&self, durability: Durability, shard: ShardId) -> Option<u64> {
        self.lane(durability).with(shard, |state| state.policies().0).ok()
    }

    /// Hands over what changed in a shard since its last window, if anything did; see [`ShardState::window`].
    ///
    /// # Errors
    /// Those of `commit`.
    pub fn write_window<E>(
        &self,
        shard: ShardId,
        commit: impl FnOnce(&Window) -> Result<(), E>,
    ) -> Result<Option<Window>, E> {
        let _writing = self.hold_windows(shard);
        let Some(window) = self.replicated.with(shard, ShardState::window).ok().flatten() else { return Ok(None) };
        commit(&window)?;
        Ok(Some(window))
    }

    /// No window of a shard is taken or written while this is held.
    pub(crate) fn hold_windows(&self, shard: ShardId) -> MutexGuard<'_, ()> {
        self.writing[shard.index()].lock()
    }

    /// See [`ShardState::stored`] and [`ShardState::evict`]; all shards together get `hot_bytes_max`.
    pub fn stored(&self, shard: ShardId, window: u64, hot_bytes_max: u64) {
        let hot_bytes = self.memory.hot_bytes();
        // A shard that faulted meanwhile has nothing to let go of.
        let _ = self.replicated.with(shard, |state| {
            state.stored(window);
            if hot_bytes > hot_bytes_max {
                state.evict(share(state.hot_bytes(), hot_bytes, hot_bytes_max));
            }
        });
    }

    /// See [`ShardState::digest`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn digest(&self, durability: Durability, shard: ShardId) -> Result<u128, StateFault> {
        self.lane(durability).with(shard, |state| state.digest())?
    }

    pub(super) fn replicated(&self) -> &Lane {
        &self.replicated
    }

    pub(super) fn ephemeral(&self) -> &Lane {
        &self.ephemeral
    }

    /// A shard as it is stored now.
    pub(super) fn open_shard(&self, storage: &Arc<dyn ShardStorage>) -> Result<ShardState, StateFault> {
        ShardState::open(Arc::clone(storage).reader(), Arc::default(), Arc::clone(&self.memory))
    }

    fn lane(&self, durability: Durability) -> &Lane {
        match durability {
            Durability::Replicated => &self.replicated,
            Durability::Ephemeral => &self.ephemeral,
        }
    }

    fn ask<T>(&self, topic: &TopicName, ask: impl FnOnce(&mut ShardState) -> T) -> Result<T, Faulted> {
        self.lane(self.durability(topic)).with(self.shard_of(topic), ask)
    }

    fn read<T: 'static>(&self, topic: &TopicName, read: impl FnOnce(&mut ShardState) -> Reading<T>) -> Reading<T> {
        let fault = |faulted: Faulted| Reading::Stored(Box::new(move || Err(faulted.into())));
        self.ask(topic, read).unwrap_or_else(fault)
    }
}

/// A shard's part of what all may take, with a tenth to spare so that not every window has to look for more.
fn share(part: u64, whole: u64, whole_max: u64) -> u64 {
    let share = u128::from(part) * u128::from(whole_max) * 9 / (u128::from(whole.max(1)) * 10);
    u64::try_from(share).unwrap_or(u64::MAX)
}

impl fmt::Debug for SharedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLog").field("shard_count", &self.shard_count).finish_non_exhaustive()
    }
}
