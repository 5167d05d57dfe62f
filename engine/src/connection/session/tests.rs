use super::*;
use fanfare_protocol::{Encoding, EventBatch, Ping, PresenceGet, decode};

fn welcome() -> Welcome {
    Welcome { connection_id: "c".to_owned(), node_id: "1".to_owned(), can_compress: true, limits: Limits::default() }
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
        let Ok(Effect::Answer(1, answer)) = session.receive(incoming, 0, welcome, &limits()) else { panic!("refused") };
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
fn who_is_refused_by_a_bound_is_told_its_value_and_its_setting() {
    let mut session = Session::default();
    let mut refused = |id, message| {
        let incoming = Incoming { id, traceparent: None, message };
        session.receive(incoming, 2, welcome, &limits()).map_err(|error| error.message)
    };
    let message = refused(1, watches(1)).unwrap_err();
    assert!(message.contains("at most 2 ") && message.contains("`limits.subscriptions_max`"), "{message}");
    assert!([1, 2].map(|id| refused(id, Message::Publish(Publish::default())).is_ok()) == [true, true]);
    let message = refused(3, Message::Publish(Publish::default())).unwrap_err();
    assert!(message.starts_with("2 requests ") && message.contains("`limits.requests_in_flight_max`"), "{message}");
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
