//! What watchers read of a shard: heads, pages from a cursor in both directions, snapshots. Events are shared,
//! never copied; a cursor that cannot be continued is a [`Gap`]. The rules are those of the protocol's `SPEC.md`, section V:
//!
//! * A topic that does not exist stands at `0.0` and has an empty snapshot there; a cursor of `0.0` sees its creation,
//!   so on a topic that was created since it is read as `EPOCH.0`, before the first publication.
//! * A cursor at the head can always be continued, also when retention has taken everything.
//! * A page covers exactly the versions in (`after`, `through`]; what left by its own `ttl` is covered without an event.
//!
//! A read is answered from memory, or it is a [`Reading::Stored`]: decided here, under the shard's lock, and done by
//! [`super::stored_read`] where a thread may wait. A page is never of both, so it may end before its limit.

use std::sync::Arc;

use fanfare_cluster::StateFault;
use fanfare_protocol::{Event, ResourceVersion, TopicName};

use super::gap::Gap;
use super::history::Item;
use super::line::Line;
use super::policy::Kind;
use super::shard::ShardState;
use super::stored_read::{Cold, Hot};
use super::topic::TopicLog;
use super::weight;

/// How much a page holds at most; at least one event where there is one, however large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// Events.
    pub count: usize,
    /// Bytes of their data, keys and attributes, and 256 for each.
    pub bytes: u64,
}

/// Events after or before a cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Forward: ascending; backward: descending.
    pub events: Vec<Arc<Event>>,
    /// The cursor that was read from; where the page begins. For a cursor of `0.0` on a topic that exists, `EPOCH.0`.
    pub after: ResourceVersion,
    /// The cursor to go on from. Forward it is the head when nothing follows.
    pub through: ResourceVersion,
    /// Where the topic stood when this was read.
    pub head: ResourceVersion,
    /// There is more behind `through`.
    pub more: bool,
}

impl Page {
    /// What may still be read behind it within a limit, if there is more.
    #[must_use]
    pub fn room(&self, limit: ReadLimit) -> Option<ReadLimit> {
        let count = limit.count.checked_sub(self.events.len()).filter(|count| *count > 0 && self.more)?;
        let bytes = self.events.iter().map(|event| weight::of_event(event)).sum();
        let bytes = limit.bytes.checked_sub(bytes).filter(|bytes| *bytes > 0)?;
        Some(ReadLimit { count, bytes })
    }

    /// Goes on with the page that was read behind it.
    pub fn join(&mut self, next: Self) {
        self.events.extend(next.events);
        (self.through, self.head, self.more) = (next.through, next.head, next.more);
    }
}

/// The sum of a topic at a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Of the topic; `stream` where there is none.
    pub kind: Kind,
    /// Where it stands: a watch goes on from here.
    pub version: ResourceVersion,
    /// Of a `stream` the version before its oldest item (its own where there is none), else `EPOCH.0`.
    pub after: ResourceVersion,
    /// Older publications are retained but left out.
    pub limited: bool,
    /// Ascending by version.
    pub items: Vec<Arc<Event>>,
}

/// A topic in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub topic: TopicName,
    /// Its head.
    pub version: ResourceVersion,
    /// Its kind.
    pub kind: Kind,
}

/// The answer to a read, or what has to be done for it where a thread may wait for a disk.
pub enum Reading<T> {
    /// It was in memory.
    Ready(T),
    /// It is in the store.
    Stored(StoredRead<T>),
}

/// A read of the store: sees it as it was when the read was asked for, however late it is done.
pub type StoredRead<T> = Box<dyn FnOnce() -> Result<T, StateFault> + Send>;

impl<T> Reading<T> {
    /// The answer, after waiting for the disk if need be.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wait(self) -> Result<T, StateFault> {
        match self {
            Self::Ready(answer) => Ok(answer),
            Self::Stored(read) => read(),
        }
    }
}

