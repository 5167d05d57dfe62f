//! What a client may say, in which order, and what follows from it. Pure: the same for every transport.
//!
//! Keeps rules S1 to S12 of the protocol's `SPEC.md`. Does not know sockets, topics or the clock; what a request does
//! is performed by the shell, which reports back with [`Session::answered`].

use std::collections::VecDeque;

use fanfare_protocol::{
    Code, Connect, Connected, Error, Features, Grant, History, Incoming, Limits, Message, OnGone, Pong, Publish,
    Subscribe, Unsubscribe, UpdateView, Watch,
};

use crate::compression::Batching;
use crate::topic::plan::WatchPlan;

/// What a client is told to wait when as many requests wait as may: a moment in which some are answered.
const FULL_RETRY_MS: u64 = 100;

/// A request that the shell has to perform and answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Publish, answer with the versions.
    Publish(Publish),
    /// Open views; the flag says that several were asked for, so that the answer lists them.
    Subscribe(Vec<Result<WatchPlan, Error>>, bool),
    /// Look at a topic through another lens: the view's number, and what is wanted now.
    UpdateView(u32, Box<Watch>),
    /// End a view.
    Unsubscribe(u32),
    /// Read a page.
    History(History),
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Say this at once, under this id.
    Answer(u64, Box<Message>),
    /// Perform this and answer under this id (0: do not answer).
    Perform(u64, Request),
    /// Let a view send so many events more; only a failure is answered.
    Grant(Grant),
}

/// The phases of a session. CONNECT may be left out where nobody has to be authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was said yet.
    Fresh,
    /// Something was: CONNECT is no longer possible.
    Begun,
    /// GOAWAY was said: what is in flight is finished, nothing new is begun.
    Draining,
}

/// What a session needs to know to answer CONNECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The connection's id.
    pub connection_id: String,
    /// The node's label.
    pub node_id: String,
    /// Whether batches of this connection can be compressed.
    pub can_compress: bool,
    /// What the client has to keep to.
    pub limits: Limits,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    /// In the order in which they came, which is mostly that of their answers.
    in_flight: VecDeque<u64>,
    /// The greatest id that a request has had: a greater one is not in flight.
    id_max: u64,
    /// Views that are asked for and not yet open.
    opening: usize,
    /// The views that the handshake asked for are not answered yet.
    is_greeting: bool,
    /// What CONNECT was granted.
    batching: Option<Batching>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            phase: Phase::Fresh,
            in_flight: VecDeque::new(),
            id_max: 0,
            opening: 0,
            is_greeting: false,
            batching: None,
        }
    }
}

