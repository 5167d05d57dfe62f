//! What many episodes came to, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::episode::{Blow, Phase, Row};
use crate::verdict::Promise;

/// The rows of all episodes of a run.
#[derive(Debug, Default)]
pub struct Report {
    pub rows: Vec<Row>,
    pub took: Duration,
}

impl Report {
    /// How often each promise was broken, by blows.
    pub fn broken(&self) -> BTreeMap<Promise, usize> {
        let mut broken = BTreeMap::new();
        for row in &self.rows {
            let promises: std::collections::BTreeSet<_> = row.breaches.iter().map(|breach| breach.promise).collect();
            promises.into_iter().for_each(|promise| *broken.entry(promise).or_default() += 1);
        }
        broken
    }

    /// Topics that were deleted, and publications that left by themselves.
    pub fn departed(&self) -> (usize, usize) {
        // Each row has the sums of its episode so far.
        let last: BTreeMap<u64, &Row> = self.rows.iter().map(|row| (row.seed, row)).collect();
        last.values().fold((0, 0), |(deleted, expired), row| (deleted + row.deleted, expired + row.expired))
    }

    pub fn blows_with_breaches(&self) -> usize {
        self.rows.iter().filter(|row| !row.breaches.is_empty()).count()
    }

    fn phase_count(&self, phase: Phase) -> usize {
        self.rows.iter().filter(|row| row.phase == phase).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>20} {:>7} {:>10} {:>9} {:>10} {:>7} {:>7} {:>8} {:>8} {:>6}  broken",
            "seed", "at", "phase", "answered", "unanswered", "deleted", "expired", "lost B", "kept B", "names"
        )?;
        for row in &self.rows {
            let at = match row.blow {
                Blow::PowerCut { at } => at.to_string(),
                Blow::Kill { after } => format!("+{after}"),
            };
            let (phase, loss) = (format!("{:?}", row.phase).to_lowercase(), row.loss);
            write!(f, "{:>20} {at:>7} {phase:>10} {:>9} {:>10} ", row.seed, row.answered, row.unanswered)?;
            write!(f, "{:>7} {:>7} ", row.deleted, row.expired)?;
            write!(f, "{:>8} {:>8} {:>6}  ", loss.lost_bytes, loss.kept_bytes, loss.lost_names)?;
            for breach in row.breaches.iter().take(3) {
                let what: String = breach.what.chars().take(400).collect();
                write!(f, "{:?}: {what}; ", breach.promise)?;
            }
            writeln!(
                f,
                "{}",
                if row.breaches.len() > 3 { format!("and {} more", row.breaches.len() - 3) } else { String::new() }
            )?;
        }
        let phases = [Phase::Starting, Phase::Settling, Phase::Publishing].map(|phase| self.phase_count(phase));
        let [starting, settling, publishing] = phases;
        write!(
            f,
            "{} blows ({starting} while starting, {settling} while settling, {publishing} while publishing), ",
            self.rows.len()
        )?;
        write!(f, "{} with breaches {:?}, {:.1} s", self.blows_with_breaches(), self.broken(), self.took.as_secs_f64())
    }
}
