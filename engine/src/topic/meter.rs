//! How much one subscriber takes: `credit` and, of a `stream`, `maxEventsPerSecond`. Neither is shared, so whoever has one
//! does not follow its view's ring but reads the log at its own pace: it lags on purpose. Where events also wait for each other,
//! the ceiling is the queue's business, and only the credit is counted here.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio::sync::Notify;

use crate::view::Allowance;

/// See the module.
#[derive(Debug, Default)]
pub struct Meter {
    credit: Cell<Option<u64>>,
    allowance: RefCell<Option<Allowance>>,
    granted: Notify,
}

/// What a subscriber may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// So many events.
    Now(usize),
    /// None before this time has passed.
    After(Duration),
    /// None before it grants some.
    Granted,
}

impl Meter {
    /// For a client that takes so many events, and so many a second.
    #[must_use]
    pub fn new(credit: Option<u64>, per_second: Option<f64>) -> Self {
        let allowance = RefCell::new(per_second.map(Allowance::new));
        Self { credit: Cell::new(credit), allowance, granted: Notify::new() }
    }

    /// Events that the client still takes, where it said how many.
    #[must_use]
    pub fn credit(&self) -> Option<u64> {
        self.credit.get()
    }

    /// The client takes more. Nothing where it never said how many.
    pub fn grant(&self, events: u64) {
        self.credit.set(self.credit.get().map(|credit| credit.saturating_add(events)));
        self.granted.notify_one();
    }

    /// Resolves with the next grant, or when there was one since it was last awaited.
    pub(super) async fn granted(&self) {
        self.granted.notified().await;
    }

    pub(super) fn turn(&self, now: Duration) -> Turn {
        let credit = self.credit.get().map_or(usize::MAX, |credit| usize::try_from(credit).unwrap_or(usize::MAX));
        if credit == 0 {
            return Turn::Granted;
        }
        let mut allowance = self.allowance.borrow_mut();
        let Some(allowance) = allowance.as_mut() else { return Turn::Now(credit) };
        match allowance.now(now) {
            0 => Turn::After(allowance.wait()),
            events => Turn::Now(events.min(credit)),
        }
    }

    /// So many were sent. A snapshot is sent whole, so they may be more than there was credit for.
    pub(super) fn spend(&self, events: usize) {
        self.credit.set(self.credit.get().map(|credit| credit.saturating_sub(events as u64)));
        if let Some(allowance) = self.allowance.borrow_mut().as_mut() {
            allowance.spend(events);
        }
    }
}
