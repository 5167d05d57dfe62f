//! Requests and their answers: an id for each, and no more of them unanswered than the node takes (S5). What does not
//! fit waits where it was; it is for its owner to bound that.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare_protocol::TopicName;

use super::effect::Ticket;
use super::watches::SubscriptionId;

/// What a node takes at once unless CONNECTED says otherwise.
const IN_FLIGHT_MAX: usize = 64;

/// What an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Connect,
    Refresh,
    Subscribe(SubscriptionId),
    Unsubscribe(SubscriptionId),
    Update(SubscriptionId),
    Publish(TopicName, Ticket),
    History(Ticket),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Requests {
    next_id: u64,
    in_flight_max: usize,
    /// With the time of the question. Ids grow, so the first has waited longest.
    waiting: BTreeMap<u64, (Asked, Duration)>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { next_id: 0, in_flight_max: IN_FLIGHT_MAX, waiting: BTreeMap::new() }
    }

    /// What CONNECTED says; 0 is nothing said.
    pub(super) fn set_in_flight_max(&mut self, in_flight_max: u32) {
        self.in_flight_max = match in_flight_max {
            0 => IN_FLIGHT_MAX,
            max => max as usize,
        };
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.in_flight_max
    }

    /// The id for a request that is about to be sent.
    pub(super) fn ask(&mut self, asked: Asked, now: Duration) -> u64 {
        self.next_id += 1;
        self.waiting.insert(self.next_id, (asked, now));
        self.next_id
    }

    /// What the answer with this id is for; `None` when nobody waits for it.
    pub(super) fn answered(&mut self, id: u64) -> Option<Asked> {
        self.waiting.remove(&id).map(|(asked, _)| asked)
    }

    /// When the oldest question was asked.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|(_, (_, at))| *at)
    }

    /// The connection is gone: no answer will come.
    pub(super) fn lost(&mut self) {
        self.waiting.clear();
        self.in_flight_max = IN_FLIGHT_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S5.
    #[test]
    fn no_more_are_in_flight_than_the_node_takes() {
        let mut requests = Requests::new();
        requests.set_in_flight_max(2);
        let first = requests.ask(Asked::Connect, Duration::ZERO);
        let second = requests.ask(Asked::History(Ticket(7)), Duration::from_secs(1));
        assert!(first != second && !requests.has_room());
        assert_eq!(requests.oldest(), Some(Duration::ZERO));
        assert_eq!(requests.answered(first), Some(Asked::Connect));
        assert_eq!(requests.answered(first), None);
        assert!(requests.has_room());
        assert_eq!(requests.oldest(), Some(Duration::from_secs(1)));
    }
}
