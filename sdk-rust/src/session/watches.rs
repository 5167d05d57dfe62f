//! All watches of a client: which subscription serves each, whose events a batch carries, and what to ask the node
//! next. Does not look into a batch; the cursors do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fanfare_protocol::{Class, Code, EventBatch, View, ViewState, Watch, Watched};

use super::backoff::Backoff;
use super::effect::{Effect, Taken, WatchId};
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

/// What the application asked for and cannot be begun yet.
#[derive(Debug)]
enum Held {
    Open(WatchId, WatchSpec),
    Update(WatchId, Watch),
}

impl Held {
    fn watch(&self) -> WatchId {
        match self {
            Self::Open(watch, _) | Self::Update(watch, _) => *watch,
        }
    }
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
    /// What waits until a view that is being changed is one or the other.
    held: Vec<Held>,
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
            held: Vec::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            own: OwnConnections::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        let is_open = |held: &&Held| matches!(held, Held::Open(..));
        self.by_watch.len() + self.held.iter().filter(is_open).count()
    }

    pub(super) fn open(&mut self, watch: WatchId, spec: WatchSpec) {
        let key = spec.view.parameters();
        let found = self.by_view.get(&key).and_then(|id| self.subscriptions.get(id));
        if found.is_some_and(|subscription| subscription.wanted().is_some()) {
            return self.held.push(Held::Open(watch, spec));
        }
        let WatchSpec { view, terms } = spec;
        self.join(Follower::new(watch, terms, self.bytes_max), view);
    }

    /// Puts a watch where its view is, or will be.
    fn join(&mut self, follower: Follower, view: Watch) {
        let watch = follower.watch;
        let id = *self.by_view.entry(view.parameters()).or_insert_with(|| {
            self.next_id += 1;
            SubscriptionId(self.next_id)
        });
        let subscription = self.subscriptions.entry(id).or_insert_with(|| Subscription::new(view, self.backoff));
        subscription.add(follower);
        self.by_watch.insert(watch, id);
        self.ready.insert(id);
    }

    pub(super) fn close(&mut self, watch: WatchId, step: &mut Step<'_>) {
        self.held.retain(|held| held.watch() != watch);
        let Some(id) = self.by_watch.remove(&watch) else { return };
        self.change(id, |subscription, _| {
            subscription.remove(watch);
        });
        self.release(step);
    }

    /// The application wants to be shown something else. Asks the node to change the view if it serves this watch alone; else
    /// the watch moves.
    pub(super) fn update(&mut self, watch: WatchId, view: Watch, step: &mut Step<'_>) {
        let Some(id) = self.by_watch.get(&watch).copied() else {
            if self.held.iter().any(|held| held.watch() == watch) {
                self.held.push(Held::Update(watch, view));
            }
            return;
        };
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        let view = Watch { topic: subscription.view().topic.clone(), ..view };
        if subscription.is_updating() {
            // Of several that wait, the last is what is wanted.
            self.held.retain(|held| held.watch() != watch);
            return self.held.push(Held::Update(watch, view));
        }
        if let Some(before) = subscription.wanted() {
            self.by_view.remove(&before.parameters());
            subscription.want(None);
        }
        let key = view.parameters();
        if key == subscription.view().parameters() {
            self.change(id, |subscription, _| subscription.keep_on(watch, step));
            return self.release(step);
        }
        let other = self.by_view.get(&key).and_then(|other| self.subscriptions.get(other));
        if other.is_some_and(|other| other.wanted().is_some()) {
            return self.held.push(Held::Update(watch, view));
        }
        let is_free = other.is_none();
        if let Some(subscription) = self.subscriptions.get_mut(&id).filter(|one| is_free && one.is_only(watch)) {
            subscription.want(Some(view));
            self.by_view.insert(key, id);
            self.ready.insert(id);
        } else {
            self.move_over(watch, id, view, step);
        }
        self.release(step);
    }

    fn move_over(&mut self, watch: WatchId, id: SubscriptionId, view: Watch, step: &mut Step<'_>) {
        let (mut follower, mut shows_the_same) = (None, false);
        self.change(id, |subscription, _| {
            shows_the_same = sight(subscription.view()) == sight(&view);
            follower = subscription.remove(watch);
        });
        let Some(mut follower) = follower else { return };
        follower.moved(shows_the_same, step);
        self.join(follower, view);
    }

    /// The node changed a view, as asked.
    pub(super) fn updated(&mut self, id: SubscriptionId, watched: &Watched, step: &mut Step<'_>) {
        let Some(subscription) = self.subscriptions.get(&id).filter(|one| one.is_updating()) else { return };
        self.by_view.remove(&subscription.view().parameters());
        let before = step.out.len();
        self.change(id, |subscription, _| subscription.updated(watched, step));
        self.forget(&step.out[before..]);
        if self.subscriptions.contains_key(&id) {
            self.by_number.insert(watched.view, id);
        }
        self.release(step);
    }

    /// The node did not change a view.
    pub(super) fn not_updated(&mut self, id: SubscriptionId, class: Class, error: &Error, step: &mut Step<'_>) {
        let wanted = self.subscriptions.get(&id).and_then(|one| one.wanted().map(Watch::parameters));
        self.change(id, |subscription, _| subscription.not_updated(class, error, step));
        if let Some(wanted) = wanted
            && self.subscriptions.get(&id).is_none_or(|subscription| subscription.wanted().is_none())
        {
            self.by_view.remove(&wanted);
        }
        self.release(step);
    }

    /// Begins what was held, as far as it can be.
    fn release(&mut self, step: &mut Step<'_>) {
        for held in std::mem::take(&mut self.held) {
            match held {
                Held::Open(watch, spec) => self.open(watch, spec),
                Held::Update(watch, view) => self.update(watch, view, step),
            }
        }
    }

    /// The reader of a watch took so much.
    pub(super) fn taken(&mut self, watch: WatchId, Taken { bytes, count }: Taken) {
        let Some(id) = self.by_watch.get(&watch).copied() else { return };
        self.change(id, |subscription, _| subscription.taken(watch, bytes, count));
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
        self.release(step);
        remedy
    }

    pub(super) fn unsubscribed(&mut self, id: SubscriptionId, step: &mut Step<'_>) {
        self.change(id, |subscription, _| subscription.unsubscribed());
        self.release(step);
    }

    pub(super) fn event(&mut self, batch: &EventBatch, step: &mut Step<'_>) {
        let Some(id) = self.by_number.get(&batch.view).copied() else { return };
        let before = step.out.len();
        self.change(id, |subscription, own| subscription.take(batch, own, step));
        self.forget(&step.out[before..]);
        self.release(step);
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
    pub(super) fn lost(&mut self, step: &mut Step<'_>) {
        self.by_number.clear();
        self.waiting.clear();
        for (id, subscription) in &mut self.subscriptions {
            subscription.lost();
            self.ready.insert(*id);
        }
        self.subscriptions.retain(|_, subscription| {
            let is_over = subscription.is_over();
            if is_over {
                leave(&mut self.by_view, subscription);
            }
            !is_over
        });
        self.release(step);
    }

    /// The client is over.
    pub(super) fn end(&mut self, error: Option<&Error>, step: &mut Step<'_>) {
        for watch in std::mem::take(&mut self.by_watch).into_keys() {
            step.push(Effect::EndWatch(watch, error.cloned()));
        }
        for held in std::mem::take(&mut self.held) {
            if let Held::Open(watch, _) = held {
                step.push(Effect::EndWatch(watch, error.cloned()));
            }
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
            leave(&mut self.by_view, subscription);
            self.subscriptions.remove(&id);
            return;
        }
        if subscription.wants_in_vain() {
            let wanted = subscription.wanted().map(Watch::parameters).unwrap_or_default();
            self.by_view.remove(&wanted);
            subscription.want(None);
        }
        self.ready.insert(id);
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

/// A subscription is over: its view, and the one that was wanted instead, are free.
fn leave(by_view: &mut BTreeMap<Vec<(String, String)>, SubscriptionId>, subscription: &Subscription) {
    for view in [Some(subscription.view()), subscription.wanted()].into_iter().flatten() {
        by_view.remove(&view.parameters());
    }
}

/// Of a view: which publications it shows, and what of them. With the rest it shows the same, sooner or later.
fn sight(view: &Watch) -> (&Option<String>, &BTreeMap<String, String>, &[String]) {
    (&view.filter, &view.r#where, &view.fields)
}
