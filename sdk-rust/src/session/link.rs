//! When there is a connection and when the next one is opened: attempts and waits, the greeting, silence, the slot of a
//! draining node, the end of a token. Knows nothing of what else is said. Keeps rules S1, S2, S3, S8 to S11.

use std::time::Duration;

use fanfare_protocol::{Class, Code, Connect, Connected, Features, Limits};

use super::backoff::Backoff;
use super::connection_state::ConnectionState;
use super::effect::Effect;
use super::settings::Settings;
use super::step::Step;
use crate::error::{Error, ErrorKind};

/// Silence after which a sign of life is provoked. A node pings after 25 s of silence, so that this is rarely needed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long the sign of life may take then.
const PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that lasted so long ends a row of failures. One that is accepted and dropped at once does not.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// A token is replaced when this share of its life is left.
const REFRESH_SHARE: u32 = 10;

/// What this client inflates (E17).
const COMPRESSION: &str = "zstd";

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    phase: Phase,
    backoff: Backoff,
    connect_timeout: Duration,
    client_name: Option<String>,
    is_compressed: bool,
    can_refresh: bool,
    /// In a row.
    failures: u32,
    /// What the node said about the connection as a whole; the reason, should it close next.
    noted: Option<fanfare_protocol::Error>,
    /// When a draining node wants to see us again, there or elsewhere.
    slot: Option<Duration>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is wanted.
    Idle,
    Waiting {
        until: Duration,
    },
    /// The shell gets a token and opens a socket.
    Dialling {
        until: Duration,
    },
    /// CONNECT was said.
    Greeting {
        until: Duration,
    },
    Online(Online),
    Ended,
}

#[derive(Debug)]
struct Online {
    since: Duration,
    heard_at: Duration,
    /// A sign of life was provoked.
    is_probed: bool,
    limits: Limits,
    token: Token,
}

#[derive(Debug, PartialEq)]
enum Token {
    /// Nothing is known about its end.
    Lasting,
    /// It should be replaced then.
    Until(Duration),
    /// A new one is being fetched or told to the node.
    Renewing,
}

/// What a lost connection means.
#[derive(Debug, PartialEq)]
pub(super) enum Loss {
    /// There will be another one.
    Passing,
    /// There will not.
    Final(Error),
}

