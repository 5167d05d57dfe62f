//! Which connections are alive: decided for all of a worker in one sweep a second, without a timer each.

use fanfare_protocol::{Code, Error};

use super::settings::Delivery;
use crate::limit::Limits;

/// The settings of the sweep, in whole seconds (rounded up).
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Silence after which the peer is asked for a sign of life.
    pub heartbeat_s: u32,
    /// How long it may take to answer.
    pub pong_s: u32,
    /// How long a peer may take no bytes while some wait.
    pub write_s: u32,
    /// How long a connection may live before its first message.
    pub first_frame_s: u32,
    /// How long it may live without a request and without a subscription.
    pub idle_s: u32,
}

/// What is known of a connection; seconds of the hub's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs {
    /// When it was opened.
    pub opened_s: u32,
    /// When any byte last came from it.
    pub heard_s: u32,
    /// When it last asked for something.
    pub requested_s: Option<u32>,
    /// When it last took bytes.
    pub written_s: u32,
    /// It was asked for a sign of life and gave none since.
    pub pinged: bool,
    /// Bytes wait because it takes none.
    pub is_blocked: bool,
    /// It holds a subscription.
    pub is_subscribed: bool,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// Ask for a sign of life.
    Ping,
    /// End it, for this reason.
    Close(Code),
}

/// Judges one connection.
#[must_use]
pub fn judge(signs: Signs, patience: Patience, now_s: u32) -> Verdict {
    // Both are whole seconds, cut off: a difference of n may be little more than n - 1. Nobody is cut off early.
    let since = |then: u32| now_s.saturating_sub(then);
    if signs.pinged && since(signs.heard_s) > patience.heartbeat_s + patience.pong_s {
        return Verdict::Close(Code::PongTimeout);
    }
    if signs.is_blocked && since(signs.written_s) > patience.write_s {
        return Verdict::Close(Code::WriteTimeout);
    }
    match signs.requested_s {
        None if since(signs.opened_s) > patience.first_frame_s && !signs.is_subscribed => {
            return Verdict::Close(Code::HandshakeTimeout);
        }
        Some(requested_s) if !signs.is_subscribed && since(requested_s) > patience.idle_s => {
            return Verdict::Close(Code::Idle);
        }
        _ => {}
    }
    if !signs.pinged && since(signs.heard_s) > patience.heartbeat_s { Verdict::Ping } else { Verdict::Fine }
}

/// What a connection that is ended for this reason is told: which bound it has passed.
#[must_use]
pub fn ending(code: Code, delivery: &Delivery, limits: &Limits) -> Error {
    let message = match code {
        Code::PongTimeout => {
            format!("no sign of life within {} ms of a ping (`delivery.pong_timeout_ms`)", delivery.pong_timeout_ms)
        }
        Code::WriteTimeout => {
            format!("the connection took no bytes for {} ms (`delivery.write_timeout_ms`)", delivery.write_timeout_ms)
        }
        Code::HandshakeTimeout => {
            let ms = limits.first_frame_timeout_ms;
            format!("nothing was said within {ms} ms of the handshake (`limits.first_frame_timeout_ms`)")
        }
        Code::Idle => {
            format!("no subscription and no request for {} ms (`limits.idle_timeout_ms`)", limits.idle_timeout_ms)
        }
        other => return Error::of(other),
    };
    Error::of(code).with_message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { heartbeat_s: 25, pong_s: 10, write_s: 30, first_frame_s: 10, idle_s: 300 };

    fn watching() -> Signs {
        Signs {
            opened_s: 100,
            heard_s: 100,
            written_s: 100,
            requested_s: Some(100),
            is_subscribed: true,
            ..Signs::default()
        }
    }

    #[test]
    fn a_silent_peer_is_pinged_and_then_closed() {
        assert_eq!(judge(watching(), PATIENCE, 125), Verdict::Fine);
        assert_eq!(judge(watching(), PATIENCE, 126), Verdict::Ping);
        let pinged = Signs { pinged: true, ..watching() };
        assert_eq!(judge(pinged, PATIENCE, 135), Verdict::Fine);
        assert_eq!(judge(pinged, PATIENCE, 136), Verdict::Close(Code::PongTimeout));
    }

    #[test]
    fn a_blocked_peer_is_closed_when_it_takes_nothing_for_too_long() {
        let blocked = Signs { is_blocked: true, heard_s: 126, ..watching() };
        assert_eq!(judge(blocked, PATIENCE, 130), Verdict::Fine);
        assert_eq!(judge(blocked, PATIENCE, 131), Verdict::Close(Code::WriteTimeout));
    }

    #[test]
    fn a_connection_that_says_nothing_at_first_is_closed() {
        let mute = Signs { requested_s: None, is_subscribed: false, ..watching() };
        assert_eq!(judge(mute, PATIENCE, 111), Verdict::Close(Code::HandshakeTimeout));
        assert_eq!(judge(Signs { is_subscribed: true, ..mute }, PATIENCE, 111), Verdict::Fine);
    }

    #[test]
    fn a_connection_without_subscriptions_may_idle_only_so_long() {
        let idle = Signs { is_subscribed: false, heard_s: 400, ..watching() };
        assert_eq!(judge(idle, PATIENCE, 400), Verdict::Fine);
        assert_eq!(judge(idle, PATIENCE, 401), Verdict::Close(Code::Idle));
    }

    #[test]
    fn who_is_closed_is_told_the_bound_and_its_setting() {
        let (delivery, limits) = (Delivery::default(), Limits::default());
        for (code, ms, setting) in [
            (Code::PongTimeout, delivery.pong_timeout_ms, "delivery.pong_timeout_ms"),
            (Code::WriteTimeout, delivery.write_timeout_ms, "delivery.write_timeout_ms"),
            (Code::HandshakeTimeout, limits.first_frame_timeout_ms, "limits.first_frame_timeout_ms"),
            (Code::Idle, limits.idle_timeout_ms, "limits.idle_timeout_ms"),
        ] {
            let Error { message, code: number, .. } = ending(code, &delivery, &limits);
            assert_eq!(number, u32::from(code.number()));
            assert!(
                message.contains(&format!(" {ms} ms")) && message.ends_with(&format!("(`{setting}`)")),
                "{message}"
            );
        }
    }
}
