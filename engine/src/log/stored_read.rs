//! Reads that memory cannot answer: of a topic that only the store has, and of what a topic in memory has let go of.
//! Each holds the store still as it was when it was asked for, so that what retention forgets meanwhile leaves no hole in
//! a page.

use std::sync::Arc;

use fanfare_cluster::StateFault;
use fanfare_protocol::{Event, ResourceVersion};

use super::gap::Gap;
use super::line::Line;
use super::policy::Kind;
use super::read::{Page, ReadLimit, Snapshot, nowhere};
use super::rows::{FoldRow, ItemRow, TopicRow};
use super::shard::ShardState;
use super::stored::Stored;
use super::topic::TopicLog;

impl Line {
    pub(super) fn of(row: &TopicRow) -> Self {
        Self { epoch: row.epoch, head: row.head, floor: row.floor }
    }
}

/// What a topic in memory has in the store alone.
pub(super) struct Hot {
    still: Arc<dyn Stored>,
    number: u64,
    line: Line,
    /// What is retained up to here is meant.
    pub(super) tail_after: u64,
    /// What left by its own `ttl` up to here may still have a row.
    settled_ms: u64,
    count: u64,
}

impl Hot {
    /// `None` when it is all in memory.
    pub(super) fn of(state: &ShardState, log: &TopicLog) -> Option<Self> {
        let stored = state.stored.as_ref().filter(|_| log.history.reaches_into_store())?;
        Some(Self {
            still: stored.still(),
            number: log.number,
            line: log.line(),
            tail_after: log.history.tail_after(),
            settled_ms: log.settled_ms(),
            count: log.history.count(),
        })
    }

    fn of_row(still: Arc<dyn Stored>, row: &TopicRow) -> Self {
        let TopicRow { number, head, settled_ms, history_count, .. } = *row;
        Self { still, number, line: Line::of(row), tail_after: head, settled_ms, count: history_count }
    }

    pub(super) fn read_after(&self, after: u64, limit: ReadLimit) -> Result<Page, StateFault> {
        let line = self.line;
        let rows = self.still.items_after(self.number, line.epoch, after, self.tail_after, limit)?;
        let through = rows.last().map_or(self.tail_after, |last| last.offset);
        Ok(Page {
            events: self.events(rows),
            after: line.at(after),
            through: line.at(through),
            head: line.version(),
            more: through < line.head,
        })
    }

    pub(super) fn read_before(
        &self,
        before: u64,
        after: ResourceVersion,
        limit: ReadLimit,
    ) -> Result<Page, StateFault> {
        let line = self.line;
        let from = before.min(self.tail_after + 1);
        let rows = self.still.items_before(self.number, line.epoch, from, line.floor, limit)?;
        let oldest = rows.last().map_or(line.floor + 1, |oldest| oldest.offset);
        let more = oldest > line.floor + 1;
        let through = if more { oldest } else { line.floor.min(before) };
        Ok(Page { events: self.events(rows), after, through: line.at(through), head: line.version(), more })
    }

    /// The last publications of a `stream`, of which these are in memory.
    pub(super) fn last(&self, tail: Vec<(u64, Arc<Event>)>, limit: usize) -> Result<Snapshot, StateFault> {
        let mut last = Vec::new();
        let mut before = self.tail_after + 1;
        // More than one read only where many have left by their own `ttl`.
        while last.len() + tail.len() < limit && before > self.line.floor + 1 {
            let limit = ReadLimit { count: limit - last.len() - tail.len(), bytes: u64::MAX };
            let rows = self.still.items_before(self.number, self.line.epoch, before, self.line.floor, limit)?;
            before = rows.last().map_or(0, |oldest| oldest.offset);
            last.extend(rows.into_iter().filter(|row| self.stays(row)).map(|row| (row.offset, row.event)));
        }
        last.reverse();
        last.extend(tail);
        Ok(Snapshot::last(self.line, last, self.count))
    }

    fn events(&self, rows: Vec<ItemRow>) -> Vec<Arc<Event>> {
        rows.into_iter().filter(|row| self.stays(row)).map(|row| row.event).collect()
    }

    fn stays(&self, row: &ItemRow) -> bool {
        row.leaves_ms.is_none_or(|at_ms| at_ms > self.settled_ms)
    }
}

/// A topic that is not in memory, if it exists at all.
pub(super) struct Cold {
    still: Arc<dyn Stored>,
    topic: String,
}

impl Cold {
    /// `None` when the topic is in memory, or is known not to exist.
    pub(super) fn of(state: &ShardState, topic: &str) -> Option<Self> {
        let stored = state.stored.as_ref().filter(|_| state.is_cold(topic))?;
        Some(Self { still: stored.still(), topic: topic.to_owned() })
    }

    pub(super) fn read_after(self, cursor: ResourceVersion, limit: ReadLimit) -> Result<Result<Page, Gap>, StateFault> {
        let Some(row) = self.still.topic(&self.topic)? else { return Ok(nowhere(cursor)) };
        match Line::of(&row).resume(cursor) {
            Ok(after) => Hot::of_row(self.still, &row).read_after(after, limit).map(Ok),
            Err(gap) => Ok(Err(gap)),
        }
    }

    pub(super) fn read_before(
        self,
        cursor: Option<ResourceVersion>,
        limit: ReadLimit,
    ) -> Result<Result<Page, Gap>, StateFault> {
        let Some(row) = self.still.topic(&self.topic)? else {
            return Ok(nowhere(cursor.unwrap_or(ResourceVersion::NONE)));
        };
        let line = Line::of(&row);
        let before = match cursor.map_or(Ok(line.head + 1), |cursor| line.known(cursor)) {
            Ok(before) => before,
            Err(gap) => return Ok(Err(gap)),
        };
        let after = cursor.map_or(line.version(), |_| line.at(before));
        Hot::of_row(self.still, &row).read_before(before, after, limit).map(Ok)
    }

    pub(super) fn snapshot(self, limit: usize) -> Result<Snapshot, StateFault> {
        let Some(row) = self.still.topic(&self.topic)? else { return Ok(Snapshot::empty()) };
        match row.kind {
            Kind::Stream => Hot::of_row(self.still, &row).last(Vec::new(), limit),
            Kind::State | Kind::Document => {
                let mut live: Vec<FoldRow> = self.still.fold(row.number, row.epoch)?;
                live.sort_unstable_by_key(|live| live.offset);
                let line = Line::of(&row);
                let items = live.into_iter().map(|live| live.event).collect();
                Ok(Snapshot { kind: row.kind, version: line.version(), after: line.at(0), limited: false, items })
            }
        }
    }
}
