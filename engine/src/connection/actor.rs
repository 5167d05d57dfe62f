//! The actor of a connection that holds a session, whatever its transport.
//!
//! Started by the gateway once there is nothing left to shake hands about; stops when the peer is gone, or shortly after
//! either side closed. Gets no messages from other actors (events are written by the hub), so its mailbox stays empty;
//! what it works on is bounded by `limits.requests_in_flight_max`. If it panics, its transport closes and the client
//! resumes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};
use bytes::{Bytes, BytesMut};
use fanfare_cluster::Answers;
use fanfare_protocol::{Code, DecodeError, Encoding, Error, Goaway, Incoming, Limits, Message, Watch};
use slab::Slab;

use super::inbound::{InboundStream, Input};
use super::posted::PostedStream;
use super::reader::{Inbound, Reader};
use super::session::{Effect, Session, Welcome};
use super::sessions::Posts;
use super::websocket;
use crate::compression::BATCH_MARK;
use crate::hub::{Hub, Notice, Outlet, ending};
use crate::telemetry::CodeLabel;
use crate::topic::meter::Meter;
use crate::topic::publish::Publishing;
use crate::view::{SessionWire, Wire, put_envelope, put_retry};

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

/// Where a connection hears its client.
#[derive(Debug)]
pub enum Source {
    /// On the socket of its outlet, as a WebSocket; these bytes came behind the handshake.
    WebSocket(Encoding, BytesMut),
    /// On the socket of its outlet, as raw TCP.
    Tcp,
    /// By POST; these lines came with the one that opened the stream.
    Posts(Posts, Bytes),
}

