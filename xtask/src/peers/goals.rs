//! What Fanfare wants to reach beside the others, as ratios within one round.

use super::results::{Results, Run};
use super::spread::Spread;

/// See the module.
pub(super) struct Goal {
    pub(super) what: &'static str,
    run: Run,
    column: usize,
    /// What it is divided by.
    against: Option<Run>,
    /// What it should not exceed.
    pub(super) most: f64,
}

const EPHEMERAL: &str = "fanfare-ephemeral";
const REPLICATED: &str = "fanfare-replicated";

/// All of them. Where nothing can be batched nobody can be better than the floor, which only sends.
pub(super) const GOALS: [Goal; 13] = [
    Goal::ratio("fan-out, ephemeral : Bun", [(EPHEMERAL, "fanout"), ("bun", "fanout")], 1.0),
    Goal::ratio("fan-out, replicated : Bun", [(REPLICATED, "fanout"), ("bun", "fanout")], 1.0),
    Goal::ratio("fan-out, 100 subscribers : 1,000", [(EPHEMERAL, "fanout-few"), (EPHEMERAL, "fanout")], 1.5),
    Goal::ratio("fan-out, 10,000 subscribers : 1,000", [(EPHEMERAL, "fanout-many"), (EPHEMERAL, "fanout")], 1.5),
    Goal::ratio("fan-out, replicated, 100 : 1,000", [(REPLICATED, "fanout-few"), (REPLICATED, "fanout")], 1.5),
    Goal::ratio("fan-out, replicated, 10,000 : 1,000", [(REPLICATED, "fanout-many"), (REPLICATED, "fanout")], 1.5),
    Goal::ratio("lock-step, ephemeral : floor", [(EPHEMERAL, "lockstep"), ("floor", "lockstep")], 1.1),
    Goal::ratio("lock-step, replicated : floor", [(REPLICATED, "lockstep"), ("floor", "lockstep")], 1.1),
    Goal::ratio("many topics, ephemeral : floor", [(EPHEMERAL, "topics"), ("floor", "topics")], 1.1),
    Goal::ratio("many topics, replicated : floor", [(REPLICATED, "topics"), ("floor", "topics")], 1.1),
    Goal::ratio("connect and subscribe, ephemeral : Bun", [(EPHEMERAL, "idle"), ("bun", "idle")], 1.5),
    Goal::memory("KiB per idle connection, all to one topic", (EPHEMERAL, "idle"), 2.0),
    Goal::memory("KiB per idle connection, a topic each", (EPHEMERAL, "idle-topics"), 4.0),
];

impl Goal {
    /// Of the first figure of two runs.
    const fn ratio(what: &'static str, [run, against]: [Run; 2], most: f64) -> Self {
        Self { what, run, column: 0, against: Some(against), most }
    }

    /// Of connections that are idle.
    const fn memory(what: &'static str, run: Run, most: f64) -> Self {
        Self { what, run, column: 1, against: None, most }
    }

    /// What came out, where all of it was measured.
    pub(super) fn reached(&self, results: &Results) -> Option<Spread> {
        let Self { run, column, .. } = *self;
        match self.against {
            Some(against) => results.paired([run, against], column, |one, other| one / other),
            None => results.spread(run.0, run.1, column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Load;
    use super::super::roster::PEERS;
    use super::*;

    #[test]
    fn every_goal_is_of_servers_and_columns_that_there_are() {
        let loads = Load::all(false);
        for goal in GOALS {
            for (peer, load) in [Some(goal.run), goal.against].into_iter().flatten() {
                let peer = PEERS.iter().find(|one| one.name == peer).expect(goal.what);
                let load = loads.iter().find(|one| one.name == load).expect(goal.what);
                assert!(peer.takes_part(load) && goal.column < load.columns.len(), "{}", goal.what);
            }
        }
    }
}
