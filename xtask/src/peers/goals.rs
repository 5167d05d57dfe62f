//! What Fanfare wants to reach beside the others, as ratios within one round.

use super::results::Results;
use super::spread::Spread;

/// See the module.
pub(super) struct Goal {
    pub(super) what: &'static str,
    load: &'static str,
    column: usize,
    peer: &'static str,
    /// Whom it is divided by.
    against: Option<&'static str>,
    /// What it should not exceed.
    pub(super) most: f64,
}

/// All of them. Where nothing can be batched nobody can be better than the floor, which only sends.
pub(super) const GOALS: [Goal; 8] = [
    Goal::ratio("fan-out, ephemeral : Bun", "fanout", 0, ["fanfare-ephemeral", "bun"], 1.0),
    Goal::ratio("fan-out, replicated : Bun", "fanout", 0, ["fanfare-replicated", "bun"], 1.0),
    Goal::ratio("lock-step, ephemeral : floor", "lockstep", 0, ["fanfare-ephemeral", "floor"], 1.1),
    Goal::ratio("lock-step, replicated : floor", "lockstep", 0, ["fanfare-replicated", "floor"], 1.1),
    Goal::ratio("many topics, ephemeral : floor", "topics", 0, ["fanfare-ephemeral", "floor"], 1.1),
    Goal::ratio("many topics, replicated : floor", "topics", 0, ["fanfare-replicated", "floor"], 1.1),
    Goal::ratio("connect and subscribe, ephemeral : Bun", "idle", 0, ["fanfare-ephemeral", "bun"], 1.5),
    Goal {
        what: "KiB per idle connection, ephemeral",
        load: "idle",
        column: 1,
        peer: "fanfare-ephemeral",
        against: None,
        most: 2.0,
    },
];

impl Goal {
    const fn ratio(
        what: &'static str,
        load: &'static str,
        column: usize,
        [peer, against]: [&'static str; 2],
        most: f64,
    ) -> Self {
        Self { what, load, column, peer, against: Some(against), most }
    }

    /// What came out, where both were measured.
    pub(super) fn reached(&self, results: &Results) -> Option<Spread> {
        let Self { load, column, peer, .. } = *self;
        match self.against {
            Some(against) => results.paired([peer, against], load, column, |one, other| one / other),
            None => results.spread(peer, load, column),
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
        let is_peer = |name| PEERS.iter().any(|peer| peer.name == name);
        for goal in GOALS {
            assert!(is_peer(goal.peer) && goal.against.is_none_or(is_peer), "{}", goal.what);
            let loads = Load::all(false);
            let load = loads.iter().find(|load| load.name == goal.load).expect(goal.what);
            assert!(goal.column < load.columns.len(), "{}", goal.what);
        }
    }
}
