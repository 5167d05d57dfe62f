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
        if open_views + self.opening + watches.len() > limits.subscriptions_max {
            return Err(Error::of(Code::TooManySubscriptions));
        }
        let plans: Vec<_> = watches
            .iter()
            .map(|watch| WatchPlan::new(watch, OnGone::Snapshot).map_err(|error| error.with_topic(&watch.topic)))
            .collect();
        match <[_; 1]>::try_from(plans) {
            Ok([plan]) if !several => Ok(Request::Subscribe(vec![Ok(plan?)], several)),
            Ok([plan]) => Ok(Request::Subscribe(vec![plan], several)),
            Err(plans) => Ok(Request::Subscribe(plans, several)),
        }
    }

    fn begin(&mut self, id: u64, request: &Request, limits: &crate::limit::Limits) -> Result<(), Error> {
        if self.in_flight.len() >= limits.requests_in_flight_max {
            return Err(Error::of(Code::TooManyRequestsInFlight).with_retry_after_ms(100));
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
mod tests {
    use super::*;
    use fanfare_protocol::{Encoding, EventBatch, Ping, PresenceGet, decode};

    fn welcome() -> Welcome {
        Welcome {
            connection_id: "c".to_owned(),
            node_id: "1".to_owned(),
            can_compress: true,
            limits: Limits::default(),
        }
    }

    fn limits() -> crate::limit::Limits {
        crate::limit::Limits { subscriptions_max: 2, requests_in_flight_max: 2, ..crate::limit::Limits::default() }
    }

    fn say(session: &mut Session, id: u64, message: Message) -> Result<Effect, Code> {
        let incoming = Incoming { id, traceparent: None, message };
        let heard = session.receive(incoming, 0, welcome, &limits());
        heard.map_err(|e| e.known_code().expect("every refusal is in the catalogue"))
    }

    fn publish(session: &mut Session, id: u64) -> Result<Effect, Code> {
        say(session, id, Message::Publish(Publish::default()))
    }

    fn watches(count: usize) -> Message {
        let views = vec![Watch { topic: "chat:a".to_owned(), ..Watch::default() }; count];
        Message::Subscribe(Subscribe { watch: None, views })
    }

    /// E17: what is asked for in CONNECT holds for the views that follow; what is unknown, or cannot be, is passed over.
    #[test]
    fn the_first_compression_that_is_known_is_granted_where_there_is_any() {
        for (wishes, can_compress, granted) in [
            (&["br", "zstd", "deflate-raw"][..], true, &["zstd"][..]),
            (&["deflate-raw", "zstd"], true, &["deflate-raw"]),
            (&["zstd"], false, &[]),
            (&["br"], true, &[]),
        ] {
            let mut session = Session::default();
            let compression = wishes.iter().map(ToString::to_string).collect();
            let features = Some(Features { compression, ..Features::default() });
            let connect = Message::Connect(Connect { features, ..Connect::default() });
            let incoming = Incoming { id: 1, message: connect, traceparent: None };
            let welcome = || Welcome { can_compress, ..welcome() };
            let Ok(Effect::Answer(1, answer)) = session.receive(incoming, 0, welcome, &limits()) else {
                panic!("refused")
            };
            let Message::Connected(Connected { features: Some(features), .. }) = *answer else { panic!("no features") };
            assert_eq!(features.compression, granted);
            assert_eq!(session.batching().map(Batching::name), granted.first().copied());
        }
    }

    /// S1.
    #[test]
    fn connect_may_be_left_out_but_neither_repeated_nor_said_later() {
        let connect = || Message::Connect(Connect::default());
        let mut session = Session::default();
        assert!(matches!(say(&mut session, 1, connect()), Ok(Effect::Answer(1, _))));
        assert_eq!(say(&mut session, 2, connect()), Err(Code::ProtocolViolation));
        let mut session = Session::default();
        assert!(publish(&mut session, 1).is_ok());
        assert_eq!(say(&mut session, 2, connect()), Err(Code::ProtocolViolation));
    }

    #[test]
    fn limits_are_told_to_a_client_that_negotiates_and_only_to_it() {
        for (features, is_told) in [(None, false), (Some(Features::default()), true)] {
            let connect = Message::Connect(Connect { features, ..Connect::default() });
            let Ok(Effect::Answer(1, answer)) = say(&mut Session::default(), 1, connect) else { panic!("no answer") };
            let Message::Connected(connected) = *answer else { panic!("not CONNECTED") };
            assert_eq!((connected.limits.is_some(), connected.features.is_some()), (is_told, is_told));
        }
    }

    #[test]
    fn an_id_in_flight_cannot_be_used_again_until_it_is_answered() {
        let mut session = Session::default();
        assert!(publish(&mut session, 7).is_ok());
        assert_eq!(publish(&mut session, 7), Err(Code::IdInUse));
        session.answered(7);
        assert!(publish(&mut session, 7).is_ok());
    }

    #[test]
    fn requests_without_an_answer_count_against_those_in_flight() {
        let mut session = Session::default();
        assert!(publish(&mut session, 0).is_ok() && publish(&mut session, 0).is_ok());
        assert_eq!(publish(&mut session, 3), Err(Code::TooManyRequestsInFlight));
        session.answered(0);
        assert!(publish(&mut session, 3).is_ok());
    }

    #[test]
    fn views_that_are_being_opened_count_against_the_limit() {
        let mut session = Session::default();
        assert!(say(&mut session, 1, watches(2)).is_ok());
        assert_eq!(say(&mut session, 2, watches(1)), Err(Code::TooManySubscriptions));
        session.opened(2);
        assert!(say(&mut session, 2, watches(1)).is_ok());
    }

    #[test]
    fn a_ping_is_answered_at_once_and_without_an_id_not_at_all() {
        let mut session = Session::default();
        assert!(matches!(say(&mut session, 5, Message::Ping(Ping {})), Ok(Effect::Answer(5, _))));
        assert_eq!(say(&mut session, 0, Message::Ping(Ping {})), Ok(Effect::None));
    }

    #[test]
    fn what_only_a_node_says_and_what_is_not_built_have_their_codes() {
        let mut session = Session::default();
        assert_eq!(say(&mut session, 1, Message::Event(EventBatch::default())), Err(Code::ProtocolViolation));
        assert_eq!(say(&mut session, 2, Message::PresenceGet(PresenceGet::default())), Err(Code::NotSupported));
    }

    #[test]
    fn a_drained_session_finishes_what_it_began_and_begins_nothing() {
        let mut session = Session::default();
        assert!(publish(&mut session, 1).is_ok());
        session.drain();
        assert!(!session.is_drained());
        assert_eq!(publish(&mut session, 2), Err(Code::GoingAway));
        session.answered(1);
        assert!(session.is_drained());
    }

    #[test]
    fn a_bad_watch_among_several_is_refused_alone() {
        let json = r#"{"type":"SUBSCRIBE","id":1,"payload":{"views":[{"topic":"chat:a"},{"topic":"no spaces"}]}}"#;
        let incoming = decode(Encoding::Json, &bytes::Bytes::from_static(json.as_bytes())).unwrap();
        let heard = Session::default().receive(incoming, 0, welcome, &limits());
        let Ok(Effect::Perform(1, Request::Subscribe(plans, true))) = heard else { panic!("{heard:?}") };
        assert!(plans[0].is_ok());
        assert_eq!(plans[1].as_ref().unwrap_err().known_code(), Some(Code::BadTopic));
    }
}
