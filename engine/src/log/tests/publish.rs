//! Publishing to a `stream`: versions, batches, `ifVersion`, bounds, the lives of a topic.

use std::collections::BTreeMap;

use super::*;
use crate::log::rows::Usage;

#[test]
fn offsets_grow_by_one_per_publication_from_1() {
    let mut lab = Lab::new([]);
    assert_eq!(lab.state.head("chat:lobby"), ResourceVersion::NONE);
    let first = lab.publish(to("chat:lobby", [data("1")])).unwrap();
    assert_eq!((first.first(), first.versions().last(), first.repeated), (at(1), Some(at(1)), false));
    assert_eq!(lab.put(to("chat:lobby", [data("2")])), 2);
    assert_eq!(lab.state.head("chat:lobby"), at(2));
}

#[test]
fn an_event_carries_all_that_was_published() {
    let mut lab = Lab::new([]);
    let publication = Publication {
        content_type: 1,
        attributes: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        origin_time: Some(5),
        traceparent: Some("00-1-2-03".to_owned()),
        ttl_ms: Some(9),
        if_version: Some(ResourceVersion::NONE),
        ..data("x")
    };
    let publish = Publish {
        publisher: Some("ada".to_owned()),
        connection_id: Some("c-1".to_owned()),
        principal: "ada".to_owned(),
        ..to("chat", [publication])
    };
    lab.put(publish);
    let expected = Event {
        r#type: EventType::Put.into(),
        topic: None,
        resource_version: Some(at(1)),
        key: None,
        data: Some(Bytes::from_static(b"x")),
        content_type: 1,
        attributes: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        publisher: Some("ada".to_owned()),
        connection_id: Some("c-1".to_owned()),
        time: Some(WALL_MS),
        origin_time: Some(5),
        traceparent: Some("00-1-2-03".to_owned()),
        error: None,
    };
    assert_eq!(*lab.state.snapshot("chat", 1).items[0], expected);
}

#[test]
fn a_batch_gets_contiguous_versions_and_is_told_once() {
    let mut lab = Lab::new([]);
    lab.put(to("a", [data("1")]));
    let batch = lab.publish(to("a", [data("2"), data("3"), data("4")])).unwrap();
    assert_eq!((batch.first(), batch.versions().last(), batch.count), (at(2), Some(at(4)), 3));
    let [committed] = &*lab.committed else { panic!("one for the topic") };
    assert_eq!((committed.after, committed.through, committed.created), (at(1), at(4), false));
    assert_eq!(shown(&committed.events), ["2 =2", "3 =3", "4 =4"]);
}

#[test]
fn commands_of_one_entry_are_told_as_one_per_topic() {
    let mut lab = Lab::new([]);
    let commands = [("a", "1"), ("b", "2"), ("a", "3")];
    let commands = commands.map(|(topic, text)| Publish { new_epoch: EPOCH, ..to(topic, [data(text)]) }.into_command());
    lab.apply(commands.into());
    let told: Vec<_> =
        lab.committed.iter().map(|c| (c.topic.as_str(), c.created, c.after, c.through, shown(&c.events))).collect();
    assert_eq!(
        told,
        [
            ("a", true, at(0), at(2), vec!["1 =1".to_owned(), "2 =3".to_owned()]),
            ("b", true, at(0), at(1), vec!["1 =2".to_owned()]),
        ]
    );
}

#[test]
fn a_batch_is_all_or_nothing() {
    let mut lab = Lab::new([small("default", Kind::Stream)]);
    lab.put(to("a", [data("1")]));
    let too_large = data(&"x".repeat(65));
    let refused = lab.publish(to("a", [data("2"), too_large.clone()]));
    assert_eq!(refused, Err(Refusal::PublicationTooLarge { bytes: 65, bytes_max: 64 }));
    assert_eq!(lab.state.head("a"), at(1));
    assert!(lab.committed.is_empty());
    assert_eq!(
        lab.publish(to("new", [too_large])).map(drop),
        Err(Refusal::PublicationTooLarge { bytes: 65, bytes_max: 64 })
    );
    assert_eq!(lab.state.head("new"), ResourceVersion::NONE, "a refused publish creates nothing");
}