impl ShardState {
    /// Where a topic stands: `0.0` when it does not exist. Of a cold topic one row is read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn head(&self, topic: &str) -> Result<ResourceVersion, StateFault> {
        Ok(self.line(topic)?.map_or(ResourceVersion::NONE, |line| line.version()))
    }

    /// The oldest cursor that can be continued: before everything that is retained. Of a cold topic one row is read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn beginning(&self, topic: &str) -> Result<ResourceVersion, StateFault> {
        Ok(self.line(topic)?.map_or(ResourceVersion::NONE, |line| line.at(line.floor)))
    }

    fn line(&self, topic: &str) -> Result<Option<Line>, StateFault> {
        if let Some(log) = self.topic(topic) {
            return Ok(Some(log.line()));
        }
        match &self.stored {
            Some(stored) if !self.has_ended(topic) => Ok(stored.topic(topic)?.map(|row| Line::of(&row))),
            Some(_) | None => Ok(None),
        }
    }

    /// What was published after a cursor.
    pub fn read_after(&self, topic: &str, cursor: ResourceVersion, limit: ReadLimit) -> Reading<Result<Page, Gap>> {
        let Some(log) = self.topic(topic) else {
            return match Cold::of(self, topic) {
                Some(cold) => Reading::Stored(Box::new(move || cold.read_after(cursor, limit))),
                None => Reading::Ready(nowhere(cursor)),
            };
        };
        let line = log.line();
        let after = match line.resume(cursor) {
            Ok(after) => after,
            Err(gap) => return Reading::Ready(Err(gap)),
        };
        if after < log.history.tail_after()
            && let Some(hot) = Hot::of(self, log)
        {
            return Reading::Stored(Box::new(move || hot.read_after(after, limit).map(Ok)));
        }
        let (events, last, more) = cut(log.history.after(after).map(parts), limit);
        let through = if more { last.unwrap_or(after) } else { line.head };
        Reading::Ready(Ok(Page {
            events,
            after: line.at(after),
            through: line.at(through),
            head: line.version(),
            more,
        }))
    }

    /// What was published before a cursor, newest first; without one from the head backwards, the head included.
    /// Reading backwards ends where retention does, without a gap.
    pub fn read_before(
        &self,
        topic: &str,
        cursor: Option<ResourceVersion>,
        limit: ReadLimit,
    ) -> Reading<Result<Page, Gap>> {
        let Some(log) = self.topic(topic) else {
            return match Cold::of(self, topic) {
                Some(cold) => Reading::Stored(Box::new(move || cold.read_before(cursor, limit))),
                None => Reading::Ready(nowhere(cursor.unwrap_or(ResourceVersion::NONE))),
            };
        };
        let line = log.line();
        let before = match cursor.map_or(Ok(line.head + 1), |cursor| line.known(cursor)) {
            Ok(before) => before,
            Err(gap) => return Reading::Ready(Err(gap)),
        };
        let after = cursor.map_or(line.version(), |_| line.at(before));
        let (events, last, more) = cut(log.history.before(before).map(parts), limit);
        if events.is_empty()
            && let Some(hot) = Hot::of(self, log)
        {
            return Reading::Stored(Box::new(move || hot.read_before(before, after, limit).map(Ok)));
        }
        let more = more || log.history.reaches_into_store();
        let through = if more { last.unwrap_or(before) } else { line.floor.min(before) };
        Reading::Ready(Ok(Page { events, after, through: line.at(through), head: line.version(), more }))
    }

    /// The sum of a topic: of a `stream` its last `limit` retained publications, else every live key.
    #[must_use]
    pub fn snapshot(&self, topic: &str, limit: usize) -> Reading<Snapshot> {
        let Some(log) = self.topic(topic) else {
            return match Cold::of(self, topic) {
                Some(cold) => Reading::Stored(Box::new(move || cold.snapshot(limit))),
                None => Reading::Ready(Snapshot::empty()),
            };
        };
        let line = log.line();
        if let Some(fold) = &log.fold {
            let items = fold.items().map(|live| Arc::clone(&live.event)).collect();
            let (version, after) = (line.version(), line.at(0));
            return Reading::Ready(Snapshot { kind: log.kind, version, after, limited: false, items });
        }
        let tail: Vec<_> = log.history.last(limit).map(|item| (item.offset, Arc::clone(&item.event))).collect();
        if tail.len() < limit
            && let Some(hot) = Hot::of(self, log)
        {
            return Reading::Stored(Box::new(move || hot.last(tail, limit)));
        }
        Reading::Ready(Snapshot::last(line, tail, log.history.count()))
    }
}

impl TopicLog {
    pub(super) fn line(&self) -> Line {
        Line { epoch: self.epoch, head: self.head, floor: self.history.floor() }
    }
}

impl Snapshot {
    /// Of a topic that does not exist.
    pub(super) fn empty() -> Self {
        let none = ResourceVersion::NONE;
        Self { kind: Kind::Stream, version: none, after: none, limited: false, items: Vec::new() }
    }

    /// The last publications of a `stream` that retains so many.
    pub(super) fn last(line: Line, last: Vec<(u64, Arc<Event>)>, count: u64) -> Self {
        Self {
            kind: Kind::Stream,
            version: line.version(),
            after: line.at(last.first().map_or(line.head, |(oldest, _)| oldest - 1)),
            limited: (last.len() as u64) < count,
            items: last.into_iter().map(|(_, event)| event).collect(),
        }
    }
}

/// Of a topic that does not exist only `0.0` can be continued.
pub(super) fn nowhere(cursor: ResourceVersion) -> Result<Page, Gap> {
    let none = ResourceVersion::NONE;
    if !cursor.is_none() {
        return Err(Gap::EpochChanged { current: none });
    }
    Ok(Page { events: Vec::new(), after: none, through: none, head: none, more: false })
}

/// Offset, bytes and event.
type Part<'a> = (u64, u64, &'a Arc<Event>);

fn parts(item: &Item) -> Part<'_> {
    (item.offset, item.bytes, &item.event)
}

/// As much as the limit allows, the offset of the last, and whether there is more.
fn cut<'a>(items: impl Iterator<Item = Part<'a>>, limit: ReadLimit) -> (Vec<Arc<Event>>, Option<u64>, bool) {
    let mut left = limit.bytes;
    let mut events = Vec::new();
    let mut last = None;
    for (offset, bytes, event) in items {
        let fits = events.len() < limit.count && (events.is_empty() || bytes <= left);
        if !fits {
            return (events, last, true);
        }
        left = left.saturating_sub(bytes);
        last = Some(offset);
        events.push(Arc::clone(event));
    }
    (events, last, false)
}
