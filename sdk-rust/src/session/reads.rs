//! Pages of history that were asked for. A read changes nothing, so it is simply asked again until its time is over.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare_protocol::{Class, History, HistoryPage};

use super::backoff::Backoff;
use super::effect::{Answer, Effect, Ticket};
use super::settings::Settings;
use super::step::Step;
use crate::error::{Error, ErrorKind};

#[derive(Debug)]
struct Read {
    history: History,
    state: State,
    /// Told if time runs out.
    refusal: Option<Error>,
    failures: u32,
    until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be asked, not before then.
    Waiting(Duration),
    Asked,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reads {
    backoff: Backoff,
    timeout: Duration,
    reads: BTreeMap<Ticket, Read>,
}

impl Reads {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { backoff: settings.backoff, timeout: settings.answer_timeout, reads: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    pub(super) fn add(&mut self, ticket: Ticket, history: History, now: Duration) {
        let (state, until) = (State::Waiting(now), now + self.timeout);
        self.reads.insert(ticket, Read { history, state, refusal: None, failures: 0, until });
    }

    /// The next to ask; it counts as asked.
    pub(super) fn next(&mut self, now: Duration) -> Option<(Ticket, History)> {
        let is_due = |read: &Read| matches!(read.state, State::Waiting(at) if at <= now);
        let (ticket, read) = self.reads.iter_mut().find(|(_, read)| is_due(read))?;
        read.state = State::Asked;
        Some((*ticket, read.history.clone()))
    }

    pub(super) fn answered(&mut self, ticket: Ticket, page: HistoryPage, step: &mut Step<'_>) {
        if self.reads.remove(&ticket).is_some() {
            step.push(Effect::Answer(ticket, Ok(Answer::Page(page))));
        }
    }

    /// The node refused it; what to do is told by `class`.
    pub(super) fn refused(&mut self, ticket: Ticket, class: Class, error: &Error, step: &mut Step<'_>) {
        match class {
            Class::Retry | Class::Redirect | Class::Refresh | Class::Wait => {
                let Some(read) = self.reads.get_mut(&ticket) else { return };
                let delay = self.backoff.delay(read.failures, step.moment.chance);
                read.failures = read.failures.saturating_add(1);
                read.state = State::Waiting(step.now() + error.retry_after().unwrap_or_default() + delay);
                read.refusal = Some(error.clone());
            }
            Class::Resync | Class::Terminal => {
                if self.reads.remove(&ticket).is_some() {
                    step.push(Effect::Answer(ticket, Err(error.clone())));
                }
            }
        }
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self, now: Duration) {
        for read in self.reads.values_mut() {
            read.state = State::Waiting(now);
        }
    }

    /// Tells those whose answer did not come in time.
    pub(super) fn expire(&mut self, step: &mut Step<'_>) {
        let now = step.now();
        self.reads.retain(|ticket, read| {
            let is_due = read.until <= now;
            if is_due {
                let error = read.refusal.take().unwrap_or_else(|| Error::new(ErrorKind::Timeout));
                step.push(Effect::Answer(*ticket, Err(error)));
            }
            !is_due
        });
    }

    /// The client is over.
    pub(super) fn end(&mut self, error: &Error, step: &mut Step<'_>) {
        for ticket in std::mem::take(&mut self.reads).into_keys() {
            step.push(Effect::Answer(ticket, Err(error.clone())));
        }
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        let of_read = |read: &Read| match read.state {
            State::Waiting(at) if at > now => at.min(read.until),
            State::Waiting(_) | State::Asked => read.until,
        };
        self.reads.values().map(of_read).min()
    }
}