#[test]
fn what_does_not_fit_a_stream_is_refused() {
    let mut lab = Lab::new([Policy::new("doc", Kind::Document)]);
    let refuse = |lab: &mut Lab, publish| lab.publish(publish).expect_err("refused");
    lab.put(to("a", [data("1")]));
    assert_eq!(refuse(&mut lab, to("a", [keyed("k", "1")])), Refusal::WrongKind(KindFault::KeyNotTaken));
    assert_eq!(refuse(&mut lab, to("a", [deletion("k")])), Refusal::WrongKind(KindFault::DeleteNotTaken));
    assert_eq!(refuse(&mut lab, to("a", [Publication::default()])), Refusal::BadParameter(Parameter::Data));
    assert_eq!(refuse(&mut lab, to("a", [])), Refusal::BadParameter(Parameter::Publications));
    let many = (0..1_001).map(|_| data("1"));
    assert_eq!(refuse(&mut lab, to("a", many)), Refusal::BadParameter(Parameter::Publications));
    assert_eq!(refuse(&mut lab, to("no topic", [data("1")])), Refusal::BadTopic);
    assert_eq!(refuse(&mut lab, to("doc:1", [data("1")])), Refusal::NotSupported);
    let long = "k".repeat(256);
    assert_eq!(
        refuse(&mut lab, under_key(&long, to("a", [data("1")]))),
        Refusal::BadParameter(Parameter::IdempotencyKey)
    );
    assert_eq!(refuse(&mut lab, by("", 1, to("a", [data("1")]))), Refusal::BadParameter(Parameter::Producer));
    assert_eq!(refuse(&mut lab, by("p", u64::MAX, to("a", [data("1")]))), Refusal::BadParameter(Parameter::Producer));
    assert_eq!(lab.apply(vec![Bytes::from_static(b"garbage")]), [Answer::Refused(Refusal::Unreadable)]);
    assert_eq!(lab.state.head("a"), at(1));
}

#[test]
fn if_version_of_a_stream_is_that_of_the_topic() {
    let mut lab = Lab::new([]);
    let conflict = |current| Err(Refusal::VersionConflict { current });
    assert_eq!(lab.publish(to("a", [if_version(at(1), data("1"))])), conflict(ResourceVersion::NONE));
    assert_eq!(lab.state.head("a"), ResourceVersion::NONE);
    // That refusal has used up the first epoch of the lab.
    let at = |offset| ResourceVersion::new(EPOCH + 1, offset);
    assert_eq!(lab.put(to("a", [if_version(ResourceVersion::NONE, data("1"))])), 1);
    assert_eq!(lab.publish(to("a", [if_version(ResourceVersion::NONE, data("x"))])), conflict(at(1)));
    assert_eq!(lab.publish(to("a", [if_version(at(0), data("x"))])), conflict(at(1)));
    assert_eq!(lab.publish(to("a", [if_version(ResourceVersion::new(7, 1), data("x"))])), conflict(at(1)));
    assert_eq!(lab.put(to("a", [if_version(at(1), data("2")), if_version(at(2), data("3"))])), 2);
    assert_eq!(lab.publish(to("a", [if_version(at(3), data("x")), if_version(at(3), data("x"))])), conflict(at(4)));
    assert_eq!(lab.state.head("a"), at(3));
}

/// Any `EPOCH.0` asks for nothing to be there, also one of a life that has ended.
#[test]
fn before_the_first_publication_of_any_epoch_means_must_not_exist() {
    let mut lab = Lab::new([]);
    assert_eq!(lab.put(to("a", [if_version(ResourceVersion::new(0x77aa, 0), data("1"))])), 1);
}

#[test]
fn a_topic_that_is_deleted_begins_a_new_epoch() {
    let mut lab = Lab::new([]);
    lab.put(to("a", [data("1")]));
    assert_eq!(lab.delete("a"), Answer::Deleted(Deleted { epoch: EPOCH, offset: 1 }));
    let [committed] = &*lab.committed else { panic!("one for the topic") };
    assert_eq!((committed.deleted, committed.after, committed.through), (true, at(1), at(1)));
    assert_eq!(lab.state.head("a"), ResourceVersion::NONE);
    assert_eq!(lab.state.usage("default"), Usage::default());
    assert_eq!(lab.delete("a"), Answer::Refused(Refusal::TopicNotFound));
    let again = lab.publish(to("a", [data("2")])).unwrap();
    assert_eq!(again.first(), ResourceVersion::new(EPOCH + 1, 1));
}

