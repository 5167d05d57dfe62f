//! Plugs the machines of this room together: hears what happens, tells the machine concerned, and sends what they have
//! to say for as long as the node takes more.

use std::time::Duration;

use fanfare_protocol::limits::FRAME_BYTES_MAX;
use fanfare_protocol::{
    Class, Code, Goaway, Grant, History, Incoming, Message, Publish, Refresh, Subscribe, TopicName, Unsubscribe,
    UpdateView, Watch,
};

use super::effect::{Effect, Effects, Taken, Ticket, WatchId};
use super::link::{Link, Loss};
use super::publisher::Publisher;
use super::reads::Reads;
use super::requests::{Asked, Requests};
use super::settings::Settings;
use super::stats::Stats;
use super::step::{Moment, Step};
use super::subscription::Ask;
use super::watches::{Remedy, WatchSpec, Watches};
use crate::error::{Error, ErrorKind};

/// See the module and its room.
#[derive(Debug)]
pub(crate) struct Session {
    link: Link,
    requests: Requests,
    watches: Watches,
    publisher: Publisher,
    reads: Reads,
    stats: Stats,
    can_refresh: bool,
    answer_timeout: Duration,
    close_timeout: Duration,
    closing: Closing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Closing {
    No,
    /// What waits to be published has until then.
    By(Duration),
    Done,
}

impl Session {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            link: Link::new(settings),
            requests: Requests::new(),
            watches: Watches::new(settings),
            publisher: Publisher::new(settings),
            reads: Reads::new(settings),
            stats: Stats::default(),
            can_refresh: settings.can_refresh,
            answer_timeout: settings.answer_timeout,
            close_timeout: settings.close_timeout,
            closing: Closing::No,
        }
    }

    /// What was counted. The shell adds the bytes.
    pub(crate) fn stats(&self) -> Stats {
        Stats { publishes_now: self.publisher.count() as u64, watches_now: self.watches.count() as u64, ..self.stats }
    }

    /// Begins: connects.
    pub(crate) fn start(&mut self, moment: Moment, out: &mut Effects) {
        self.step(moment, out, |session, step| session.link.want(step));
    }

    /// The application opens a watch.
    pub(crate) fn watch(&mut self, moment: Moment, watch: WatchId, spec: WatchSpec, out: &mut Effects) {
        self.step(moment, out, |session, _| session.watches.open(watch, spec));
    }

    /// The reader of a watch took so much of what was delivered.
    pub(crate) fn taken(&mut self, moment: Moment, watch: WatchId, taken: Taken, out: &mut Effects) {
        self.step(moment, out, |session, _| session.watches.taken(watch, taken));
    }

    /// The application wants to be shown something else of the topic.
    pub(crate) fn update(&mut self, moment: Moment, watch: WatchId, view: Watch, out: &mut Effects) {
        self.step(moment, out, |session, step| session.watches.update(watch, view, step));
    }

    /// The application dropped a watch.
    pub(crate) fn unwatch(&mut self, moment: Moment, watch: WatchId, out: &mut Effects) {
        self.step(moment, out, |session, step| session.watches.close(watch, step));
    }

    /// The application publishes.
    pub(crate) fn publish(&mut self, moment: Moment, ticket: Ticket, publish: Publish, out: &mut Effects) {
        self.step(moment, out, |session, step| match TopicName::parse(&publish.topic) {
            Ok(topic) => session.publisher.add(ticket, topic, publish),
            Err(error) => step.push(Effect::Answer(ticket, Err(Error::with_source(ErrorKind::Input, error)))),
        });
    }

    /// The application asks for a page of history.
    pub(crate) fn history(&mut self, moment: Moment, ticket: Ticket, history: History, out: &mut Effects) {
        self.step(moment, out, |session, step| session.reads.add(ticket, history, step.now()));
    }

    /// The application is done. What waits to be published still is, as far as time allows.
    pub(crate) fn close(&mut self, moment: Moment, out: &mut Effects) {
        self.step(moment, out, |session, step| {
            if session.closing == Closing::No {
                session.watches.end(None, step);
                session.closing = Closing::By(step.now() + session.close_timeout);
            }
        });
    }

    /// The shell opened a socket, with this token.
    pub(crate) fn opened(&mut self, moment: Moment, token: Option<String>, out: &mut Effects) {
        self.step(moment, out, |session, step| {
            if let Some(connect) = session.link.opened(token, step) {
                let id = session.requests.ask(Asked::Connect, step.now());
                step.push(Effect::Send(id, Box::new(connect.into())));
            }
        });
    }

    /// The shell got a token to replace the present one, or could not.
    pub(crate) fn refreshed(&mut self, moment: Moment, token: Result<String, Error>, out: &mut Effects) {
        self.step(moment, out, |session, step| match token {
            Ok(token) if session.link.is_open() => {
                let id = session.requests.ask(Asked::Refresh, step.now());
                step.push(Effect::Send(id, Box::new(Refresh { token }.into())));
            }
            Ok(_) => {}
            Err(_) => session.link.renewal_failed(step),
        });
    }

    /// Anything came, be it a pong.
    pub(crate) fn heard(&mut self, moment: Moment) {
        self.link.heard(moment.now);
    }

    /// The socket broke or could not be opened.
    pub(crate) fn lost(&mut self, moment: Moment, error: &Error, out: &mut Effects) {
        self.step(moment, out, |session, step| session.lose(error, step));
    }

    /// The node said something.
    pub(crate) fn received(&mut self, moment: Moment, incoming: Incoming, out: &mut Effects) {
        self.step(moment, out, |session, step| {
            session.link.heard(step.now());
            session.hear(incoming, step);
        });
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, moment: Moment, out: &mut Effects) {
        self.step(moment, out, |session, step| {
            session.publisher.expire(step);
            session.reads.expire(step);
            let now = step.now();
            let is_overdue = |at| now >= at + session.answer_timeout;
            let due = match session.link.tick(step) {
                None if session.requests.oldest().is_some_and(is_overdue) => {
                    Some(Error::with_context(ErrorKind::Unreachable, "a request was never answered"))
                }
                due => due,
            };
            if let Some(error) = due {
                session.give_up(&error, step);
            }
        });
    }

    /// When to call [`Self::tick`], if nothing happens before.
    pub(crate) fn deadline(&self, now: Duration) -> Option<Duration> {
        let answer = self.requests.oldest().map(|at| at + self.answer_timeout);
        let closing = match self.closing {
            Closing::By(at) => Some(at),
            Closing::No | Closing::Done => None,
        };
        let (watches, publisher, reads) =
            (self.watches.deadline(), self.publisher.deadline(), self.reads.deadline(now));
        [self.link.deadline(), watches, publisher, reads, answer, closing].into_iter().flatten().min()
    }

    /// Runs one step, then sends what may be sent.
    fn step(&mut self, moment: Moment, out: &mut Effects, run: impl FnOnce(&mut Self, &mut Step<'_>)) {
        if self.closing == Closing::Done {
            return;
        }
        let mut stats = self.stats;
        let mut step = Step { moment, stats: &mut stats, out };
        self.watches.wake(moment.now);
        self.publisher.wake(moment.now);
        run(self, &mut step);
        self.send(&mut step);
        self.stats = stats;
    }

    fn hear(&mut self, Incoming { id, message, .. }: Incoming, step: &mut Step<'_>) {
        match message {
            Message::Event(batch) => return self.watches.event(&batch, step),
            Message::View(view) => {
                let remedy = self.watches.view(view, step);
                return self.apply(remedy, step);
            }
            Message::Goaway(Goaway { within_ms, .. }) => {
                return self.link.goaway(Duration::from_millis(within_ms), step);
            }
            Message::Error(error) if id == 0 => return self.link.noted(error),
            _ => {}
        }
        // Answers that nobody waits for any more are dropped.
        let Some(asked) = self.requests.answered(id) else { return };
        match (asked, message) {
            (asked, Message::Error(error)) => self.refused(asked, &error.into(), step),
            (Asked::Connect, Message::Connected(connected)) => {
                self.requests.set_in_flight_max(connected.limits.map_or(0, |limits| limits.requests_in_flight_max));
                self.link.greeted(&connected, step);
                self.watches.connected(connected.connection_id);
            }
            (Asked::Refresh, Message::Refreshed(refreshed)) => self.link.refreshed(refreshed.expires_at, step),
            (Asked::Subscribe(subscription), Message::Subscribed(subscribed)) => match subscribed.watched {
                Some(watched) => self.watches.opened(subscription, &watched, step),
                None => self.give_up(&confused(), step),
            },
            (Asked::Update(subscription), Message::Subscribed(subscribed)) => match subscribed.watched {
                Some(watched) => self.watches.updated(subscription, &watched, step),
                None => self.give_up(&confused(), step),
            },
            (Asked::Unsubscribe(subscription), Message::Unsubscribed(_)) => {
                self.watches.unsubscribed(subscription, step);
            }
            (Asked::Publish(topic, ticket), Message::Published(answer)) => {
                self.publisher.published(&topic, ticket, answer, step);
            }
            (Asked::History(ticket), Message::HistoryPage(page)) => self.reads.answered(ticket, page, step),
            (_, _) => self.give_up(&confused(), step),
        }
    }

    fn refused(&mut self, asked: Asked, error: &Error, step: &mut Step<'_>) {
        let (class, remedy) = match error.class() {
            Class::Refresh if self.can_refresh => (Class::Refresh, Remedy::Token),
            Class::Refresh => (Class::Terminal, Remedy::None),
            class => (class, Remedy::None),
        };
        match asked {
            Asked::Connect => self.give_up(error, step),
            // The node does not replace a token while we talk: the next connection brings it along.
            Asked::Refresh => self.give_up(&Code::TokenExpired.into(), step),
            Asked::Subscribe(subscription) => {
                let remedy = self.watches.refused(subscription, error, step);
                self.apply(remedy, step);
            }
            Asked::Update(subscription) => {
                self.watches.not_updated(subscription, class, error, step);
                self.apply(remedy, step);
            }
            // It was not open any more.
            Asked::Unsubscribe(subscription) => self.watches.unsubscribed(subscription, step),
            Asked::Publish(topic, ticket) => {
                self.publisher.refused(&topic, ticket, class, error, step);
                self.apply(remedy, step);
            }
            Asked::History(ticket) => {
                self.reads.refused(ticket, class, error, step);
                self.apply(remedy, step);
            }
        }
    }

    fn apply(&mut self, remedy: Remedy, step: &mut Step<'_>) {
        if remedy == Remedy::Token {
            self.link.renew(step);
        }
    }

    /// Drops the connection, or the attempt at one.
    fn give_up(&mut self, error: &Error, step: &mut Step<'_>) {
        step.push(Effect::HangUp);
        self.lose(error, step);
    }

    fn lose(&mut self, error: &Error, step: &mut Step<'_>) {
        if !self.link.is_open() {
            return;
        }
        self.requests.lost();
        self.watches.lost(step);
        self.publisher.lost();
        self.reads.lost(step.now());
        if let Loss::Final(error) = self.link.lost(error, step) {
            self.end(Some(error), step);
        }
    }

    fn end(&mut self, error: Option<Error>, step: &mut Step<'_>) {
        let to_requests = error.clone().unwrap_or_else(|| Error::new(ErrorKind::Closed));
        self.watches.end(error.as_ref(), step);
        self.publisher.end(&to_requests, step);
        self.reads.end(&to_requests, step);
        self.link.end(error, step);
        self.closing = Closing::Done;
    }

    fn send(&mut self, step: &mut Step<'_>) {
        if let Closing::By(at) = self.closing
            && (step.now() >= at || (self.publisher.count() == 0 && self.reads.is_empty()))
        {
            return self.end(None, step);
        }
        if self.watches.count() > 0 || self.publisher.count() > 0 || !self.reads.is_empty() {
            self.link.want(step);
        }
        let Some(limits) = self.link.limits() else { return };
        let frame_bytes_max = match limits.frame_bytes_max {
            0 => FRAME_BYTES_MAX,
            max => usize::try_from(max).unwrap_or(usize::MAX),
        };
        while self.requests.has_room() {
            let Some((asked, message)) = self.next(frame_bytes_max, step) else { break };
            let id = self.requests.ask(asked, step.now());
            step.push(Effect::Send(id, Box::new(message)));
        }
    }

    /// What to say next: views first, for they are what a reader waits for.
    fn next(&mut self, frame_bytes_max: usize, step: &mut Step<'_>) -> Option<(Asked, Message)> {
        while let Some((subscription, ask)) = self.watches.next(step.now()) {
            return Some(match ask {
                Ask::Grant(view, events) => {
                    step.push(Effect::Send(0, Box::new(Grant { view, events }.into())));
                    continue;
                }
                Ask::Update(view, watch) => {
                    let update = UpdateView { view, watch: Some(*watch) };
                    (Asked::Update(subscription), update.into())
                }
                Ask::Subscribe(watch) => {
                    let subscribe = Subscribe { watch: Some(*watch), views: Vec::new() };
                    (Asked::Subscribe(subscription), subscribe.into())
                }
                Ask::Unsubscribe(view) => (Asked::Unsubscribe(subscription), Unsubscribe { view }.into()),
            });
        }
        if let Some((ticket, history)) = self.reads.next(step.now()) {
            return Some((Asked::History(ticket), history.into()));
        }
        let ready = self.publisher.next(frame_bytes_max, step)?;
        Some((Asked::Publish(ready.topic, ready.ticket), ready.publish.into()))
    }
}

/// An answer to another question than the one that was asked.
fn confused() -> Error {
    Error::with_context(ErrorKind::Protocol, "an answer does not fit its question")
}

#[cfg(test)]
mod tests;
