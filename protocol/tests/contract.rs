//! The wire examples of the contract: what is printed there is what is read and written.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_protocol::limits::ENVELOPES_MAX;
use fanfare_protocol::{
    Code, Connected, Encoding, Error, Event, EventBatch, EventBatchRef, EventType, From, Incoming, Message, Published,
    ResourceVersion, Subscribed, Watched, decode, encode, encode_event_batch, envelopes, json,
};

const EPOCH: u64 = 0x6f1c;

fn read(text: &str) -> Incoming {
    decode(Encoding::Json, &Bytes::copy_from_slice(text.as_bytes())).expect("the contract's example reads")
}

fn written(id: u64, message: impl Into<Message>) -> String {
    let mut out = Vec::new();
    encode(Encoding::Json, id, &message.into(), &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn message(text: &str) -> Message {
    read(text).message
}

fn put(offset: u64, data: &'static str, time: i64) -> Event {
    Event {
        r#type: EventType::Put as i32,
        resource_version: Some(ResourceVersion::new(EPOCH, offset)),
        data: Some(Bytes::from_static(data.as_bytes())),
        time: Some(time),
        ..Event::default()
    }
}

/// S1, S2, E10: `CONNECT` and its answer.
#[test]
fn connect_reads_and_connected_is_written_as_in_the_contract() {
    let incoming = read(r#"{"type":"CONNECT","id":1,"payload":{"token":"…","client":"my-app/1.0"}}"#);
    assert_eq!(incoming.id, 1);
    let Message::Connect(connect) = incoming.message else { panic!("not CONNECT") };
    assert_eq!(
        (connect.token.as_deref(), connect.client.as_deref(), connect.features),
        (Some("…"), Some("my-app/1.0"), None)
    );

    let connected = Connected { connection_id: "c".to_owned(), node_id: "1".to_owned(), ..Connected::default() };
    assert_eq!(written(1, connected), r#"{"type":"CONNECTED","id":1,"payload":{"connectionId":"c","nodeId":"1"}}"#);
}

/// W1, E10.
#[test]
fn subscribe_reads_and_subscribed_is_written_as_in_the_contract() {
    let Message::Subscribe(subscribe) =
        message(r#"{"type":"SUBSCRIBE","id":2,"payload":{"topic":"chat:lobby","from":"snapshot"}}"#)
    else {
        panic!("not SUBSCRIBE")
    };
    let watch = subscribe.watch.expect("one view stands flat");
    assert_eq!((watch.topic.as_str(), watch.from()), ("chat:lobby", From::Snapshot));
    assert!(subscribe.views.is_empty());

    let watched = Watched {
        view: 5,
        topic: "chat:lobby".to_owned(),
        resource_version: Some(ResourceVersion::new(EPOCH, 1041)),
        ..Watched::default()
    };
    assert_eq!(
        written(2, Subscribed { watched: Some(watched), views: vec![] }),
        r#"{"type":"SUBSCRIBED","id":2,"payload":{"view":5,"topic":"chat:lobby","resourceVersion":"6f1c.1041","resumed":false}}"#
    );
}

/// E11, W9, W22: said where it is so, behind what every event has.
#[test]
fn remarks_on_an_answer_stand_in_the_event_that_marks_its_end() {
    let version = Some(ResourceVersion::new(EPOCH, 1041));
    let end = Event { r#type: EventType::SnapshotEnd as i32, resource_version: version, ..Event::default() };
    for (limited, stale, remarks) in [
        (false, false, ""),
        (true, false, r#","limited":true"#),
        (false, true, r#","stale":true"#),
        (true, true, r#","limited":true,"stale":true"#),
    ] {
        let mut out = Vec::new();
        json::write_remarked_event(&end, json::Remarks { limited, stale }, &mut out);
        let expected = format!(r#"{{"type":"snapshot-end","resourceVersion":"6f1c.1041"{remarks}}}"#);
        assert_eq!(String::from_utf8(out).expect("JSON is UTF-8"), expected);
        // E5: whoever knows nothing of them reads the event.
        assert_eq!(serde_json::from_str::<Event>(&expected).expect("an event"), end);
    }
}

/// E11, W7: the first batch of a view, by both ways of writing it.
#[test]
fn an_event_batch_is_written_as_in_the_contract() {
    let end = Event {
        r#type: EventType::SnapshotEnd as i32,
        resource_version: Some(ResourceVersion::new(EPOCH, 1041)),
        ..Event::default()
    };
    let events = vec![put(1041, r#"{"text":"hi"}"#, 1_763_715_600_000), end];
    let expected = concat!(
        r#"{"type":"EVENT","payload":{"view":5,"after":"6f1c.1040","through":"6f1c.1041","events":["#,
        r#"{"type":"put","resourceVersion":"6f1c.1041","data":{"text":"hi"},"time":1763715600000},"#,
        r#"{"type":"snapshot-end","resourceVersion":"6f1c.1041"}]}}"#
    );
    let (after, through) = (ResourceVersion::new(EPOCH, 1040), ResourceVersion::new(EPOCH, 1041));
    let batch =
        EventBatch { view: 5, after: Some(after), through: Some(through), limited: false, events: events.clone() };
    assert_eq!(written(0, batch.clone()), expected);

    let shared: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
    for encoding in Encoding::ALL {
        let mut by_reference = Vec::new();
        let batch_ref = EventBatchRef { view: 5, after, through, limited: false, events: &shared };
        encode_event_batch(encoding, batch_ref, &mut by_reference);
        let mut by_value = Vec::new();
        encode(encoding, 0, &Message::Event(batch.clone()), &mut by_value);
        assert_eq!(by_reference, by_value, "{encoding:?}");
    }
}

/// P1, E10.
#[test]
fn publish_reads_and_published_is_written_as_in_the_contract() {
    let text =
        r#"{"type":"PUBLISH","id":3,"payload":{"topic":"chat:lobby","data":{"text":"yo"},"idempotencyKey":"k-1"}}"#;
    let Message::Publish(publish) = message(text) else { panic!("not PUBLISH") };
    let publication = publish.publication.as_ref().expect("one publication stands flat");
    assert_eq!(publication.data.as_deref(), Some(br#"{"text":"yo"}"#.as_slice()));
    assert_eq!(publish.idempotency_key.as_deref(), Some("k-1"));
    assert_eq!(written(3, publish), text);

    let published = Published { resource_version: Some(ResourceVersion::new(EPOCH, 1042)), resource_versions: vec![] };
    assert_eq!(written(3, published), r#"{"type":"PUBLISHED","id":3,"payload":{"resourceVersion":"6f1c.1042"}}"#);
}

/// X1.
#[test]
fn gone_is_written_as_in_the_contract() {
    let error = Error::of(Code::Gone).with_message("…").with_oldest(ResourceVersion::new(0x77aa, 900));
    assert_eq!(
        written(4, error),
        r#"{"type":"ERROR","id":4,"payload":{"code":3301,"name":"GONE","message":"…","class":"resync","oldest":"77aa.900"}}"#
    );
}

/// L5: what many small envelopes can be answered with is bounded.
#[test]
fn a_message_of_too_many_envelopes_ends_with_one_error() {
    for (encoding, unit) in [(Encoding::Protobuf, b"\x02\x08\x05".as_slice()), (Encoding::Json, b"{\n")] {
        let message = Bytes::from(unit.repeat(2 * ENVELOPES_MAX));
        let found: Vec<_> = envelopes(encoding, &message).collect();
        assert_eq!(found.len(), ENVELOPES_MAX + 1, "{encoding:?}");
        assert!(found[..ENVELOPES_MAX].iter().all(Result::is_ok));
        let error = found[ENVELOPES_MAX].as_ref().expect_err("one too many");
        assert_eq!((error.id, error.error.known_code()), (0, Some(Code::Malformed)));
    }
}