impl Link {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            phase: Phase::Idle,
            backoff: settings.backoff,
            connect_timeout: settings.connect_timeout,
            client_name: settings.client_name.clone(),
            is_compressed: settings.is_compressed,
            can_refresh: settings.can_refresh,
            failures: 0,
            noted: None,
            slot: None,
        }
    }

    /// Something is to be done that needs a connection.
    pub(super) fn want(&mut self, step: &mut Step<'_>) {
        if matches!(self.phase, Phase::Idle) {
            self.dial(step);
        }
    }

    /// The limits of the node, while new requests may be said: not after GOAWAY.
    pub(super) fn limits(&self) -> Option<&Limits> {
        match &self.phase {
            Phase::Online(online) if self.slot.is_none() => Some(&online.limits),
            _ => None,
        }
    }

    /// Whether an attempt or a connection is there to be lost.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Dialling { .. } | Phase::Greeting { .. } | Phase::Online(_))
    }

    /// The shell opened a socket. The CONNECT to say.
    pub(super) fn opened(&mut self, token: Option<String>, step: &mut Step<'_>) -> Option<Connect> {
        let Phase::Dialling { until } = self.phase else { return None };
        step.stats.connections_count += 1;
        self.phase = Phase::Greeting { until };
        let compression = if self.is_compressed { vec![COMPRESSION.to_owned()] } else { Vec::new() };
        // Without `features` the node would not tell its limits (S2).
        let features = Some(Features { compression, ..Features::default() });
        Some(Connect { token, client: self.client_name.clone(), features })
    }

    /// CONNECTED came.
    pub(super) fn greeted(&mut self, connected: &Connected, step: &mut Step<'_>) {
        let now = step.now();
        (self.noted, self.slot) = (None, None);
        let mut online = Online {
            since: now,
            heard_at: now,
            is_probed: false,
            limits: connected.limits.unwrap_or_default(),
            token: Token::Lasting,
        };
        online.token = self.lasting(connected.expires_at, step);
        self.phase = Phase::Online(online);
        let (connection_id, node_id) = (connected.connection_id.clone(), connected.node_id.clone());
        step.push(Effect::Show(ConnectionState::Connected { connection_id, node_id }));
    }

    /// Anything came from the node.
    pub(super) fn heard(&mut self, now: Duration) {
        if let Phase::Online(online) = &mut self.phase {
            (online.heard_at, online.is_probed) = (now, false);
        }
    }

    /// An ERROR with id 0.
    pub(super) fn noted(&mut self, error: fanfare_protocol::Error) {
        self.noted = Some(error);
    }

    /// GOAWAY: this client leaves at a moment of its own, so that not all arrive together.
    pub(super) fn goaway(&mut self, within: Duration, step: &Step<'_>) {
        self.slot = Some(step.now() + within.mul_f64(step.moment.chance));
    }

    /// The connection, or the attempt at one, is over.
    pub(super) fn lost(&mut self, error: &Error, step: &mut Step<'_>) -> Loss {
        let now = step.now();
        let noted = self.noted.take().filter(|noted| error.wire().is_some_and(|wire| wire.code == noted.code));
        let error = noted.map_or_else(|| error.clone(), Error::from);
        if let Phase::Online(online) = &self.phase
            && now - online.since >= STABLE_AFTER
        {
            self.failures = 0;
        }
        match (error.code(), error.class()) {
            (Some(Code::Idle), _) => {
                self.phase = Phase::Idle;
                step.push(Effect::Show(ConnectionState::Idle));
                return Loss::Passing;
            }
            // A slow link may have a better moment.
            (Some(Code::HandshakeTimeout), _) => {}
            (_, Class::Refresh) if !self.can_refresh => return Loss::Final(error),
            (Some(_), Class::Terminal) => return Loss::Final(error),
            (None, Class::Terminal) if error.wire().is_some() => return Loss::Final(error),
            _ => {}
        }
        let jitter = self.backoff.delay(self.failures, step.moment.chance);
        self.failures = self.failures.saturating_add(1);
        let until = now + error.retry_after().unwrap_or_default() + jitter;
        let slot = self.slot.take().filter(|slot| *slot > now);
        self.wait(slot.unwrap_or(until), error, step);
        Loss::Passing
    }

    /// A request was refused until the token is replaced.
    pub(super) fn renew(&mut self, step: &mut Step<'_>) {
        if let Phase::Online(online) = &mut self.phase
            && online.token != Token::Renewing
            && self.can_refresh
        {
            online.token = Token::Renewing;
            step.push(Effect::FetchToken);
        }
    }

    /// The node took the new token.
    pub(super) fn refreshed(&mut self, expires_at: Option<i64>, step: &Step<'_>) {
        let token = self.lasting(expires_at, step);
        if let Phase::Online(online) = &mut self.phase {
            online.token = token;
        }
    }

    /// No new token could be had; there is still time until the old one ends.
    pub(super) fn renewal_failed(&mut self, step: &Step<'_>) {
        let retry_at = step.now() + self.backoff.max.mul_f64(step.moment.chance);
        if let Phase::Online(online) = &mut self.phase {
            online.token = Token::Until(retry_at);
        }
    }

    /// The client is over.
    pub(super) fn end(&mut self, error: Option<Error>, step: &mut Step<'_>) {
        if self.is_open() {
            step.push(Effect::HangUp);
        }
        self.phase = Phase::Ended;
        step.push(Effect::Show(ConnectionState::Closed { error }));
        step.push(Effect::Finish);
    }

    /// Does what is due. `Some`: the connection has to be given up, for this reason.
    pub(super) fn tick(&mut self, step: &mut Step<'_>) -> Option<Error> {
        let now = step.now();
        match &mut self.phase {
            Phase::Waiting { until } if *until <= now => self.dial(step),
            Phase::Dialling { until } | Phase::Greeting { until } if *until <= now => {
                return Some(Error::with_context(ErrorKind::Timeout, "connecting took too long"));
            }
            Phase::Online(online) => {
                if self.slot.is_some_and(|slot| slot <= now) {
                    return Some(Code::GoingAway.into());
                }
                let silence = now - online.heard_at;
                if silence >= SILENCE_MAX + PONG_TIMEOUT {
                    return Some(Error::with_context(ErrorKind::Unreachable, "the node fell silent"));
                }
                if silence >= SILENCE_MAX && !online.is_probed {
                    online.is_probed = true;
                    step.push(Effect::Ping);
                }
                if matches!(online.token, Token::Until(at) if at <= now) {
                    self.renew(step);
                }
            }
            _ => {}
        }
        None
    }

    /// When [`Self::tick`] has something to do, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Idle | Phase::Ended => None,
            Phase::Waiting { until } | Phase::Dialling { until } | Phase::Greeting { until } => Some(*until),
            Phase::Online(online) => {
                let silence = if online.is_probed { SILENCE_MAX + PONG_TIMEOUT } else { SILENCE_MAX };
                let mut deadline = online.heard_at + silence;
                if let Token::Until(at) = online.token {
                    deadline = deadline.min(at);
                }
                Some(self.slot.map_or(deadline, |slot| slot.min(deadline)))
            }
        }
    }

    fn dial(&mut self, step: &mut Step<'_>) {
        self.phase = Phase::Dialling { until: step.now() + self.connect_timeout };
        step.push(Effect::Show(ConnectionState::Connecting));
        step.push(Effect::Dial);
    }

    fn wait(&mut self, until: Duration, error: Error, step: &mut Step<'_>) {
        let retry_in = until.saturating_sub(step.now());
        step.push(Effect::Show(ConnectionState::Disconnected { error, retry_in }));
        self.phase = Phase::Waiting { until };
    }

    fn lasting(&self, expires_at: Option<i64>, step: &Step<'_>) -> Token {
        let Some(expires_at) = expires_at.filter(|_| self.can_refresh) else { return Token::Lasting };
        let left_ms = u64::try_from(expires_at - step.moment.unix_ms).unwrap_or_default();
        let left = Duration::from_millis(left_ms);
        Token::Until(step.now() + left - left / REFRESH_SHARE)
    }
}

#[cfg(test)]
mod tests;