impl Source {
    /// How such a client is spoken to.
    #[must_use]
    pub fn wire(&self) -> SessionWire {
        match self {
            Self::WebSocket(encoding, _) => SessionWire::WebSocket(*encoding),
            Self::Tcp => SessionWire::Tcp,
            Self::Posts(..) => SessionWire::Sse,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Connection {
    pub(super) id: ConnectionId,
    pub(super) hub: Rc<Hub>,
    pub(super) outlet: Rc<Outlet>,
    key: usize,
    pub(super) wire: SessionWire,
    pub(super) session: Session,
    /// What its handshake asked for, until that is begun.
    asked: Vec<Watch>,
    /// Of views that were opened with a credit, or that have a ceiling, by number.
    pub(super) meters: BTreeMap<u32, Rc<Meter>>,
    /// Publishes on their way, each under the name of its ticket, and the ids to answer them under.
    pub(super) publishing: Slab<(u64, Publishing)>,
    pub(super) answers: Answers<Bytes>,
    /// The number that this side closed with; 1006 (RFC 6455: no close frame) as long as it has not.
    closed_with: u16,
}

impl Connection {
    /// Starts a connection that was counted, and leaves by this outlet. `watches` are the views that its handshake asked for.
    pub fn open(hub: &Rc<Hub>, outlet: &Rc<Outlet>, source: Source, watches: Vec<Watch>) {
        let (hub, outlet) = (Rc::clone(hub), Rc::clone(outlet));
        let key = hub.enter(Rc::clone(&outlet));
        let (telemetry, transport) = (&hub.node().telemetry, outlet.wire().transport());
        telemetry.connections.of(transport).inc();
        telemetry.connections_opened.of(transport).inc();
        let wire = source.wire();
        Self::create(|ctx| {
            let answers = Answers::default();
            let mut hear = |reader, read_ahead| {
                let (hub, outlet) = (Rc::clone(&hub), Rc::clone(&outlet));
                ctx.add_stream(InboundStream::new(hub, outlet, answers.clone(), reader, read_ahead));
            };
            match source {
                Source::WebSocket(_, read_ahead) => hear(Reader::WebSocket(websocket::Reader::default()), read_ahead),
                Source::Tcp => hear(Reader::Tcp, BytesMut::new()),
                Source::Posts(posts, first) => {
                    let (hub, outlet) = (Rc::clone(&hub), Rc::clone(&outlet));
                    ctx.add_stream(PostedStream::new(hub, outlet, answers.clone(), posts, first));
                }
            }
            Self {
                id: ConnectionId::random(),
                hub,
                outlet,
                key,
                wire,
                session: Session::default(),
                asked: watches,
                meters: BTreeMap::new(),
                publishing: Slab::new(),
                answers,
                closed_with: 1006,
            }
        });
    }

    /// How what its views say looks.
    pub(super) fn view_wire(&self) -> Wire {
        Wire::Session(self.wire, self.session.batching())
    }

    pub(super) fn say(&self, id: u64, message: &Message) {
        self.outlet.push(|out| put_envelope(self.wire, id, message, out));
        self.hub.flush_soon(&self.outlet);
    }

    pub(super) fn fail(&self, id: u64, error: Error) {
        let node = self.hub.node();
        node.telemetry.error(&error);
        self.say(id, &Message::Error(node.with_slot(error)));
    }

    /// The last words: the reason in full, then, on a WebSocket, Close with its number.
    fn close(&mut self, error: Error, close_code: u16, ctx: &mut Context<Self>) {
        let reason = error.name.clone();
        self.fail(0, error);
        self.close_quietly(close_code, &reason, ctx);
    }

    pub(super) fn close_quietly(&mut self, close_code: u16, reason: &str, ctx: &mut Context<Self>) {
        self.closed_with = close_code;
        if matches!(self.wire, SessionWire::WebSocket(_)) {
            self.outlet.push(|out| websocket::put_close(close_code, reason, out));
        }
        self.outlet.close();
        self.hub.flush_soon(&self.outlet);
        ctx.run_later(LINGER, |_, ctx| ctx.stop());
    }

    fn message(&mut self, text: bool, data: &Bytes, heard_at: Instant, ctx: &mut Context<Self>) {
        if !text && self.is_compressed(data) {
            return self.refuse_compressed(data, heard_at);
        }
        if text == (self.wire.encoding() == Encoding::Json) {
            return self.envelopes(data, heard_at, ctx);
        }
        self.requested(data, heard_at);
        let expected = if text { "binary" } else { "text" };
        let message = format!("this subprotocol sends {expected} messages");
        self.fail(0, Error::of(Code::ProtocolViolation).with_message(message));
    }

    /// Envelopes together, separated as their encoding says.
    fn envelopes(&mut self, data: &Bytes, heard_at: Instant, ctx: &mut Context<Self>) {
        self.requested(data, heard_at);
        let encoding = self.wire.encoding();
        for envelope in fanfare_protocol::envelopes(encoding, data) {
            let decoded = envelope.and_then(|envelope| fanfare_protocol::decode(encoding, &envelope));
            self.decoded(decoded, heard_at, ctx);
        }
    }

    /// An envelope that its transport has cut out already.
    fn envelope(&mut self, data: &Bytes, heard_at: Instant, ctx: &mut Context<Self>) {
        if self.is_compressed(data) {
            return self.refuse_compressed(data, heard_at);
        }
        let decoded = fanfare_protocol::decode(self.wire.encoding(), data);
        // The answer to a node's PING is a sign of life, which every byte is, and no request.
        if !matches!(decoded, Ok(Incoming { message: Message::Pong(_), .. })) {
            self.requested(data, heard_at);
            self.decoded(decoded, heard_at, ctx);
        }
    }

    /// Whether a client says something as only nodes do (rule E17).
    fn is_compressed(&self, data: &Bytes) -> bool {
        self.session.batching().is_some() && data.first() == Some(&BATCH_MARK)
    }

    fn refuse_compressed(&self, data: &Bytes, heard_at: Instant) {
        self.requested(data, heard_at);
        let message = "what a client says cannot be compressed: send it as it is";
        self.fail(0, Error::of(Code::NotSupported).with_message(message));
    }

    fn requested(&self, data: &Bytes, heard_at: Instant) {
        self.outlet.requested(self.hub.second_of(heard_at));
        self.hub.node().telemetry.connections_bytes_received.inc_by(data.len() as u64);
    }

    fn decoded(&mut self, decoded: Result<Incoming, DecodeError>, heard_at: Instant, ctx: &mut Context<Self>) {
        match decoded {
            Ok(incoming) => self.incoming(incoming, heard_at, ctx),
            // Who wants no answer may be newer than this node, and is not told that it is: rule E4.
            Err(error) if error.id == 0 && error.error.known_code() == Some(Code::UnknownType) => {}
            Err(error) => self.fail(error.id, error.error),
        }
    }

    fn incoming(&mut self, incoming: Incoming, heard_at: Instant, ctx: &mut Context<Self>) {
        let id = incoming.id;
        let node = self.hub.node();
        let limits = &node.config.limits;
        let welcome = || Welcome {
            connection_id: self.id.as_str().to_owned(),
            node_id: node.label.clone(),
            // An event stream is compressed by HTTP.
            can_compress: node.config.server.compression && self.wire != SessionWire::Sse,
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
            Ok(Effect::Grant(grant)) => self.grant(id, grant),
            Ok(Effect::Perform(id, request)) => {
                node.telemetry.requests_in_flight.inc();
                self.perform(id, request, heard_at, ctx);
            }
            Err(error) => self.fail(id, error),
        }
    }

    fn websocket(&mut self, item: websocket::Inbound, heard_at: Instant, ctx: &mut Context<Self>) {
        match item {
            websocket::Inbound::Message { text, data } => self.message(text, &data, heard_at, ctx),
            websocket::Inbound::Ping(payload) => {
                self.outlet.push(|out| websocket::put_pong(&payload, out));
                self.hub.flush_soon(&self.outlet);
            }
            websocket::Inbound::Pong => {}
            websocket::Inbound::Close(code) => self.close_quietly(code.unwrap_or(1000), "", ctx),
        }
    }

    fn notice(&mut self, notice: Notice, ctx: &mut Context<Self>) {
        match notice {
            // The reader has told the client, and the slot is gone already.
            Notice::Ended(view) => drop(self.meters.remove(&view)),
            Notice::Close(code) => {
                let config = &self.hub.node().config;
                let error = ending(code, &config.delivery, &config.limits);
                self.close(error, code.number(), ctx);
            }
            Notice::Drain => {
                let within_ms = self.hub.node().config.server.reconnect_within_ms;
                self.say(0, &Message::Goaway(Goaway { within_ms, node: None }));
                if matches!(self.outlet.wire(), Wire::Session(SessionWire::Sse, _)) {
                    // Who reads it with a plain `EventSource` draws no slot.
                    let slot_ms = self.hub.node().reconnect_slot_ms();
                    self.outlet.push(|out| put_retry(slot_ms, out));
                }
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

    fn started(&mut self, ctx: &mut Self::Context) {
        let asked = std::mem::take(&mut self.asked);
        if asked.is_empty() {
            return;
        }
        match self.session.begin_with(&asked, &self.hub.node().config.limits) {
            Ok(request) => {
                self.hub.node().telemetry.requests_in_flight.inc();
                self.perform(0, request, Instant::now(), ctx);
            }
            Err(error) => self.fail(0, error),
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.hub.leave(self.key);
        let node = self.hub.node();
        node.connections.close();
        node.telemetry.connections.of(self.outlet.wire().transport()).dec();
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
            Input::Item(Inbound::WebSocket(item), heard_at) => self.websocket(item, heard_at, ctx),
            Input::Item(Inbound::Envelope(envelope), heard_at) => self.envelope(&envelope, heard_at, ctx),
            Input::Item(Inbound::Lines(lines), heard_at) => self.envelopes(&lines, heard_at, ctx),
            Input::Breach(breach) => self.close(breach.error(), breach.close_code(), ctx),
        }
    }
}
