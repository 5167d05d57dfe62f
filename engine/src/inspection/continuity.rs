//! Whether the log goes on where the state stands: each group's entries are in the one or in the other.

use std::collections::BTreeMap;

use fanfare_cluster::Position;
use fanfare_cluster::log::{CheckReport, GroupId, GroupReport};

use crate::store::Fault;

/// Where each group's stored state stands.
pub(super) type Positions = BTreeMap<GroupId, Position>;

/// The first entry that the state does not have.
fn next(position: Option<&Position>) -> u64 {
    // The first entry of a group has index 0, so the index alone does not tell whether there is any.
    let position = position.filter(|position| !position.membership.is_empty());
    position.map_or(0, |position| position.index.saturating_add(1))
}

/// Entries that a start would apply again.
pub(super) fn replayed(log: &CheckReport, positions: &Positions) -> u64 {
    let above = |group: &GroupReport| {
        let indexes = group.indexes.clone().unwrap_or_default();
        indexes.end.saturating_sub(indexes.start.max(next(positions.get(&group.group))))
    };
    log.groups.iter().map(above).sum()
}

/// What neither the state nor the log has.
pub(super) fn gaps(log: &CheckReport, positions: &Positions, shards: u32) -> Vec<Fault> {
    let reports: BTreeMap<GroupId, &GroupReport> = log.groups.iter().map(|report| (report.group, report)).collect();
    let fault = |group: GroupId, what| {
        let place = if group == GroupId::META { "namespaces".to_owned() } else { format!("shard {group}") };
        Some(Fault { place, what })
    };
    let groups = (0..shards).map(GroupId).chain([GroupId::META]);
    let gaps = groups.filter_map(|group| {
        let next = next(positions.get(&group));
        match reports.get(&group) {
            // Why, has been told.
            Some(report) if report.fault.is_some() => None,
            None if log.others.is_some() || next == 0 => None,
            None => fault(group, format!("its state stands at entry {}, and its log is not there", next - 1)),
            Some(report) => {
                let held = report.indexes.as_ref().map(|indexes| indexes.start);
                let behind_purged = report.purged.map(|purged| purged.saturating_add(1));
                let begins = held.or(behind_purged).unwrap_or_default();
                let gap = || format!("entries {next} to {} are neither in its state nor in its log", begins - 1);
                if begins > next { fault(group, gap()) } else { None }
            }
        }
    });
    let strangers =
        reports.keys().chain(positions.keys()).filter(|group| group.0 >= shards && **group != GroupId::META);
    let strangers: std::collections::BTreeSet<GroupId> = strangers.copied().collect();
    let strange = |group: GroupId| {
        let what = format!("the node has {shards} shards, and this is none of them: `identity.toml` is not its own");
        fault(group, what)
    };
    gaps.chain(strangers.into_iter().filter_map(strange)).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fanfare_cluster::log::LogFault;

    use super::*;

    fn at(index: u64) -> Position {
        Position { index, membership: Bytes::from_static(b"members"), ..Position::default() }
    }

    fn group(group: u32, indexes: Option<std::ops::Range<u64>>, purged: Option<u64>) -> GroupReport {
        GroupReport { group: GroupId(group), indexes, bytes: 0, purged, has_vote: true, fault: None }
    }

    fn log(groups: Vec<GroupReport>) -> CheckReport {
        CheckReport {
            segments: Vec::new(),
            groups,
            spares_count: 0,
            kept: Vec::new(),
            faults: Vec::new(),
            others: None,
            interrupted: None,
        }
    }

    #[test]
    fn a_log_goes_on_where_the_state_stands() {
        let positions = Positions::from([(GroupId(0), at(9)), (GroupId(1), at(1)), (GroupId::META, at(3))]);
        let whole = log(vec![
            group(0, Some(10..15), Some(9)),
            group(1, None, Some(1)),
            group(2, Some(0..4), None),
            group(GroupId::META.0, Some(2..6), Some(1)),
        ]);
        assert_eq!(gaps(&whole, &positions, 4), []);
        assert_eq!(replayed(&whole, &positions), 5 + 4 + 2);
    }

    #[test]
    fn what_is_in_neither_is_a_gap() {
        let positions = Positions::from([(GroupId(0), at(9)), (GroupId(3), at(5))]);
        let groups = vec![group(0, Some(12..15), Some(11)), group(1, None, Some(4)), group(2, Some(1..3), None)];
        let found: Vec<_> =
            gaps(&log(groups), &positions, 4).iter().map(|gap| format!("{}: {}", gap.place, gap.what)).collect();
        assert_eq!(
            found,
            [
                "shard 0: entries 10 to 11 are neither in its state nor in its log",
                "shard 1: entries 0 to 4 are neither in its state nor in its log",
                "shard 2: entries 0 to 0 are neither in its state nor in its log",
                "shard 3: its state stands at entry 5, and its log is not there",
            ]
        );
    }

    #[test]
    fn what_is_known_to_be_damaged_is_not_told_twice() {
        let positions = Positions::from([(GroupId(0), at(9)), (GroupId(1), at(9))]);
        let damaged = GroupReport { fault: Some(LogFault::Closed), ..group(0, Some(12..15), None) };
        let log = CheckReport { others: Some(LogFault::Closed), ..log(vec![damaged]) };
        assert_eq!(gaps(&log, &positions, 2), []);
    }

    #[test]
    fn shards_that_the_node_does_not_have_are_told() {
        let positions = Positions::from([(GroupId(7), at(1))]);
        let found = gaps(&log(vec![group(9, None, Some(1))]), &positions, 4);
        let places: Vec<_> = found.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(places, ["shard 7", "shard 9"]);
    }
}
