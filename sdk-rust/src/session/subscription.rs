//! One connection's interest in a view, shared by all watches with equal parameters: a node takes each view once per
//! connection (W5). It runs from the lowest place of those watches, and the cursors of the others drop what they have
//! seen; one without a place has a turn of its own before. Does not send: [`Subscription::next`] says what to ask.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare_protocol::{Class, Code, EventBatch, ResourceVersion, Watch, Watched};

use super::backoff::Backoff;
use super::credit::Credit;
use super::effect::{Effect, WatchId};
use super::follower::{Follower, OwnConnections, Taking};
use super::step::Step;
use crate::error::Error;

/// What is granted when no watch bounds a view any more: the greatest number that JSON can say.
const CREDIT_UNBOUNDED: u64 = (1 << 53) - 1;

/// What to ask the node next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    Subscribe(Box<Watch>),
    Unsubscribe(u32),
    /// Change this view; for one watch alone.
    Update(u32, Box<Watch>),
    /// Let so many more events of it come. Has no answer.
    Grant(u32, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The node knows of none.
    Closed,
    /// SUBSCRIBE was said.
    Opening,
    /// Events come.
    Open { view: u32, has_gap: bool },
    /// UPDATE_VIEW was said; events of the old view may still come.
    Updating { view: u32 },
    /// UNSUBSCRIBE was said; events may still come.
    Closing { view: u32 },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Subscription {
    /// What makes the view: all that changes its output, nothing of where it starts.
    view: Watch,
    /// What its only watch wants to be shown instead.
    wanted: Option<Watch>,
    /// What the node may still send, if a watch bounds that.
    credit: Option<Credit>,
    backoff: Backoff,
    followers: BTreeMap<WatchId, Follower>,
    state: State,
    /// Grows with each SUBSCRIBE.
    turn: u64,
    /// In a row: gaps, and refusals that pass.
    failures: u32,
    not_before: Duration,
}

impl Subscription {
    pub(super) fn new(view: Watch, backoff: Backoff) -> Self {
        let (followers, state) = (BTreeMap::new(), State::Closed);
        let (wanted, credit, not_before) = (None, None, Duration::ZERO);
        Self { view, wanted, credit, backoff, followers, state, turn: 0, failures: 0, not_before }
    }

    pub(super) fn view(&self) -> &Watch {
        &self.view
    }

    /// Whether no watch is left and the node knows of none.
    pub(super) fn is_over(&self) -> bool {
        self.followers.is_empty() && self.state == State::Closed
    }

    /// Its number at the node, while it has one.
    pub(super) fn number(&self) -> Option<u32> {
        match self.state {
            State::Closed | State::Opening => None,
            State::Open { view, .. } | State::Updating { view } | State::Closing { view } => Some(view),
        }
    }

    /// When to look at [`Self::next`] again, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let is_to_open = self.state == State::Closed && self.waiting().next().is_some();
        (is_to_open || self.may_update()).then_some(self.not_before)
    }

    pub(super) fn add(&mut self, mut follower: Follower) {
        follower.shown(self.view.delta);
        self.followers.insert(follower.watch, follower);
    }

    pub(super) fn remove(&mut self, watch: WatchId) -> Option<Follower> {
        self.followers.remove(&watch)
    }

    /// The watch, if it is the only one here and was shown something: only then the node can be asked to change the view.
    pub(super) fn is_only(&self, watch: WatchId) -> bool {
        let is_shown = |follower: &Follower| !follower.cursor.is_before_all();
        self.followers.len() == 1 && self.followers.get(&watch).is_some_and(is_shown)
    }

    /// The watch wants to be shown what it is shown.
    pub(super) fn keep_on(&mut self, watch: WatchId, step: &mut Step<'_>) {
        if let Some(follower) = self.followers.get_mut(&watch) {
            follower.keep_on(step);
        }
    }

    /// What its watch wants to be shown instead.
    pub(super) fn wanted(&self) -> Option<&Watch> {
        self.wanted.as_ref()
    }

    /// Whether something is wanted by a watch that is gone, and the node was not asked for it.
    pub(super) fn wants_in_vain(&self) -> bool {
        self.wanted.is_some() && self.followers.is_empty() && !self.is_updating()
    }

    pub(super) fn want(&mut self, wanted: Option<Watch>) {
        self.wanted = wanted;
    }

    /// Whether the node was asked to change the view, and has not answered.
    pub(super) fn is_updating(&self) -> bool {
        matches!(self.state, State::Updating { .. })
    }

    /// The reader of a watch took so much.
    pub(super) fn taken(&mut self, watch: WatchId, bytes: usize, count: u64) {
        if let Some(follower) = self.followers.get_mut(&watch) {
            follower.taken(bytes, count);
        }
    }

    /// What to ask the node now, if anything; it counts as asked.
    pub(super) fn next(&mut self, now: Duration) -> Option<Ask> {
        match self.state {
            State::Closed if now >= self.not_before => {
                let watch = self.choose_turn()?;
                self.state = State::Opening;
                Some(Ask::Subscribe(Box::new(watch)))
            }
            State::Open { view, has_gap } => {
                let is_wanted = self.active().next().is_some();
                let is_passing_over = self.waiting().any(|follower| follower.turn != self.turn);
                // Those that are served need a place to come back to.
                let may_move = self.served().all(|follower| follower.cursor.through().is_some());
                if is_wanted && !has_gap && !(is_passing_over && may_move) {
                    return self.update(view, now).or_else(|| self.grant(view));
                }
                self.state = State::Closing { view };
                Some(Ask::Unsubscribe(view))
            }
            // A grant would be for a number that the node may have given up.
            State::Closed | State::Opening | State::Updating { .. } | State::Closing { .. } => None,
        }
    }

    fn update(&mut self, view: u32, now: Duration) -> Option<Ask> {
        let wanted = self.wanted.clone().filter(|_| self.may_update() && now >= self.not_before)?;
        self.state = State::Updating { view };
        Some(Ask::Update(view, Box::new(wanted)))
    }

    /// Not in a snapshot: it could not be continued, and is over soon.
    fn may_update(&self) -> bool {
        let is_open = matches!(self.state, State::Open { has_gap: false, .. });
        let may_change = |follower: &Follower| is_served(follower, self.turn) && follower.cursor.through().is_some();
        is_open && self.wanted.is_some() && self.followers.values().all(may_change)
    }

    /// As much as the reader with the least room may have. Not in a snapshot, which is sent whole whatever is left.
    fn grant(&mut self, view: u32) -> Option<Ask> {
        self.credit?;
        let Some(room) = self.served().filter_map(Follower::room).min() else {
            // Who asked for it has left.
            self.credit = None;
            return Some(Ask::Grant(view, CREDIT_UNBOUNDED));
        };
        let is_in_snapshot = self.served().any(|follower| follower.cursor.through().is_none());
        let credit = self.credit.as_mut().filter(|_| !is_in_snapshot)?;
        credit.grant(room).map(|events| Ask::Grant(view, events))
    }

    /// The node opened the view.
    pub(super) fn opened(&mut self, watched: &Watched, step: &mut Step<'_>) {
        self.state = State::Open { view: watched.view, has_gap: false };
        if !watched.resumed {
            self.leave_to_lowest();
        }
        let turn = self.turn;
        for follower in self.followers.values_mut().filter(|follower| is_served(follower, turn)) {
            follower.opened(watched, step);
        }
    }

    /// The node changed the view, as asked.
    pub(super) fn updated(&mut self, watched: &Watched, step: &mut Step<'_>) {
        let State::Updating { .. } = self.state else { return };
        self.state = State::Open { view: watched.view, has_gap: false };
        self.view = self.wanted.take().unwrap_or_else(|| self.view.clone());
        let has_delta = self.view.delta;
        self.followers.retain(|_, follower| {
            follower.shown(has_delta);
            follower.updated(watched, step)
        });
    }

    /// The node did not change the view. If it never will, the reader is told; else it is asked again, if need be once the
    /// view, which may have ended over it, is open again.
    pub(super) fn not_updated(&mut self, class: Class, error: &Error, step: &mut Step<'_>) {
        let is_final = class == Class::Terminal && error.code() != Some(Code::NoSuchView);
        if is_final {
            self.wanted = None;
            for follower in self.followers.values_mut() {
                follower.not_updated(error, step);
            }
        }
        if let State::Updating { view } = self.state {
            self.state = State::Open { view, has_gap: false };
            if !is_final {
                self.delay(step, error.retry_after().unwrap_or_default(), false);
            }
        }
    }

    /// The node did not open it, or closed it by itself. What to do is told by `class`.
    pub(super) fn refused(&mut self, class: Class, error: &Error, step: &mut Step<'_>) {
        let turn = self.turn;
        match class {
            Class::Terminal => self.followers.retain(|watch, follower| {
                let ends = is_served(follower, turn);
                if ends {
                    step.push(Effect::EndWatch(*watch, Some(error.clone())));
                }
                !ends
            }),
            Class::Resync => {
                self.leave_to_lowest();
                self.followers.retain(|_, follower| !is_served(follower, turn) || follower.gone(error, step));
            }
            Class::Retry | Class::Redirect | Class::Refresh | Class::Wait => {}
        }
        self.close();
        let is_free = matches!(class, Class::Resync | Class::Terminal);
        self.delay(step, error.retry_after().unwrap_or_default(), is_free);
    }

    /// Events came. If they do not join, the view will be opened anew.
    pub(super) fn take(&mut self, batch: &EventBatch, own: &OwnConnections, step: &mut Step<'_>) {
        if let Some(credit) = &mut self.credit {
            credit.spend(batch);
        }
        let mut is_complete = true;
        let turn = self.turn;
        self.followers.retain(|_, follower| {
            if !is_served(follower, turn) {
                return true;
            }
            let taking = follower.take(batch, own, step);
            is_complete &= taking != Taking::Gap;
            taking != Taking::Over
        });
        // While it closes, what still comes is welcome, and what is missing comes later.
        let State::Open { view, has_gap: false } = self.state else { return };
        if is_complete {
            self.failures = 0;
        } else {
            step.stats.gaps_count += 1;
            self.state = State::Open { view, has_gap: true };
            self.delay(step, Duration::ZERO, true);
        }
    }

    /// The node ended it, as asked.
    pub(super) fn unsubscribed(&mut self) {
        self.close();
    }

    /// The connection is gone, and with it all that the node knew.
    pub(super) fn lost(&mut self) {
        self.close();
        self.failures = 0;
        self.not_before = Duration::ZERO;
    }

    /// Whose turn it is: one without a place alone, else all of one epoch from their lowest place. Those that were
    /// passed over for longest choose.
    fn choose_turn(&mut self) -> Option<Watch> {
        let first = self.waiting().min_by_key(|follower| (follower.cursor.through().is_some(), follower.turn))?;
        let (watch, place) = (first.watch, first.cursor.through());
        self.turn += 1;
        let mut lowest = watch;
        if let Some(place) = place {
            let mut offset = place.offset;
            let turn = self.turn;
            for follower in self.followers.values_mut().filter(|follower| is_waiting(follower)) {
                let Some(other) = follower.cursor.through().filter(|other| is_same_line(*other, place)) else {
                    continue;
                };
                follower.turn = turn;
                if other.offset < offset {
                    (lowest, offset) = (follower.watch, other.offset);
                }
            }
        }
        let lowest = self.followers.get_mut(&lowest)?;
        lowest.turn = self.turn;
        let (resource_version, from) = lowest.cursor.ask();
        let limit = lowest.terms.limit;
        let max = self.served().filter_map(|follower| follower.terms.credit).min();
        let room = self.served().filter_map(Follower::room).min();
        self.credit = max.zip(room).map(|(max, room)| Credit::new(max, room));
        let credit = self.credit.map(Credit::left);
        Some(Watch { resource_version, from: from.into(), limit, credit, ..self.view.clone() })
    }

    /// What cannot be continued is the lowest place; the others may have better luck with theirs, in a later turn.
    fn leave_to_lowest(&mut self) {
        let place = |follower: &Follower| follower.cursor.through().map(|place| place.offset);
        let Some(lowest) = self.served().min_by_key(|follower| place(follower)).map(|follower| follower.watch) else {
            return;
        };
        let turn = self.turn;
        for follower in self.followers.values_mut() {
            if follower.watch != lowest && is_served(follower, turn) {
                follower.turn = 0;
            }
        }
    }

    fn active(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| follower.is_active())
    }

    /// Those for which it is worth while to open the view.
    fn waiting(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| is_waiting(follower))
    }

    fn served(&self) -> impl Iterator<Item = &Follower> {
        self.followers.values().filter(|follower| is_served(follower, self.turn))
    }

    fn close(&mut self) {
        for follower in self.followers.values_mut() {
            follower.cursor.cut();
        }
        self.state = State::Closed;
    }

    /// Nothing is asked until then. `is_free`: the first in a row need not wait.
    fn delay(&mut self, step: &Step<'_>, after: Duration, is_free: bool) {
        let is_first = is_free && self.failures == 0;
        let jitter = if is_first { Duration::ZERO } else { self.backoff.delay(self.failures, step.moment.chance) };
        self.not_before = step.now() + after + jitter;
        self.failures = self.failures.saturating_add(1);
    }
}

/// Of one epoch; before the first publication all are (V4).
fn is_same_line(one: ResourceVersion, other: ResourceVersion) -> bool {
    let is_before_all = one.offset == 0 && other.offset == 0;
    one.epoch == other.epoch || (is_before_all && (one.is_none() || other.is_none()))
}

/// Whether a turn would bring it anything. Who has no room would hold up those who share it.
fn is_waiting(follower: &Follower) -> bool {
    follower.is_active() && follower.room() != Some(0)
}

/// Whether the present subscription is for it.
fn is_served(follower: &Follower, turn: u64) -> bool {
    follower.is_active() && follower.turn == turn
}

#[cfg(test)]
mod tests;
