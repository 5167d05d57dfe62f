//! What watchers read of a shard: heads, pages from a cursor in both directions, snapshots, lists. Events are shared,
//! never copied; a cursor that cannot be continued is a [`Gap`]. The rules are those of the protocol's `SPEC.md`, section V:
//!
//! * A topic that does not exist stands at `0.0` and has an empty snapshot there; a cursor of `0.0` sees its creation,
//!   so on a topic that was created since it is read as `EPOCH.0`, before the first publication.
//! * A cursor at the head can always be continued, also when retention has taken everything.
//! * A page covers exactly the versions in (`after`, `through`]; what left by its own `ttl` is covered without an event.

use std::ops::Bound;
use std::sync::Arc;

use fanfare_protocol::{Event, ResourceVersion, TopicName};

use super::gap::Gap;
use super::history::Item;
use super::policy::Kind;
use super::shard::ShardState;
use super::topic::TopicLog;

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

/// The sum of a topic at a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
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

impl ShardState {
    /// Where a topic stands: `0.0` when it does not exist.
    #[must_use]
    pub fn head(&self, topic: &str) -> ResourceVersion {
        self.topic(topic).map_or(ResourceVersion::NONE, TopicLog::version)
    }

    /// The oldest cursor that can be continued: before everything that is retained.
    #[must_use]
    pub fn beginning(&self, topic: &str) -> ResourceVersion {
        self.topic(topic).map_or(ResourceVersion::NONE, |log| log.at(log.history.floor()))
    }

    /// What was published after a cursor.
    pub fn read_after(&self, topic: &str, cursor: ResourceVersion, limit: ReadLimit) -> Result<Page, Gap> {
        let Some(log) = self.topic(topic) else { return nowhere(cursor) };
        let after = log.resume(cursor)?;
        let (events, last, more) = cut(log.history.after(after).map(parts), limit);
        let through = if more { last.unwrap_or(after) } else { log.head };
        Ok(Page { events, after: log.at(after), through: log.at(through), head: log.version(), more })
    }

    /// What was published before a cursor, newest first; without one from the head backwards, the head included.
    /// Reading backwards ends where retention does, without a gap.
    pub fn read_before(&self, topic: &str, cursor: Option<ResourceVersion>, limit: ReadLimit) -> Result<Page, Gap> {
        let Some(log) = self.topic(topic) else {
            return nowhere(cursor.unwrap_or(ResourceVersion::NONE));
        };
        let before = match cursor {
            None => log.head + 1,
            Some(cursor) => log.known(cursor)?,
        };
        let (events, last, more) = cut(log.history.before(before).map(parts), limit);
        let through = if more { last.unwrap_or(before) } else { log.history.floor().min(before) };
        let after = cursor.map_or(log.version(), |_| log.at(before));
        Ok(Page { events, after, through: log.at(through), head: log.version(), more })
    }

    /// The sum of a topic: of a `stream` its last `limit` retained publications, else every live key.
    #[must_use]
    pub fn snapshot(&self, topic: &str, limit: usize) -> Snapshot {
        let Some(log) = self.topic(topic) else {
            let none = ResourceVersion::NONE;
            return Snapshot { version: none, after: none, limited: false, items: Vec::new() };
        };
        let Some(fold) = &log.fold else { return log.last(limit) };
        let items = fold.items().map(|live| Arc::clone(&live.event)).collect();
        Snapshot { version: log.version(), after: log.at(0), limited: false, items }
    }

    /// Topics whose names begin with `prefix` and come after `after`, in the order of their bytes. Internal ones are
    /// shown only to whoever asks for them by their `_`.
    #[must_use]
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Listed> {
        let first = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let internal = prefix.starts_with('_');
        self.names
            .range::<str, _>((first, Bound::Unbounded))
            .take_while(|name| name.as_str().starts_with(prefix))
            .filter(|name| internal || !name.is_internal())
            .take(limit)
            .filter_map(|name| {
                let log = self.topic(name.as_str())?;
                Some(Listed { topic: name.clone(), version: log.version(), kind: log.policy.kind })
            })
            .collect()
    }
}

impl TopicLog {
    fn at(&self, offset: u64) -> ResourceVersion {
        ResourceVersion::new(self.epoch, offset)
    }

    /// The offset of a cursor of this epoch, or of `0.0`.
    fn known(&self, cursor: ResourceVersion) -> Result<u64, Gap> {
        if cursor.is_none() {
            return Ok(0);
        }
        if cursor.epoch != self.epoch {
            return Err(Gap::EpochChanged { current: self.version() });
        }
        if cursor.offset > self.head {
            return Err(Gap::Ahead { current: self.version() });
        }
        Ok(cursor.offset)
    }

    /// The offset after which the topic can be read on.
    fn resume(&self, cursor: ResourceVersion) -> Result<u64, Gap> {
        let offset = self.known(cursor)?;
        let floor = self.history.floor();
        if offset < floor { Err(Gap::Gone { oldest: self.at(floor) }) } else { Ok(offset) }
    }

    fn last(&self, limit: usize) -> Snapshot {
        let items: Vec<_> = self.history.last(limit).map(|item| Arc::clone(&item.event)).collect();
        let oldest = self.history.last(limit).next().map(|item| item.offset);
        Snapshot {
            version: self.version(),
            after: self.at(oldest.map_or(self.head, |oldest| oldest - 1)),
            limited: items.len() < self.history.len(),
            items,
        }
    }
}

/// Of a topic that does not exist only `0.0` can be continued.
fn nowhere(cursor: ResourceVersion) -> Result<Page, Gap> {
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