impl Session {
    /// Hears one envelope. `open_views` are the subscriptions that the connection holds.
    ///
    /// # Errors
    /// What to tell the client; the session lives on.
    pub fn receive(
        &mut self,
        incoming: Incoming,
        open_views: usize,
        welcome: impl FnOnce() -> Welcome,
        limits: &crate::limit::Limits,
    ) -> Result<Effect, Error> {
        let id = incoming.id;
        if id != 0 && id <= self.id_max && self.in_flight.contains(&id) {
            return Err(Error::of(Code::IdInUse));
        }
        if self.phase == Phase::Draining {
            return Err(Error::of(Code::GoingAway));
        }
        let is_first = std::mem::replace(&mut self.phase, Phase::Begun) == Phase::Fresh;
        let request = match incoming.message {
            Message::Connect(connect) if is_first => {
                return Ok(answer(id, Message::Connected(self.connected(&connect, welcome()))));
            }
            Message::Connect(_) => return Err(violation("CONNECT may be said once, as the first")),
            Message::Ping(_) => return Ok(answer(id, Message::Pong(Pong {}))),
            Message::Publish(publish) => Request::Publish(publish),
            Message::Subscribe(subscribe) => self.subscribe(subscribe, open_views, limits)?,
            Message::UpdateView(UpdateView { view, watch }) => {
                Request::UpdateView(view, Box::new(watch.unwrap_or_default()))
            }
            Message::Unsubscribe(Unsubscribe { view }) => Request::Unsubscribe(view),
            Message::Grant(grant) => return Ok(Effect::Grant(grant)),
            Message::History(history) => Request::History(history),
            Message::Refresh(_)
            | Message::PresenceSet(_)
            | Message::PresenceGet(_)
            | Message::Request(_)
            | Message::Reply(_)
            | Message::Serve(_)
            | Message::Cancel(_) => return Err(Error::of(Code::NotSupported)),
            Message::Connected(_)
            | Message::Refreshed(_)
            | Message::Pong(_)
            | Message::Error(_)
            | Message::Goaway(_)
            | Message::Subscribed(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::View(_)
            | Message::Published(_)
            | Message::HistoryPage(_)
            | Message::PresenceState(_)
            | Message::Serving(_) => return Err(violation("only a node says this")),
        };
        self.begin(id, &request, limits)?;
        Ok(Effect::Perform(id, request))
    }

    fn connected(&mut self, connect: &Connect, welcome: Welcome) -> Connected {
        let Welcome { connection_id, node_id, can_compress, limits } = welcome;
        let wishes = connect.features.as_ref().filter(|_| can_compress);
        self.batching = wishes.and_then(|wishes| Batching::of(&wishes.compression));
        let compression: Vec<_> = self.batching.iter().map(|batching| batching.name().to_owned()).collect();
        // PING is always answered.
        let features = connect.features.as_ref().map(|wishes| Features { compression, app_ping: wishes.app_ping });
        let limits = features.is_some().then_some(limits);
        Connected { connection_id, node_id, features, limits, expires_at: None }
    }

    /// How batches of views that are opened from now on are compressed, if they are.
    #[must_use]
    pub fn batching(&self) -> Option<Batching> {
        self.batching
    }

    /// Begins with the views that the handshake asked for, as if they were the first request, under the id 0. What else may
    /// only be said first may still be said.
    ///
    /// # Errors
    /// What to tell the client; the session lives on.
    pub fn begin_with(&mut self, watches: &[Watch], limits: &crate::limit::Limits) -> Result<Request, Error> {
        let subscribe = match watches {
            [watch] => Subscribe { watch: Some(watch.clone()), views: Vec::new() },
            several => Subscribe { watch: None, views: several.to_vec() },
        };
        let request = self.subscribe(subscribe, 0, limits)?;
        self.begin(0, &request, limits)?;
        self.is_greeting = true;
        Ok(request)
    }

    /// Whether the answer that is due is the one to [`Self::begin_with`]: who asked in a URL has no id to wait for, and is
    /// told all the same. Once.
    pub fn greets(&mut self) -> bool {
        std::mem::take(&mut self.is_greeting)
    }

    fn subscribe(
        &self,
        subscribe: Subscribe,
        open_views: usize,
        limits: &crate::limit::Limits,
    ) -> Result<Request, Error> {
        let several = subscribe.watch.is_none();
        let watches: Vec<_> = subscribe.watch.into_iter().chain(subscribe.views).collect();
        if watches.is_empty() {
            return Err(Error::of(Code::BadParameter).with_parameter("topic").with_message("no topic is named"));
        }
        let most = limits.subscriptions_max;
        if open_views + self.opening + watches.len() > most {
            let message = format!(
                "a connection holds at most {most} subscriptions (`limits.subscriptions_max`): end one, or open another connection"
            );
            return Err(Error::of(Code::TooManySubscriptions).with_message(message));
        }
        let plans: Vec<_> = watches
            .iter()
            .map(|watch| {
                let plan = WatchPlan::new(watch, OnGone::Snapshot, limits.page_items_max);
                plan.map_err(|error| error.with_topic(&watch.topic))
            })
            .collect();
        match <[_; 1]>::try_from(plans) {
            Ok([plan]) if !several => Ok(Request::Subscribe(vec![Ok(plan?)], several)),
            Ok([plan]) => Ok(Request::Subscribe(vec![plan], several)),
            Err(plans) => Ok(Request::Subscribe(plans, several)),
        }
    }

    fn begin(&mut self, id: u64, request: &Request, limits: &crate::limit::Limits) -> Result<(), Error> {
        let most = limits.requests_in_flight_max;
        if self.in_flight.len() >= most {
            let message = format!(
                "{most} requests of this connection wait for their answers already (`limits.requests_in_flight_max`)"
            );
            let error = Error::of(Code::TooManyRequestsInFlight).with_message(message);
            return Err(error.with_retry_after_ms(FULL_RETRY_MS));
        }
        if let Request::Subscribe(plans, _) = request {
            self.opening += plans.len();
        }
        // Requests that want no answer count too: they cost the same.
        self.in_flight.push_back(id);
        self.id_max = self.id_max.max(id);
        Ok(())
    }

    /// The shell answered a request (or performed one that wants no answer).
    pub fn answered(&mut self, id: u64) {
        if let Some(at) = self.in_flight.iter().position(|i| *i == id) {
            self.in_flight.remove(at);
        }
        if self.in_flight.is_empty() {
            self.in_flight = VecDeque::new();
        }
    }

    /// The shell opened, or failed to open, `count` views.
    pub fn opened(&mut self, count: usize) {
        self.opening = self.opening.saturating_sub(count);
    }

    /// The node drains: nothing new is begun.
    pub fn drain(&mut self) {
        self.phase = Phase::Draining;
    }

    /// Requests that wait for their answer.
    #[must_use]
    pub fn in_flight_count(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether a drained session has answered everything.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.phase == Phase::Draining && self.in_flight.is_empty()
    }
}

fn answer(id: u64, message: Message) -> Effect {
    if id == 0 { Effect::None } else { Effect::Answer(id, Box::new(message)) }
}

fn violation(message: &str) -> Error {
    Error::of(Code::ProtocolViolation).with_message(message)
}

#[cfg(test)]
mod tests;
