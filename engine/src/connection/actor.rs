//! The actor of a WebSocket connection.
//!
//! Started by the gateway once the handshake is answered; stops when the peer is gone, or shortly after either side
//! said Close. Gets no messages from other actors (events are written by the hub), so its mailbox stays empty; what
//! it works on is bounded by `limits.requests_in_flight_max`. If it panics, its socket closes and the client resumes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use bytes::{Bytes, BytesMut};
use fanfare_cluster::{Answered, Answers};
use fanfare_protocol::{
    Code, Encoding, Error, Goaway, History, Limits, Message, Publish, Subscribed, Unsubscribed, Watched,
};
use slab::Slab;

use super::inbound::{InboundStream, Input};
use super::session::{Effect, Request, Session, Welcome};
use super::websocket::{self, Breach, Inbound};
use crate::hub::{Hub, Notice, Outlet};
use crate::telemetry::{CodeLabel, Transport};
use crate::topic::plan::WatchPlan;
use crate::topic::publish::{Origin, Publishing};
use crate::topic::watch::Watching;
use crate::view::{Wire, put_envelope};

/// How long our last words may take to reach a peer that does not close.
const LINGER: Duration = Duration::from_secs(2);

/// Names a connection within the cluster: 64 random bits, as 16 hexadecimal digits. Each publication carries it, so it is
/// kept as the text that it is sent as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(Box<str>);

impl ConnectionId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{:016x}", fastrand::u64(..)).into())
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// See the module.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    hub: Rc<Hub>,
    outlet: Rc<Outlet>,
    key: usize,
    encoding: Encoding,
    session: Session,
    /// Publishes on their way, each under the name of its ticket, and the ids to answer them under.
    publishing: Slab<(u64, Publishing)>,
    answers: Answers<Bytes>,
    /// The number that this side closed with; 1006 (RFC 6455: no close frame) as long as it has not.
    closed_with: u16,
}

impl Connection {
    /// Starts a connection on a socket whose handshake is answered. `read_ahead` came behind it.
    pub fn open(hub: &Rc<Hub>, outlet: Outlet, encoding: Encoding, read_ahead: BytesMut) {
        let (hub, outlet) = (Rc::clone(hub), Rc::new(outlet));
        let key = hub.enter(Rc::clone(&outlet));
        let telemetry = &hub.node().telemetry;
        telemetry.connections.of(Transport::WebSocket).inc();
        telemetry.connections_opened.of(Transport::WebSocket).inc();
        Self::create(|ctx| {
            let answers = Answers::default();
            ctx.add_stream(InboundStream::new(Rc::clone(&hub), Rc::clone(&outlet), answers.clone(), read_ahead));
            Self {
                id: ConnectionId::random(),
                hub,
                outlet,
                key,
                encoding,
                session: Session::default(),
                publishing: Slab::new(),
                answers,
                closed_with: 1006,
            }
        });
    }

    fn say(&self, id: u64, message: &Message) {
        self.outlet.push(|out| put_envelope(self.encoding, id, message, out));
        self.hub.flush_soon(&self.outlet);
    }

    fn fail(&self, id: u64, error: Error) {
        self.hub.node().telemetry.error(&error);
        self.say(id, &Message::Error(error));
    }

    /// The last words: the reason in full, then Close with its number.
    fn close(&mut self, error: Error, close_code: u16, ctx: &mut Context<Self>) {
        let reason = error.name.clone();
        self.fail(0, error);
        self.close_quietly(close_code, &reason, ctx);
    }

    fn close_quietly(&mut self, close_code: u16, reason: &str, ctx: &mut Context<Self>) {
        self.closed_with = close_code;
        self.outlet.push(|out| websocket::put_close(close_code, reason, out));
        self.outlet.close();
        self.hub.flush_soon(&self.outlet);
        ctx.run_later(LINGER, |_, ctx| ctx.stop());
    }

    fn message(&mut self, text: bool, data: &Bytes, heard_at: Instant, ctx: &mut Context<Self>) {
        self.outlet.requested(self.hub.second_of(heard_at));
        self.hub.node().telemetry.connections_bytes_received.inc_by(data.len() as u64);
        if text != (self.encoding == Encoding::Json) {
            let expected = if text { "binary" } else { "text" };
            let message = format!("this subprotocol sends {expected} messages");
            self.fail(0, Error::of(Code::ProtocolViolation).with_message(message));
            return;
        }
        for envelope in fanfare_protocol::envelopes(self.encoding, data) {
            match envelope.and_then(|envelope| fanfare_protocol::decode(self.encoding, &envelope)) {
                Ok(incoming) => self.incoming(incoming, heard_at, ctx),
                // Who wants no answer may be newer than this node, and is not told that it is: rule E4.
                Err(error) if error.id == 0 && error.error.known_code() == Some(Code::UnknownType) => {}
                Err(error) => self.fail(error.id, error.error),
            }
        }
    }