#[test]
fn both_lives_of_a_topic_within_an_entry_are_told() {
    let mut lab = Lab::new([]);
    lab.put(to("a", [data("1")]));
    let publish = |epoch, text| Publish { new_epoch: epoch, ..to("a", [data(text)]) }.into_command();
    lab.apply(vec![publish(5, "2"), DeleteTopic { topic: "a".to_owned() }.into_command(), publish(6, "3")]);
    let told: Vec<_> =
        lab.committed.iter().map(|c| (c.created, c.after, c.through, c.deleted, offsets(&c.events))).collect();
    let new = |offset| ResourceVersion::new(6, offset);
    assert_eq!(told, [(false, at(1), at(2), true, vec![2]), (true, new(0), new(1), false, vec![1])]);
}

#[test]
fn epoch_0_is_never_used() {
    let mut lab = Lab::new([]);
    let answers = lab.apply(vec![Publish { new_epoch: 0, ..to("a", [data("1")]) }.into_command()]);
    assert!(matches!(&answers[..], [Answer::Published(published)] if published.epoch == 1));
}

#[test]
fn topics_beyond_the_bound_are_refused_whatever_their_namespace_is_called() {
    let mut lab = Lab::new([small("default", Kind::Stream), Policy::new("other", Kind::Stream)]);
    for topic in ["a", "b:1", "c:1"] {
        lab.put(to(topic, [data("1")]));
    }
    assert_eq!(lab.publish(to("d:1", [data("1")])), Err(Refusal::TooManyTopics { topics_max: 3 }));
    lab.put(to("other:1", [data("1")]));
    lab.put(to("a", [data("2")]));
    lab.delete("a");
    lab.put(to("d:1", [data("1")]));
}

#[test]
fn what_is_retained_does_not_keep_a_whole_batch_alive() {
    let mut lab = Lab::new([]);
    let batch: Vec<_> = (0..1_000).map(|_| data(&"x".repeat(100))).collect();
    let command = Publish { new_epoch: EPOCH, ..to("a", batch) }.into_command();
    let range = command.as_ptr_range();
    lab.apply(vec![command.clone()]);
    let kept = &lab.state.snapshot("a", 1).items[0];
    assert!(!range.contains(&kept.data.as_ref().unwrap().as_ptr()));
}

#[test]
fn a_refusal_becomes_the_error_that_its_code_promises() {
    use fanfare_protocol::Code;
    let code = |refusal: Refusal| refusal.to_error("chat:lobby");
    let conflict = code(Refusal::VersionConflict { current: at(4) });
    assert_eq!((conflict.known_code(), conflict.current), (Some(Code::VersionConflict), Some(at(4))));
    assert_eq!(conflict.topic.as_deref(), Some("chat:lobby"));
    let out_of_sequence = code(Refusal::OutOfSequence { expected: 7 });
    assert_eq!((out_of_sequence.known_code(), out_of_sequence.expected), (Some(Code::OutOfSequence), Some(7)));
    let full = code(Refusal::IdempotencyFull { retry_after_ms: 30 });
    assert_eq!((full.known_code(), full.retry_after_ms), (Some(Code::IdempotencyFull), Some(30)));
    let parameter = code(Refusal::BadParameter(Parameter::Key));
    assert_eq!((parameter.known_code(), parameter.parameter.as_deref()), (Some(Code::BadParameter), Some("key")));
    assert_eq!(code(Refusal::TopicNotFound).known_code(), Some(Code::NotFound));
    let gone = Gap::Gone { oldest: at(3) }.to_error("a");
    assert_eq!((gone.known_code(), gone.oldest), (Some(Code::Gone), Some(at(3))));
    let ahead = Gap::Ahead { current: at(3) }.to_error("a");
    assert_eq!((ahead.known_code(), ahead.current), (Some(Code::VersionAhead), Some(at(3))));
    assert!(ahead.retry_after_ms.is_some());
    let changed = Gap::EpochChanged { current: at(3) }.to_error("a");
    assert_eq!((changed.known_code(), changed.current), (Some(Code::EpochChanged), Some(at(3))));
}
