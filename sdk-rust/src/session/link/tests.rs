use fanfare_protocol::Error as WireError;

use super::super::stats::Stats;
use super::super::step::Moment;
use super::*;

struct Bench {
    link: Link,
    stats: Stats,
    out: Vec<Effect>,
}

impl Bench {
    fn new(can_refresh: bool) -> Self {
        let backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) };
        let settings = Settings { backoff, can_refresh, ..Settings::new("p".to_owned()) };
        Self { link: Link::new(&settings), stats: Stats::default(), out: Vec::new() }
    }

    /// A bench with a connection that was opened at 0 ms.
    fn online(can_refresh: bool, connected: &Connected) -> Self {
        let mut bench = Self::new(can_refresh);
        bench.at(0, Link::want);
        assert_eq!(bench.take(), [Effect::Show(ConnectionState::Connecting), Effect::Dial]);
        let connect = bench.at(0, |link, step| link.opened(Some("t".to_owned()), step)).expect("CONNECT");
        assert_eq!((connect.token.as_deref(), connect.features), (Some("t"), Some(Features::default())));
        bench.at(0, |link, step| link.greeted(connected, step));
        assert!(matches!(bench.take()[..], [Effect::Show(ConnectionState::Connected { .. })]));
        bench
    }

    fn at<T>(&mut self, ms: u64, verb: impl FnOnce(&mut Link, &mut Step<'_>) -> T) -> T {
        let mut step = Step { moment: Moment::at_ms(ms), stats: &mut self.stats, out: &mut self.out };
        verb(&mut self.link, &mut step)
    }

    fn lose(&mut self, ms: u64, error: &Error) -> Loss {
        self.at(ms, |link, step| link.lost(error, step))
    }

    fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    fn deadline_ms(&self) -> Option<u128> {
        self.link.deadline().map(|at| at.as_millis())
    }
}

fn cut() -> Error {
    Error::new(ErrorKind::Unreachable)
}

#[test]
fn each_failure_in_a_row_doubles_the_wait_and_a_stable_connection_ends_the_row() {
    let mut bench = Bench::online(false, &Connected::default());
    for expected in [1_050, 1_100, 1_200, 1_400, 1_500, 1_500] {
        assert_eq!(bench.lose(1_000, &cut()), Loss::Passing);
        assert_eq!(bench.deadline_ms(), Some(expected));
        assert_eq!(bench.at(expected as u64, Link::tick), None);
    }
    bench.at(2_000, |link, step| link.opened(None, step)).expect("CONNECT");
    bench.at(2_000, |link, step| link.greeted(&Connected::default(), step));
    assert_eq!(bench.lose(7_000, &cut()), Loss::Passing);
    assert_eq!(bench.deadline_ms(), Some(7_050));
}