    fn incoming(&mut self, incoming: fanfare_protocol::Incoming, heard_at: Instant, ctx: &mut Context<Self>) {
        let id = incoming.id;
        let node = self.hub.node();
        let limits = &node.config.limits;
        let welcome = || Welcome {
            connection_id: self.id.as_str().to_owned(),
            node_id: node.label.clone(),
            limits: Limits {
                frame_bytes_max: limits.frame_bytes_max as u64,
                publication_bytes_max: node.publication_bytes_max() as u64,
                subscriptions_max: u32::try_from(limits.subscriptions_max).unwrap_or(u32::MAX),
                requests_in_flight_max: u32::try_from(limits.requests_in_flight_max).unwrap_or(u32::MAX),
            },
        };
        node.telemetry.request(incoming.message.message_type());
        match self.session.receive(incoming, self.outlet.slot_count(), welcome, limits) {
            Ok(Effect::None) => {}
            Ok(Effect::Answer(id, message)) => self.say(id, &message),
            Ok(Effect::Perform(id, request)) => {
                node.telemetry.requests_in_flight.inc();
                self.perform(id, request, heard_at, ctx);
            }
            Err(error) => self.fail(id, error),
        }
    }

    fn perform(&mut self, id: u64, request: Request, heard_at: Instant, ctx: &mut Context<Self>) {
        match request {
            Request::Publish(publish) => self.publish(id, publish, heard_at, ctx),
            Request::Subscribe(plans, several) => self.subscribe(id, plans, several, ctx),
            Request::Unsubscribe(view) => {
                let ended = match self.outlet.slot(view) {
                    Some(slot) => {
                        self.hub.unsubscribe(&self.outlet, slot);
                        Ok(Message::Unsubscribed(Unsubscribed { view }))
                    }
                    None => Err(Error::of(Code::NoSuchView)),
                };
                self.answer(id, ended, ctx);
            }
            Request::History(history) => self.history(id, history, ctx),
        }
    }

    fn publish(&mut self, id: u64, publish: Publish, heard_at: Instant, ctx: &mut Context<Self>) {
        // Proposed before anything else is read, so that a connection's publishes keep their order.
        let place = self.publishing.vacant_entry();
        let name = place.key() as u64;
        let origin = Origin { connection_id: Some(self.id.as_str()), heard_at };
        match self.hub.node().publish(publish, origin, || self.answers.ticket(name)) {
            Ok(publishing) => drop(place.insert((id, publishing))),
            Err(error) => self.answer(id, Err(error), ctx),
        }
    }

    fn answered(&mut self, answers: Vec<Answered<Bytes>>, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for (name, answer) in answers {
            // Each ticket is answered once, so the name is that of the publish that it was drawn for.
            if let Some((id, publishing)) = self.publishing.try_remove(name as usize) {
                let published = publishing.end(answer, now, &self.hub.node().telemetry);
                self.answer(id, published.map(Message::Published), ctx);
            }
        }
        if self.publishing.is_empty() {
            // Who publishes rarely holds nothing for it.
            self.publishing = Slab::new();
        }
    }

    fn history(&mut self, id: u64, history: History, ctx: &mut Context<Self>) {
        let node = std::sync::Arc::clone(self.hub.node());
        let page = async move { node.history(&history).await.map(Message::HistoryPage) };
        ctx.spawn(page.into_actor(self).map(move |page, actor, ctx| actor.answer(id, page, ctx)));
    }

    fn subscribe(&mut self, id: u64, plans: Vec<Result<WatchPlan, Error>>, several: bool, ctx: &mut Context<Self>) {
        let (hub, outlet, wire) = (Rc::clone(&self.hub), Rc::clone(&self.outlet), Wire::WebSocket(self.encoding));
        let opening = async move {
            let mut opened = Vec::with_capacity(plans.len());
            for plan in plans {
                opened.push(match plan {
                    Ok(plan) => {
                        let topic = plan.topic.clone();
                        let opened = Box::pin(plan.open(&hub, &outlet, wire)).await;
                        opened.map_err(|error| error.with_topic(topic.as_str()))
                    }
                    Err(error) => Err(error),
                });
            }
            opened
        };
        ctx.spawn(opening.into_actor(self).map(move |opened, actor, ctx| {
            actor.session.opened(opened.len());
            actor.subscribed(id, opened, several, ctx);
        }));
    }

