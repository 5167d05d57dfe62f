//! Two counts side by side, case by case, and what is said of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How much more a case may cost: well above what a count differs by when nothing was done about it (less than 0.1 %), and
/// below what anyone would notice in a node.
const MORE_MAX: f64 = 0.05;

/// Instructions a round, by case.
pub(super) type Cases = BTreeMap<String, f64>;

/// What one case cost before and costs now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// About the same: by how much it is more.
    Same(f64),
    /// So much less that the record no longer guards it.
    Cheaper(f64),
    /// Too much more.
    Dearer(f64),
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
}

impl Verdict {
    fn of(before: Option<f64>, now: Option<f64>) -> Self {
        let (before, now) = match (before, now) {
            (Some(before), Some(now)) => (before, now),
            (None, _) => return Self::New,
            (_, None) => return Self::Gone,
        };
        let more = now / before - 1.0;
        // A case that cost nothing was no case: whatever it costs now is too much.
        if now > before * (1.0 + MORE_MAX) {
            Self::Dearer(more)
        } else if now < before * (1.0 - MORE_MAX) {
            Self::Cheaper(more)
        } else {
            Self::Same(more)
        }
    }

    /// A record that knows nothing of a case, or something of none, has to be made anew.
    fn is_good(self) -> bool {
        matches!(self, Self::Same(_) | Self::Cheaper(_))
    }
}

/// See the module.
pub(super) struct Comparison {
    before: Cases,
    now: Cases,
}

impl Comparison {
    pub(super) fn new(before: Cases, now: Cases) -> Self {
        Self { before, now }
    }

    fn rows(&self) -> impl Iterator<Item = (&str, Option<f64>, Option<f64>, Verdict)> {
        let names: BTreeSet<&String> = self.before.keys().chain(self.now.keys()).collect();
        names.into_iter().map(|name| {
            let (before, now) = (self.before.get(name).copied(), self.now.get(name).copied());
            (name.as_str(), before, now, Verdict::of(before, now))
        })
    }

    /// Whether no case costs too much more, and both have the same cases.
    pub(super) fn is_good(&self) -> bool {
        self.rows().all(|(.., verdict)| verdict.is_good())
    }

    /// A line for each case.
    pub(super) fn table(&self, before: &str) -> String {
        let shown = |count: Option<f64>| count.map_or("-".to_owned(), |count| format!("{count:.1}"));
        let mut text = format!("{:<28} {before:>14} {:>14}\n", "instructions a round", "now");
        for (name, before, now, verdict) in self.rows() {
            let said = match verdict {
                Verdict::Same(more) => percent(more),
                Verdict::Cheaper(more) => format!("{} cheaper: record it, so that it stays so", percent(more)),
                Verdict::Dearer(more) => format!("{} TOO MUCH", percent(more)),
                Verdict::New => "NEW: record it".to_owned(),
                Verdict::Gone => "GONE: record what is left".to_owned(),
            };
            let _ = writeln!(text, "{name:<28} {:>14} {:>14} {said:>8}", shown(before), shown(now));
        }
        text
    }
}

fn percent(more: f64) -> String {
    format!("{:+.1} %", more * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(of: &[(&str, f64)]) -> Cases {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    fn compared(before: &[(&str, f64)], now: &[(&str, f64)]) -> (bool, String) {
        let comparison = Comparison::new(cases(before), cases(now));
        (comparison.is_good(), comparison.table("recorded"))
    }

    #[test]
    fn what_costs_up_to_a_twentieth_more_passes() {
        for now in [100.0, 104.9, 105.0, 95.1] {
            assert!(compared(&[("a/b", 100.0)], &[("a/b", now)]).0, "{now}");
        }
    }

    #[test]
    fn what_costs_more_than_that_fails_and_is_named() {
        let (is_good, table) = compared(&[("a/b", 100.0), ("c/d", 10.0)], &[("a/b", 105.2), ("c/d", 10.0)]);
        assert!(!is_good);
        let line = table.lines().find(|line| line.starts_with("a/b")).unwrap();
        assert!(line.contains("+5.2 % TOO MUCH"), "{line}");
        assert_eq!(table.matches("TOO MUCH").count(), 1);
    }

    #[test]
    fn what_costs_much_less_passes_and_asks_to_be_recorded() {
        let (is_good, table) = compared(&[("a/b", 100.0)], &[("a/b", 80.0)]);
        assert!(is_good && table.contains("-20.0 % cheaper: record it"), "{table}");
    }

    #[test]
    fn a_case_that_only_one_side_has_fails() {
        let (is_good, table) = compared(&[("a/b", 1.0)], &[("a/b", 1.0), ("c/d", 2.0)]);
        assert!(!is_good && table.contains("NEW"), "{table}");
        let (is_good, table) = compared(&[("a/b", 1.0), ("c/d", 2.0)], &[("a/b", 1.0)]);
        assert!(!is_good && table.contains("GONE"), "{table}");
    }

    #[test]
    fn a_record_of_nothing_guards_nothing() {
        assert!(!compared(&[("a/b", 0.0)], &[("a/b", 10.0)]).0);
    }
}
