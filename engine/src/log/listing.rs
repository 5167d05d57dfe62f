//! Topics of a shard in the order of their names: those that the store has, those that it does not have yet, less those
//! that it still shows though they have ended.

use std::collections::BTreeMap;
use std::ops::Bound;

use fanfare_cluster::{ShardId, StateFault};
use fanfare_protocol::TopicName;

use super::lane::Lane;
use super::line::Line;
use super::read::Listed;
use super::shard::ShardState;
use super::stored::Stored;

/// Names that begin with `prefix` and come after `after`. Waits for the disk, but not under the shard's lock.
pub(super) fn of_shard(
    lane: &Lane,
    shard: ShardId,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Listed>, StateFault> {
    // What is unstored at this moment is either in `fresh` or, stored by then, in what is read afterwards.
    let (fresh, stored) = lane.with(shard, |state| (fresh(state, prefix, after, limit), state.stored.clone()))?;
    let Some(stored) = stored else { return Ok(fresh) };
    let mut listed: BTreeMap<TopicName, Listed> = fresh.into_iter().map(|topic| (topic.topic.clone(), topic)).collect();
    let mut after = after.map(str::to_owned);
    // One page, unless most of it has ended or is internal.
    while listed.len() < limit {
        let rows = page(lane, shard, stored.as_ref(), prefix, after.as_deref(), limit)?;
        let Some(last) = rows.last else { break };
        for topic in rows.listed {
            listed.entry(topic.topic.clone()).or_insert(topic);
        }
        after = Some(last);
    }
    Ok(listed.into_values().take(limit).collect())
}

struct StoredNames {
    listed: Vec<Listed>,
    /// `None` when there was nothing more.
    last: Option<String>,
}

fn page(
    lane: &Lane,
    shard: ShardId,
    stored: &dyn Stored,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<StoredNames, StateFault> {
    let rows = stored.list(prefix, after, limit)?;
    let last = rows.last().map(|(name, _)| name.as_str().to_owned());
    let internal = prefix.starts_with('_');
    let listed = lane.with(shard, |state| {
        let rows =
            rows.into_iter().filter(|(name, _)| (internal || !name.is_internal()) && !state.has_ended(name.as_str()));
        rows.map(|(name, row)| match state.topic(name.as_str()) {
            Some(log) => Listed { version: log.version(), kind: log.kind, topic: name },
            None => Listed { version: Line::of(&row).version(), kind: row.kind, topic: name },
        })
        .collect()
    })?;
    Ok(StoredNames { listed, last })
}

fn fresh(state: &ShardState, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Listed> {
    let first = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        Some(_) | None => Bound::Included(prefix),
    };
    let internal = prefix.starts_with('_');
    state
        .unstored
        .range::<str, _>((first, Bound::Unbounded))
        .take_while(|name| name.as_str().starts_with(prefix))
        .filter(|name| internal || !name.is_internal())
        .take(limit)
        .filter_map(|name| {
            let log = state.topic(name.as_str())?;
            Some(Listed { topic: name.clone(), version: log.version(), kind: log.kind })
        })
        .collect()
}
