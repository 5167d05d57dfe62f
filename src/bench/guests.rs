//! Connections that come, subscribe, stay a while and leave: so many a second, while others go on watching.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;

use super::Latency;
use super::client::{Fleet, Happening, Who};
use super::ear::{histogram, latency};
use super::target::{Entrance, Heard};

/// Who came in so many seconds may be at the door at once; then the server is slower than it is asked to be, and nobody
/// else comes until some were let in.
const WAITING_SECONDS_MAX: f64 = 2.0;
/// How long one stays.
const STAY: Duration = Duration::from_secs(1);

/// See the module. They are labelled from `first` on, in the order in which they came.
pub(crate) struct Guests {
    first: usize,
    rate: f64,
    entrance: Entrance,
    /// When each was due, by label, until it was let in or turned away.
    due_nanos: Vec<Option<u64>>,
    /// Connections of those who are in, and since when.
    present: VecDeque<(usize, u64)>,
    ready: u64,
    /// Those who were turned away, or thrown out.
    pub(crate) failed: u64,
    pub(crate) reason: Option<String>,
    latency: Histogram<u64>,
}

impl Guests {
    /// So many a second, who all begin alike.
    pub(crate) fn new(first: usize, rate: f64, entrance: Entrance) -> Self {
        Self {
            first,
            rate,
            entrance,
            due_nanos: Vec::new(),
            present: VecDeque::new(),
            ready: 0,
            failed: 0,
            reason: None,
            latency: histogram(),
        }
    }

    pub(super) fn have(&self, label: usize) -> bool {
        label >= self.first
    }

    pub(super) fn hear(&mut self, who: Who, happening: &Happening<'_>) {
        let place = self.due_nanos.get_mut(who.label - self.first);
        let reason = match happening {
            Happening::Ready => {
                self.ready += 1;
                self.present.push_back((who.id, who.at_nanos));
                let due = place.and_then(Option::take).unwrap_or(who.at_nanos);
                let late = who.at_nanos.saturating_sub(due);
                self.latency.saturating_record((late / 1_000).max(1));
                return;
            }
            Happening::Failed(error) => format!("{error:#}"),
            Happening::Heard(Heard::Refused(why)) => why.clone(),
            Happening::Heard(_) => return,
        };
        let was_waiting = place.and_then(Option::take).is_some();
        let present = self.present.len();
        self.present.retain(|(id, _)| *id != who.id);
        if was_waiting || self.present.len() < present {
            self.failed += 1;
            self.reason.get_or_insert(reason);
        }
    }

    /// Lets come who is due, and go who has stayed long enough.
    pub(crate) fn step(&mut self, fleet: &mut Fleet, elapsed: Duration) -> Result<()> {
        let now = fleet.now_nanos();
        let began = now - elapsed.as_nanos() as u64;
        let due = (elapsed.as_secs_f64() * self.rate) as usize;
        let waiting_max = (self.rate * WAITING_SECONDS_MAX) as u64 + 1;
        while self.due_nanos.len() < due && self.came().saturating_sub(self.ready + self.failed) < waiting_max {
            let label = self.first + self.due_nanos.len();
            let due = began + (self.due_nanos.len() as f64 / self.rate * 1e9) as u64;
            self.due_nanos.push(Some(due));
            fleet.open(label, self.entrance.clone())?;
        }
        let until = now.saturating_sub(STAY.as_nanos() as u64);
        while let Some((id, _)) = self.present.pop_front_if(|(_, since)| *since <= until) {
            fleet.close(id);
        }
        Ok(())
    }

    /// How many have come so far.
    pub(crate) fn came(&self) -> u64 {
        self.due_nanos.len() as u64
    }

    /// From when one was due until its subscription stood.
    pub(crate) fn latency(&self) -> Option<Latency> {
        latency(&self.latency)
    }
}
