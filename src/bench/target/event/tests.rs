use std::sync::Arc;

use bytes::Bytes;
use fanfare_protocol::{
    Encoding, Event, EventBatchRef, Message, Ping, Published, ResourceVersion, encode, encode_event_batch,
};
use proptest::prelude::*;

use super::*;

fn version(offset: u64) -> ResourceVersion {
    ResourceVersion { epoch: 7, offset }
}

fn put(data: &[u8]) -> Event {
    Event {
        r#type: EventType::Put.into(),
        resource_version: Some(version(3)),
        data: Some(Bytes::copy_from_slice(data)),
        time: Some(1_700_000_000_000),
        attributes: [("a".to_owned(), "b".to_owned())].into(),
        ..Event::default()
    }
}

/// All that a message holds.
fn read(mut message: &[u8]) -> Result<Vec<String>> {
    let mut read = Vec::new();
    while !message.is_empty() {
        match envelope(&mut message)? {
            Envelope::Event(payload) => events(payload, |item| match item {
                Item::Put(data) => read.push(String::from_utf8_lossy(data).into_owned()),
                Item::Broken => read.push("broken".to_owned()),
            })?,
            Envelope::Published(id) => read.push(format!("published {id}")),
            Envelope::Other(_) => read.push("other".to_owned()),
        }
    }
    Ok(read)
}

/// A message as a node writes it, with everything beside the events that may stand there.
fn message() -> Vec<u8> {
    let gone = Event { r#type: EventType::Gone.into(), ..Event::default() };
    let bookmark = Event { r#type: EventType::Bookmark.into(), ..Event::default() };
    let events: Vec<_> = [put(b"\"one\""), bookmark, put("x".repeat(300).as_bytes()), gone].map(Arc::new).into();
    let batch = EventBatchRef { view: 200, after: version(1), through: version(900), limited: true, events: &events };
    let mut message = Vec::new();
    encode_event_batch(Encoding::Protobuf, batch, &mut message);
    encode(Encoding::Protobuf, 5_000, &Message::Published(Published::default()), &mut message);
    encode(Encoding::Protobuf, 1, &Message::Ping(Ping {}), &mut message);
    message
}

#[test]
fn the_data_of_each_put_is_found_and_holes_are_told() {
    let expected =
        vec!["\"one\"".to_owned(), "x".repeat(300), "broken".into(), "published 5000".into(), "other".into()];
    assert_eq!(read(&message()).expect("a node's message can be read"), expected);
}

#[test]
fn what_is_cut_off_is_an_error() {
    let message = message();
    // Cut between two envelopes it is whole: that is where the last two begin.
    let cut = (1..message.len()).filter(|end| read(&message[..*end]).is_ok()).count();
    assert_eq!(cut, 2);
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}