#[test]
fn an_attempt_has_its_time_and_no_more() {
    let mut bench = Bench::new(false);
    bench.at(0, Link::want);
    assert_eq!(bench.deadline_ms(), Some(10_000));
    assert_eq!(bench.at(9_999, Link::tick), None);
    let error = bench.at(10_000, Link::tick).expect("it is given up");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

/// S8, from the client's side.
#[test]
fn a_silent_node_is_asked_for_a_sign_of_life_and_then_given_up() {
    let mut bench = Bench::online(false, &Connected::default());
    assert_eq!(bench.at(30_000, Link::tick), None);
    assert_eq!(bench.take(), [Effect::Ping]);
    bench.link.heard(Duration::from_millis(31_000));
    assert_eq!(bench.deadline_ms(), Some(61_000));
    assert_eq!(bench.at(61_000, Link::tick), None);
    assert_eq!(bench.take(), [Effect::Ping]);
    assert_eq!(bench.deadline_ms(), Some(71_000));
    let error = bench.at(71_000, Link::tick).expect("it is given up");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}

/// S9.
#[test]
fn a_client_leaves_a_draining_node_at_a_moment_of_its_own() {
    let mut bench = Bench::online(false, &Connected::default());
    bench.at(10_000, |link, step| link.goaway(Duration::from_secs(4), step));
    assert!(bench.link.limits().is_none(), "nothing new is asked");
    assert_eq!(bench.deadline_ms(), Some(12_000));
    let error = bench.at(12_000, Link::tick).expect("it leaves");
    assert_eq!(bench.lose(12_000, &error), Loss::Passing);
    assert_eq!(bench.deadline_ms(), Some(12_050));
}

/// S9: a node that closes earlier must not be met by all its clients at once.
#[test]
fn a_client_that_was_cut_off_keeps_to_its_slot() {
    let mut bench = Bench::online(false, &Connected::default());
    bench.at(10_000, |link, step| link.goaway(Duration::from_secs(4), step));
    assert_eq!(bench.lose(10_100, &Code::GoingAway.into()), Loss::Passing);
    assert_eq!(bench.deadline_ms(), Some(12_000));
}

/// S10, X3.
#[test]
fn what_a_closing_node_says_decides_what_comes_next() {
    let wait = WireError::of(Code::TooManyConnections).with_retry_after_ms(5_000);
    for (error, can_refresh, expected) in [
        (Error::from(Code::PongTimeout), false, Some(1_050)),
        (wait.into(), false, Some(6_050)),
        (Code::HandshakeTimeout.into(), false, Some(1_050)),
        (Code::TokenExpired.into(), true, Some(1_050)),
        (Code::TokenExpired.into(), false, None),
        (Code::Forbidden.into(), true, None),
        (Error::coded(3_999, ""), true, None),
        (Error::coded(3_099, ""), true, Some(1_050)),
        (Error::new(ErrorKind::Token), true, Some(1_050)),
    ] {
        let mut bench = Bench::online(can_refresh, &Connected::default());
        match (bench.lose(1_000, &error), expected) {
            (Loss::Passing, Some(expected)) => assert_eq!(bench.deadline_ms(), Some(expected), "{error}"),
            (Loss::Final(reason), None) => assert_eq!(reason, error),
            (loss, _) => panic!("{error}: {loss:?}"),
        }
    }
}

/// S10: the ERROR before the close says it in full.
#[test]
fn the_reason_of_a_close_is_what_was_said_before_it() {
    let mut bench = Bench::online(false, &Connected::default());
    bench.link.noted(WireError::of(Code::Overloaded).with_retry_after_ms(700));
    assert_eq!(bench.lose(1_000, &Error::coded(3_400, "")), Loss::Passing);
    assert_eq!(bench.deadline_ms(), Some(1_750));
    let mut bench = Bench::online(false, &Connected::default());
    bench.link.noted(WireError::of(Code::Malformed));
    assert_eq!(bench.lose(1_000, &cut()), Loss::Passing, "a break is no answer to what was said long before");
}

/// S3.
#[test]
fn a_token_is_replaced_before_it_expires() {
    let moment = Moment::at_ms(0);
    let connected = Connected { expires_at: Some(moment.unix_ms + 100_000), ..Default::default() };
    let mut bench = Bench::online(true, &connected);
    bench.link.heard(Duration::from_millis(89_000));
    assert_eq!(bench.deadline_ms(), Some(90_000));
    assert_eq!(bench.at(90_000, Link::tick), None);
    assert_eq!(bench.take(), [Effect::FetchToken]);
    bench.at(90_100, Link::renew);
    assert_eq!(bench.take(), [], "one at a time");
    bench.at(90_200, |link, step| link.renewal_failed(step));
    assert_eq!(bench.deadline_ms(), Some(90_700));
    let later = Some(moment.unix_ms + 200_200);
    bench.at(90_200, |link, step| link.refreshed(later, step));
    bench.link.heard(Duration::from_millis(180_000));
    assert_eq!(bench.deadline_ms(), Some(189_200));
}

/// S11.
#[test]
fn a_connection_that_was_closed_for_idleness_is_opened_again_when_it_is_wanted() {
    let mut bench = Bench::online(false, &Connected::default());
    assert_eq!(bench.lose(1_000, &Code::Idle.into()), Loss::Passing);
    assert_eq!((bench.take(), bench.deadline_ms()), (vec![Effect::Show(ConnectionState::Idle)], None));
    bench.at(2_000, Link::want);
    assert_eq!(bench.take(), [Effect::Show(ConnectionState::Connecting), Effect::Dial]);
}
