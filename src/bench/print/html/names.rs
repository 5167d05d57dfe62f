//! What to call each of several reports, so that no two share a name and none is longer than it need be.

use std::collections::HashSet;

use crate::bench::Report;

/// A name for each: its target, and what sets it apart from others of the same target where there are such: the settings in
/// which they differ, what they promise, or at last their places in the row.
pub(super) fn names(reports: &[&Report]) -> Vec<String> {
    let targets: Vec<String> = reports.iter().map(|report| report.target.clone()).collect();
    let by_settings = set_apart(&targets, reports, settings_apart);
    let by_guarantees = set_apart(&by_settings, reports, |report, _| report.guarantees.clone());
    let mut taken = HashSet::new();
    by_guarantees
        .into_iter()
        .enumerate()
        .map(|(place, name)| if taken.insert(name.clone()) { name } else { format!("{name} #{}", place + 1) })
        .collect()
}

/// Adds what `telling` says of a report to the names that several bear.
fn set_apart(names: &[String], reports: &[&Report], telling: impl Fn(&Report, &[&Report]) -> String) -> Vec<String> {
    let told = |(name, report): (&String, &&Report)| {
        let same: Vec<&Report> =
            names.iter().zip(reports).filter(|(other, _)| *other == name).map(|(_, report)| *report).collect();
        let apart = if same.len() > 1 { telling(report, &same) } else { String::new() };
        if apart.is_empty() { name.clone() } else { format!("{name}, {apart}") }
    };
    names.iter().zip(reports).map(told).collect()
}

/// Settings of a report that not all the others have alike.
fn settings_apart(report: &Report, others: &[&Report]) -> String {
    let settings =
        report.settings.iter().filter(|setting| others.iter().any(|other| !other.settings.contains(setting)));
    settings.map(|setting| format!("{} {}", setting.name, setting.value)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Setting;
    use crate::bench::print::sample;

    fn of(reports: &[Report]) -> Vec<String> {
        names(&reports.iter().collect::<Vec<_>>())
    }

    #[test]
    fn targets_that_differ_need_no_more() {
        let peer = sample::of_a_peer("peer 1", "no history", 1.0, 100);
        assert_eq!(of(&[sample::fanout(), peer]), ["fanfare 0.1.0", "peer 1"]);
    }

    #[test]
    fn the_same_target_is_told_apart_by_its_settings() {
        let (mut few, mut many) = (sample::fanout(), sample::fanout());
        few.settings[0] = Setting { name: "connections", value: "100".to_owned() };
        many.settings[0] = Setting { name: "connections", value: "10000".to_owned() };
        assert_eq!(of(&[few, many]), ["fanfare 0.1.0, connections 100", "fanfare 0.1.0, connections 10000"]);
    }

    #[test]
    fn equal_settings_leave_the_guarantees_and_then_the_place() {
        let mut durable = sample::fanout();
        durable.guarantees = "fsynced".to_owned();
        let told = of(&[durable.clone(), sample::fanout()]);
        assert_eq!(told, ["fanfare 0.1.0, fsynced", "fanfare 0.1.0, history of 1,000, order and resume; ephemeral"]);
        let told = of(&[durable.clone(), durable]);
        assert_eq!(told, ["fanfare 0.1.0, fsynced", "fanfare 0.1.0, fsynced #2"]);
    }
}
