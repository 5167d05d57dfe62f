//! A shard on the bench: asked as readers ask it, with every answer waited for.

use fanfare_cluster::{Position, ShardCount, ShardId};
use fanfare_protocol::TopicName;

use super::twin::Twin;
use super::*;
use crate::log::lane::{Held, Lane};
use crate::log::listing;
use crate::log::memory::Memory;
use crate::log::read::Listed;
use crate::log::rows::Usage;

pub(super) struct Bench {
    lane: Lane,
    shard: ShardId,
    pub(super) memory: Arc<Memory>,
    pub(super) twin: Option<Arc<Twin>>,
}

impl Bench {
    /// A shard that stores nothing.
    pub(super) fn ephemeral(policies: Policies) -> Self {
        let memory = Arc::new(Memory::default());
        let state = ShardState::new(Arc::new(policies), Arc::clone(&memory));
        Self::of(state, memory, None)
    }

    /// A shard as the twin has it.
    pub(super) fn stored(policies: Policies, twin: Arc<Twin>) -> Self {
        let memory = Arc::new(Memory::default());
        let state = ShardState::open(Arc::clone(&twin) as _, Arc::new(policies), Arc::clone(&memory)).unwrap();
        Self::of(state, memory, Some(twin))
    }

    fn of(state: ShardState, memory: Arc<Memory>, twin: Option<Arc<Twin>>) -> Self {
        let lane = Lane::new([Held::Open(Box::new(state))]);
        Self { lane, shard: ShardCount::new(1).unwrap().ids().next().unwrap(), memory, twin }
    }

    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut ShardState) -> T) -> T {
        self.lane.with(self.shard, ask).unwrap()
    }

    pub(super) fn apply(&self, entry: &Entry, committed: &mut Vec<Committed>) -> Vec<Answer> {
        let position = Position { index: entry.index, shard_ms: entry.time.shard_ms, ..Position::default() };
        let answers = self.with(|state| state.apply(entry, position, committed)).unwrap();
        self.check();
        answers
    }

    pub(super) fn check(&self) {
        self.with(|state| state.check());
    }

    pub(super) fn head(&self, topic: &str) -> ResourceVersion {
        self.with(|state| state.head(topic)).unwrap()
    }

    pub(super) fn beginning(&self, topic: &str) -> ResourceVersion {
        self.with(|state| state.beginning(topic)).unwrap()
    }

    /// Page after page until the limit: those of memory and those of the store are never one.
    pub(super) fn read_after(&self, topic: &str, cursor: ResourceVersion, limit: ReadLimit) -> Result<Page, Gap> {
        let read = |cursor, limit| self.with(|state| state.read_after(topic, cursor, limit)).wait().unwrap();
        let mut page: Page = read(cursor, limit)?;
        while let Some(limit) = page.room(limit) {
            page.join(read(page.through, limit)?);
        }
        Ok(page)
    }

    pub(super) fn read_before(
        &self,
        topic: &str,
        cursor: Option<ResourceVersion>,
        limit: ReadLimit,
    ) -> Result<Page, Gap> {
        let read = |cursor, limit| self.with(|state| state.read_before(topic, cursor, limit)).wait().unwrap();
        let mut page: Page = read(cursor, limit)?;
        while let Some(limit) = page.room(limit) {
            page.join(read(Some(page.through), limit)?);
        }
        Ok(page)
    }

    pub(super) fn snapshot(&self, topic: &str, limit: usize) -> Snapshot {
        self.with(|state| state.snapshot(topic, limit)).wait().unwrap()
    }

    pub(super) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Listed> {
        listing::of_shard(&self.lane, self.shard, prefix, after, limit).unwrap()
    }

    pub(super) fn due(&self, now_ms: u64, limit: usize) -> Vec<TopicName> {
        let due = self.with(|state| state.due(now_ms, limit)).unwrap();
        self.check();
        due
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.with(|state| state.next_deadline())
    }

    pub(super) fn usage(&self, policy: &str) -> Usage {
        self.with(|state| state.usage(policy))
    }

    pub(super) fn digest(&self) -> u128 {
        self.with(|state| state.digest()).unwrap()
    }
}
