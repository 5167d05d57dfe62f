//! What all runs told, by server, load and column; each value with its round, because only what was measured in the same round
//! is compared.

use std::collections::BTreeMap;

use super::load::Load;
use super::spread::Spread;

/// The name of a server and the name of a load.
pub(super) type Run = (&'static str, &'static str);

/// The name of a server, the name of a load, and the place of a column in it.
type Key = (&'static str, &'static str, usize);

/// See the module.
#[derive(Default)]
pub(super) struct Results {
    values: BTreeMap<Key, BTreeMap<usize, f64>>,
}

impl Results {
    /// Takes the figures of a run, in the order of the load's columns.
    pub(super) fn enter(&mut self, peer: &'static str, load: &Load, round: usize, values: &[Option<f64>]) {
        for (column, value) in values.iter().enumerate() {
            if let Some(value) = value {
                self.values.entry((peer, load.name, column)).or_default().insert(round, *value);
            }
        }
    }

    /// Of a column.
    pub(super) fn spread(&self, peer: &'static str, load: &'static str, column: usize) -> Option<Spread> {
        Spread::of(self.values.get(&(peer, load, column))?.values().copied())
    }

    /// Of what two runs, each of a server and a load, make of a column together, round by round.
    pub(super) fn paired(
        &self,
        [one, other]: [Run; 2],
        column: usize,
        make: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let others = self.values.get(&(other.0, other.1, column))?;
        let rounds = self.values.get(&(one.0, one.1, column))?.iter();
        Spread::of(rounds.filter_map(|(round, value)| Some(make(*value, *others.get(round)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_in_the_same_round_is_compared() {
        let load = &Load::all(true)[0];
        let mut results = Results::default();
        for (round, value) in [(1, 10.0), (2, 40.0), (3, 90.0)] {
            results.enter("one", load, round, &[Some(value), None]);
        }
        results.enter("other", load, 1, &[Some(10.0), Some(1.0)]);
        results.enter("other", load, 3, &[Some(30.0)]);
        let ratio = results.paired([("one", load.name), ("other", load.name)], 0, |one, other| one / other);
        assert_eq!(ratio, Spread::of([1.0, 3.0]));
        assert_eq!(results.spread("one", load.name, 0), Spread::of([10.0, 40.0, 90.0]));
        assert_eq!(results.spread("one", load.name, 1), None);
        assert_eq!(results.paired([("one", load.name), ("third", load.name)], 0, |one, _| one), None);
    }
}
