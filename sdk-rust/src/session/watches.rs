//! All watches of a client: which subscription serves each, whose events a batch carries, and what to ask the node
//! next. Does not look into a batch; the cursors do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fanfare_protocol::{Class, Code, EventBatch, View, ViewState, Watch, Watched};

use super::backoff::Backoff;
use super::effect::{Effect, WatchId};
use super::follower::{Follower, OwnConnections, Terms};
use super::settings::Settings;
use super::step::Step;
use super::subscription::{Ask, Subscription};
use crate::error::Error;

/// Former connections whose events are known as our own: they come back for as long as a node retains them.
const OWN_CONNECTIONS_MAX: usize = 64;

/// A watch as the application asked for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WatchSpec {
    /// What makes the view; nothing of where it starts.
    pub(crate) view: Watch,
    pub(crate) terms: Terms,
}

/// Names a subscription while there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriptionId(u64);

/// Whether a refusal asks for a fresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    Token,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Watches {
    backoff: Backoff,
    bytes_max: usize,
    can_refresh: bool,
    next_id: u64,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// By what makes the view, as names and texts.
    by_view: BTreeMap<Vec<(String, String)>, SubscriptionId>,
    by_watch: BTreeMap<WatchId, SubscriptionId>,
    by_number: BTreeMap<u32, SubscriptionId>,
    /// Those that may have something to ask.
    ready: BTreeSet<SubscriptionId>,
    /// Those that will, by when.
    waiting: BTreeSet<(Duration, SubscriptionId)>,
    own: OwnConnections,
}

impl Watches {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            backoff: settings.backoff,
            bytes_max: settings.watch_bytes_max,
            can_refresh: settings.can_refresh,
            next_id: 0,
            subscriptions: BTreeMap::new(),
            by_view: BTreeMap::new(),
            by_watch: BTreeMap::new(),
            by_number: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            own: OwnConnections::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.by_watch.len()
    }

    pub(super) fn open(&mut self, watch: WatchId, spec: WatchSpec) {
        let WatchSpec { view, terms } = spec;
        let id = *self.by_view.entry(view.parameters()).or_insert_with(|| {
            self.next_id += 1;
            SubscriptionId(self.next_id)
        });
        let subscription = self.subscriptions.entry(id).or_insert_with(|| Subscription::new(view, self.backoff));
        subscription.add(Follower::new(watch, terms, self.bytes_max));
        self.by_watch.insert(watch, id);
        self.ready.insert(id);
    }

    pub(super) fn close(&mut self, watch: WatchId) {
        let Some(id) = self.by_watch.remove(&watch) else { return };
        self.change(id, |subscription, _| subscription.remove(watch));
    }

    /// The reader of a watch took so much.
    pub(super) fn taken(&mut self, watch: WatchId, bytes: usize) {
        let Some(id) = self.by_watch.get(&watch).copied() else { return };
        self.change(id, |subscription, _| subscription.taken(watch, bytes));
    }

    /// Time has passed: what waited for it is ready.
    pub(super) fn wake(&mut self, now: Duration) {
        while let Some((_, id)) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.waiting.pop_first();
            self.ready.insert(id);
        }
    }

    /// The next question to the node; it counts as asked.
    pub(super) fn next(&mut self, now: Duration) -> Option<(SubscriptionId, Ask)> {
        while let Some(id) = self.ready.pop_first() {
            let Some(subscription) = self.subscriptions.get_mut(&id) else { continue };
            if let Some(ask) = subscription.next(now) {
                return Some((id, ask));
            }
            self.waiting.extend(subscription.deadline().map(|deadline| (deadline, id)));
        }
        None
    }

    /// When [`Self::next`] has something, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// This is the connection that events of ours will name.
    pub(super) fn connected(&mut self, connection_id: String) {
        self.own.push_back(connection_id);
        if self.own.len() > OWN_CONNECTIONS_MAX {
            self.own.pop_front();
        }
    }

    pub(super) fn opened(&mut self, id: SubscriptionId, watched: &Watched, step: &mut Step<'_>) {
        self.change(id, |subscription, _| subscription.opened(watched, step));
        if self.subscriptions.contains_key(&id) {
            self.by_number.insert(watched.view, id);
        }
    }

    /// The node did not open it, or closed it by itself.
    pub(super) fn refused(&mut self, id: SubscriptionId, error: &Error, step: &mut Step<'_>) -> Remedy {
        let (class, remedy) = match error.class() {
            Class::Refresh if self.can_refresh => (Class::Refresh, Remedy::Token),
            // Without a provider a token that expired stays expired.
            Class::Refresh => (Class::Terminal, Remedy::None),
            class => (class, Remedy::None),
        };
        let before = step.out.len();
        self.change(id, |subscription, _| subscription.refused(class, error, step));
        self.forget(&step.out[before..]);
        remedy
    }

    pub(super) fn unsubscribed(&mut self, id: SubscriptionId) {
        self.change(id, |subscription, _| subscription.unsubscribed());
    }

    pub(super) fn event(&mut self, batch: &EventBatch, step: &mut Step<'_>) {
        let Some(id) = self.by_number.get(&batch.view).copied() else { return };
        let before = step.out.len();
        self.change(id, |subscription, own| subscription.take(batch, own, step));
        self.forget(&step.out[before..]);
    }

    /// A view changed by itself. W20.
    pub(super) fn view(&mut self, view: View, step: &mut Step<'_>) -> Remedy {
        let code = match view.state() {
            // The node catches up from its log: what comes next joins, or says that it does not.
            ViewState::Lagging | ViewState::Live | ViewState::Unspecified => return Remedy::None,
            ViewState::Gone => Code::Gone,
            ViewState::Revoked => Code::Forbidden,
            ViewState::Closed => Code::Unavailable,
        };
        let Some(id) = self.by_number.get(&view.view).copied() else { return Remedy::None };
        let error =
            view.code.filter(|number| *number != 0).map_or_else(|| code.into(), |number| Error::coded(number, ""));
        self.refused(id, &error, step)
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        self.by_number.clear();
        self.waiting.clear();
        for (id, subscription) in &mut self.subscriptions {
            subscription.lost();
            self.ready.insert(*id);
        }
        self.subscriptions.retain(|_, subscription| {
            let is_over = subscription.is_over();
            if is_over {
                self.by_view.remove(&subscription.view().parameters());
            }
            !is_over
        });
    }

    /// The client is over.
    pub(super) fn end(&mut self, error: Option<&Error>, step: &mut Step<'_>) {
        for watch in std::mem::take(&mut self.by_watch).into_keys() {
            step.push(Effect::EndWatch(watch, error.cloned()));
        }
        (self.subscriptions, self.by_view, self.by_number) = Default::default();
        (self.ready, self.waiting) = Default::default();
    }

    fn change(&mut self, id: SubscriptionId, change: impl FnOnce(&mut Subscription, &OwnConnections)) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let before = subscription.number();
        change(subscription, &self.own);
        if let Some(number) = before.filter(|_| subscription.number() != before) {
            self.by_number.remove(&number);
        }
        if subscription.is_over() {
            self.by_view.remove(&subscription.view().parameters());
            self.subscriptions.remove(&id);
        } else {
            self.ready.insert(id);
        }
    }

    /// Watches that a change ended are no longer ours to serve.
    fn forget(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::EndWatch(watch, _) = effect {
                self.by_watch.remove(watch);
            }
        }
    }
}