    /// Answers first, then lets the readers run: SUBSCRIBED precedes any event of its view.
    fn subscribed(&mut self, id: u64, opened: Vec<Result<Watching, Error>>, several: bool, ctx: &mut Context<Self>) {
        let mut views = Vec::with_capacity(opened.len());
        let mut starts = Vec::with_capacity(opened.len());
        for opened in opened {
            match opened {
                Ok(Watching { version, resumed, reader, start }) => {
                    views.push(Watched {
                        view: reader.slot.view,
                        topic: reader.topic.as_str().to_owned(),
                        resource_version: Some(version),
                        resumed,
                        error: None,
                    });
                    starts.push((reader, start));
                }
                Err(error) if several => {
                    let topic = error.topic.clone().unwrap_or_default();
                    views.push(Watched { topic, error: Some(error), ..Watched::default() });
                }
                Err(error) => return self.answer(id, Err(error), ctx),
            }
        }
        let subscribed = match <[Watched; 1]>::try_from(views) {
            Ok([watched]) if !several => Subscribed { watched: Some(watched), views: Vec::new() },
            Ok(views) => Subscribed { watched: None, views: views.into() },
            Err(views) => Subscribed { watched: None, views },
        };
        self.answer(id, Ok(Message::Subscribed(subscribed)), ctx);
        for (reader, start) in starts {
            actix::spawn(reader.start(start));
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Message, Error>, ctx: &mut Context<Self>) {
        self.session.answered(id);
        self.hub.node().telemetry.requests_in_flight.dec();
        match answer {
            Ok(message) if id != 0 => self.say(id, &message),
            Ok(_) => {}
            Err(error) => self.fail(id, error),
        }
        if self.session.is_drained() {
            self.close_quietly(Code::GoingAway.number(), Code::GoingAway.name(), ctx);
        }
    }

    fn notice(&mut self, notice: Notice, ctx: &mut Context<Self>) {
        match notice {
            // The reader has told the client, and the slot is gone already.
            Notice::Ended(_) => {}
            Notice::Close(code) => self.close(Error::of(code), code.number(), ctx),
            Notice::Drain => {
                let within_ms = self.hub.node().config.server.reconnect_within_ms;
                self.say(0, &Message::Goaway(Goaway { within_ms, node: None }));
                self.session.drain();
                if self.session.is_drained() {
                    self.close_quietly(Code::GoingAway.number(), Code::GoingAway.name(), ctx);
                }
            }
        }
    }
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        self.hub.leave(self.key);
        let node = self.hub.node();
        node.connections.close();
        node.telemetry.connections.of(Transport::WebSocket).dec();
        node.telemetry.connections_closed.of(CodeLabel::of_number(self.closed_with)).inc();
        let unanswered = i64::try_from(self.session.in_flight_count()).unwrap_or_default();
        node.telemetry.requests_in_flight.dec_by(unanswered);
    }
}

impl StreamHandler<Input> for Connection {
    fn handle(&mut self, input: Input, ctx: &mut Self::Context) {
        match input {
            Input::Notice(notice) => self.notice(notice, ctx),
            Input::Answered(answers) => self.answered(answers, ctx),
            Input::Item(Inbound::Message { text, data }, heard_at) => self.message(text, &data, heard_at, ctx),
            Input::Item(Inbound::Ping(payload), _) => {
                self.outlet.push(|out| websocket::put_pong(&payload, out));
                self.hub.flush_soon(&self.outlet);
            }
            Input::Item(Inbound::Pong, _) => {}
            Input::Item(Inbound::Close(code), _) => self.close_quietly(code.unwrap_or(1000), "", ctx),
            Input::Breach(breach) => {
                let code = match breach {
                    Breach::TooLarge { .. } => Code::FrameTooLarge,
                    Breach::Utf8 => Code::Malformed,
                    Breach::Protocol(_) | Breach::TooManyFragments => Code::ProtocolViolation,
                };
                self.close(Error::of(code).with_message(breach.to_string()), breach.close_code(), ctx);
            }
        }
    }
}
