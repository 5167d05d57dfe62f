//! The owner task of a client: the shell around the session. Hears handles, socket and clock, tells the session, and
//! performs what it asks for. Owns no rule.
//!
//! The builder starts it; it ends when the session has finished, which dropping the last handle brings about. What
//! handles send is bounded: publishes and reads by the budget, the rest by the number of watches. Should it panic, all
//! handles see a closed client.

use std::collections::HashMap;
use std::future::pending;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare_protocol::{Code, Encoding, Message, decode, encode, envelopes};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::command::{Board, Command, Outcome, Reply};
use crate::error::{Error, ErrorKind};
use crate::session::{ConnectionState, Effect, Effects, Moment, Session, Settings, Stats, Ticket, WatchId};
use crate::token::{Renewal, TokenSource};
use crate::transport::{Address, Signal, Wire};

/// Envelopes share a frame up to this size. Of a frame that is cut nothing is heard, so on a bad line small ones get
/// further; the socket gathers them for its writes anyway.
const FRAME_BYTES: usize = 4 * 1024;

/// What handles ask for in a row, before the socket has its turn again.
const COMMANDS_PER_TURN: usize = 128;

/// See the module.
pub(crate) struct Connection {
    session: Session,
    wire: Wire,
    encoding: Encoding,
    /// The frame that is being filled.
    frame: Vec<u8>,
    tokens: TokenSource,
    renewal: Option<Renewal>,
    board: Board,
    /// `None` once there is no handle any more.
    commands: Option<mpsc::UnboundedReceiver<Command>>,
    readers: HashMap<WatchId, mpsc::UnboundedSender<Outcome>>,
    replies: HashMap<Ticket, Reply>,
    /// Who waits for the end.
    closers: Vec<oneshot::Sender<()>>,
    began: Instant,
    received_bytes: u64,
    sent_bytes: u64,
    is_finished: bool,
}

enum Happening {
    Command(Option<Command>),
    Signal(Signal),
    Renewed(Result<String, Error>),
    Due,
}

impl Connection {
    pub(crate) fn new(
        settings: &Settings,
        address: Address,
        board: Board,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self {
            session: Session::new(settings),
            encoding: address.encoding,
            tokens: address.tokens.clone(),
            wire: Wire::new(address),
            frame: Vec::new(),
            renewal: None,
            board,
            commands: Some(commands),
            readers: HashMap::new(),
            replies: HashMap::new(),
            closers: Vec::new(),
            began: Instant::now(),
            received_bytes: 0,
            sent_bytes: 0,
            is_finished: false,
        }
    }

    /// Runs until the session has finished.
    pub(crate) async fn run(mut self) {
        let mut effects = Effects::new();
        self.session.start(self.moment(), &mut effects);
        self.perform(&mut effects);
        while !self.is_finished {
            let happening = self.next().await;
            self.hear(happening, &mut effects);
            let has_delivered = effects.iter().any(|effect| matches!(effect, Effect::Deliver(..)));
            self.perform(&mut effects);
            if has_delivered {
                // On a runtime of one thread a reader must get a chance before its buffer overflows.
                tokio::task::yield_now().await;
            }
        }
        self.wire.closed().await;
        for closer in self.closers {
            // Whoever gave up waiting does not mind.
            let _ = closer.send(());
        }
    }

    async fn next(&mut self) -> Happening {
        let deadline = self.session.deadline(self.began.elapsed()).map(|at| self.began + at);
        tokio::select! {
            command = next_command(&mut self.commands) => Happening::Command(command),
            signal = self.wire.next() => Happening::Signal(signal),
            renewed = next_token(&mut self.renewal) => Happening::Renewed(renewed),
            () = due(deadline) => Happening::Due,
        }
    }

    fn hear(&mut self, happening: Happening, out: &mut Effects) {
        let moment = self.moment();
        match happening {
            Happening::Command(Some(command)) => self.obey_all(command, moment, out),
            Happening::Command(None) => {
                self.commands = None;
                self.session.close(moment, out);
            }
            Happening::Signal(Signal::Opened(token)) => self.session.opened(moment, token, out),
            Happening::Signal(Signal::Frame(frame, bytes)) => {
                self.received_bytes += bytes as u64;
                self.read(&frame, moment, out);
            }
            Happening::Signal(Signal::SignOfLife) => self.session.heard(moment),
            Happening::Signal(Signal::End(error)) => self.session.lost(moment, &error, out),
            Happening::Renewed(renewed) => {
                self.renewal = None;
                self.session.refreshed(moment, renewed, out);
            }
            Happening::Due => self.session.tick(moment, out),
        }
    }

    /// What is already there shares a frame.
    fn obey_all(&mut self, first: Command, moment: Moment, out: &mut Effects) {
        self.obey(first, moment, out);
        for _ in 1..COMMANDS_PER_TURN {
            let Some(Ok(command)) = self.commands.as_mut().map(mpsc::UnboundedReceiver::try_recv) else { break };
            self.obey(command, moment, out);
        }
    }

    fn obey(&mut self, command: Command, moment: Moment, out: &mut Effects) {
        match command {
            Command::Watch(watch, spec, reader) => {
                self.readers.insert(watch, reader);
                self.session.watch(moment, watch, *spec, out);
            }
            Command::Taken(watch, taken) => self.session.taken(moment, watch, taken, out),
            Command::Update(watch, view) => self.session.update(moment, watch, *view, out),
            Command::Unwatch(watch) => {
                self.readers.remove(&watch);
                self.session.unwatch(moment, watch, out);
            }
            Command::Publish(ticket, publish, reply) => {
                self.replies.insert(ticket, reply);
                self.session.publish(moment, ticket, *publish, out);
            }
            Command::History(ticket, history, reply) => {
                self.replies.insert(ticket, reply);
                self.session.history(moment, ticket, history, out);
            }
            Command::Close(closer) => {
                self.closers.push(closer);
                self.session.close(moment, out);
            }
        }
    }

    fn read(&mut self, frame: &Bytes, moment: Moment, out: &mut Effects) {
        for envelope in envelopes(self.encoding, frame) {
            let envelope = match envelope {
                Ok(envelope) => decode(self.encoding, &envelope),
                Err(error) => Err(error),
            };
            match envelope {
                Ok(incoming) => self.session.received(moment, incoming, out),
                // E4: so old and new speak to each other.
                Err(unread) if unread.error.known_code() == Some(Code::UnknownType) => {}
                Err(unread) => {
                    self.wire.hang_up();
                    return self.session.lost(moment, &Error::with_source(ErrorKind::Protocol, unread), out);
                }
            }
        }
    }

    fn perform(&mut self, effects: &mut Effects) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Dial => self.wire.dial(),
                Effect::HangUp => {
                    self.frame.clear();
                    self.wire.hang_up();
                }
                Effect::Send(id, message) => self.write(id, &message),
                Effect::Ping => self.wire.ping(),
                Effect::FetchToken => self.renewal = Some(self.tokens.renew()),
                Effect::Deliver(watch, delivery) => self.hand_over(watch, Outcome::Delivery(delivery)),
                Effect::EndWatch(watch, error) => {
                    self.hand_over(watch, Outcome::End(error));
                    self.readers.remove(&watch);
                }
                Effect::Answer(ticket, answer) => {
                    if let Some(reply) = self.replies.remove(&ticket) {
                        // Whoever dropped the future does not want to know.
                        let _ = reply.to.send(answer);
                    }
                }
                Effect::Show(state) => self.show(state),
                Effect::Finish => self.is_finished = true,
            }
        }
        self.flush();
        let Self { received_bytes, sent_bytes, .. } = *self;
        let stats = Stats { received_bytes, sent_bytes, ..self.session.stats() };
        *self.board.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    fn hand_over(&self, watch: WatchId, outcome: Outcome) {
        if let Some(reader) = self.readers.get(&watch) {
            // A reader that was dropped has said so, or will.
            let _ = reader.send(outcome);
        }
    }

    fn write(&mut self, id: u64, message: &Message) {
        if self.frame.len() >= FRAME_BYTES {
            self.flush();
        }
        if !self.frame.is_empty() && self.encoding == Encoding::Json {
            self.frame.push(b'\n');
        }
        encode(self.encoding, id, message, &mut self.frame);
    }

    fn flush(&mut self) {
        if !self.frame.is_empty() {
            self.sent_bytes += self.frame.len() as u64;
            self.wire.send(std::mem::take(&mut self.frame));
        }
    }

    fn show(&self, state: ConnectionState) {
        match &state {
            ConnectionState::Connected { connection_id, node_id } => {
                tracing::info!(connection_id, node_id, "connected");
            }
            ConnectionState::Disconnected { error, retry_in } => tracing::warn!(%error, ?retry_in, "disconnected"),
            ConnectionState::Closed { error: Some(error) } => tracing::error!(%error, "closed"),
            ConnectionState::Connecting | ConnectionState::Idle | ConnectionState::Closed { error: None } => {
                tracing::debug!(?state, "connection");
            }
        }
        self.board.state.send_replace(state);
    }

    fn moment(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = i64::try_from(unix.as_millis()).unwrap_or(i64::MAX);
        Moment { now: self.began.elapsed(), unix_ms, chance: fastrand::f64() }
    }
}

async fn next_command(commands: &mut Option<mpsc::UnboundedReceiver<Command>>) -> Option<Command> {
    match commands {
        Some(commands) => commands.recv().await,
        None => pending().await,
    }
}

async fn next_token(renewal: &mut Option<Renewal>) -> Result<String, Error> {
    match renewal {
        Some(renewal) => renewal.await,
        None => pending().await,
    }
}

async fn due(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
