//! `state` topics: the fold, its keys, their expiry.

use super::*;

fn lab() -> Lab {
    Lab::new([small("s", Kind::State)])
}

fn items(lab: &Lab, topic: &str) -> Vec<String> {
    shown(&lab.state.snapshot(topic, 0).items)
}

#[test]
fn the_snapshot_is_the_latest_put_of_every_live_key_by_version() {
    let mut lab = lab();
    lab.put(to("s:1", [keyed("a", "1"), keyed("b", "2"), keyed("a", "3"), deletion("b"), keyed("c", "5")]));
    assert_eq!(items(&lab, "s:1"), ["3 a=3", "5 c=5"]);
    let snapshot = lab.state.snapshot("s:1", 0);
    assert_eq!((snapshot.version, snapshot.after, snapshot.limited), (at(5), at(0), false));
}

#[test]
fn a_fold_outlives_its_history() {
    let mut lab = lab();
    lab.put(to("s:1", [keyed("a", "1")]));
    for n in 0..20 {
        lab.put(to("s:1", [keyed("b", &n.to_string())]));
    }
    assert_eq!(items(&lab, "s:1"), ["1 a=1", "21 b=19"]);
    assert_eq!(lab.state.beginning("s:1"), at(16));
}

#[test]
fn every_publication_of_a_state_topic_needs_a_key() {
    let mut lab = lab();
    assert_eq!(lab.publish(to("s:1", [data("1")])), Err(Refusal::WrongKind(KindFault::KeyMissing)));
    assert_eq!(lab.publish(to("s:1", [keyed("", "1")])), Err(Refusal::BadParameter(Parameter::Key)));
    let mut lab = Lab::new([Policy::new("s", Kind::State)]);
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    assert_eq!(lab.publish(to("s:1", [keyed(&long, "1")])), Err(Refusal::BadParameter(Parameter::Key)));
    lab.put(to("s:1", [keyed(&long[1..], "1")]));
}

#[test]
fn to_delete_a_key_that_does_not_exist_is_a_publication_like_any_other() {
    let mut lab = lab();
    assert_eq!(lab.publish(to("s:1", [deletion("a")])), Err(Refusal::TopicNotFound));
    assert_eq!(lab.state.head("s:1"), ResourceVersion::NONE);
    // The lab draws an epoch for each publish.
    lab.put(to("s:1", [keyed("a", "1")]));
    assert_eq!(lab.put(to("s:1", [deletion("z")])), 2);
    assert_eq!(shown(&lab.committed[0].events), ["2 z"]);
    assert_eq!(items(&lab, "s:1"), ["1 a=1"]);
}

#[test]
fn if_version_of_a_state_topic_is_that_of_the_key() {
    let mut lab = lab();
    let conflict = |current| Err(Refusal::VersionConflict { current });
    lab.put(to("s:1", [keyed("a", "1"), keyed("b", "2")]));
    assert_eq!(lab.publish(to("s:1", [if_version(at(2), keyed("a", "x"))])), conflict(at(1)));
    assert_eq!(lab.put(to("s:1", [if_version(at(1), keyed("a", "3"))])), 3);
    assert_eq!(lab.publish(to("s:1", [if_version(ResourceVersion::NONE, keyed("a", "x"))])), conflict(at(3)));
    assert_eq!(lab.put(to("s:1", [if_version(ResourceVersion::NONE, keyed("c", "4"))])), 4);
    assert_eq!(lab.publish(to("s:1", [if_version(at(1), deletion("a"))])), conflict(at(3)));
    assert_eq!(lab.put(to("s:1", [if_version(at(3), deletion("a"))])), 5);
    assert_eq!(lab.publish(to("s:1", [if_version(at(3), keyed("a", "x"))])), conflict(ResourceVersion::NONE));
    assert_eq!(lab.put(to("s:1", [if_version(at(0), keyed("a", "6"))])), 6);
}

#[test]
fn a_batch_is_judged_as_if_it_were_published_one_by_one() {
    let mut lab = lab();
    lab.put(to("s:1", [keyed("a", "1")]));
    let batch = [deletion("a"), if_version(at(0), keyed("a", "3")), if_version(at(3), keyed("a", "4"))];
    assert_eq!(lab.put(to("s:1", batch.clone())), 2);
    assert_eq!(items(&lab, "s:1"), ["4 a=4"]);
    assert_eq!(lab.publish(to("s:1", batch)), Err(Refusal::VersionConflict { current: at(6) }), "3 is 6 by now");
    assert_eq!(items(&lab, "s:1"), ["4 a=4"]);
}

#[test]
fn a_full_fold_refuses_what_does_not_fit_and_takes_deletes() {
    let mut lab = lab();
    let full = Err(Refusal::TopicFull { keys_max: 3, bytes_max: 900 });
    lab.put(to("s:1", [keyed("a", "1"), keyed("b", "2"), keyed("c", "3")]));
    assert_eq!(lab.publish(to("s:1", [keyed("d", "4")])), full);
    lab.put(to("s:1", [keyed("a", "4")]));
    lab.put(to("s:1", [deletion("b"), keyed("d", "6")]));
    let large = "x".repeat(60);
    lab.put(to("s:1", [keyed("a", &large)]));
    lab.put(to("s:1", [keyed("c", &large)]));
    assert_eq!(lab.publish(to("s:1", [keyed("d", &large)])), full, "three times 256 and 61 bytes are more than 900");
    let signed = Publish { connection_id: Some("c".repeat(40)), ..to("s:1", [keyed("d", "6")]) };
    assert_eq!(lab.publish(signed), full, "what an event carries besides counts too");
}

#[test]
fn a_key_ends_at_its_deadline_by_a_delete_of_its_own() {
    let mut lab = lab();
    lab.put(to("s:1", [ttl(50, keyed("a", "1")), ttl(20, keyed("b", "2")), keyed("c", "3")]));
    lab.advance(19);
    assert_eq!(lab.expire("s:1"), 0);
    assert!(lab.committed.is_empty());
    lab.advance(1);
    assert_eq!(lab.expire("s:1"), 1);
    assert_eq!(shown(&lab.committed[0].events), ["4 b"]);
    assert_eq!(lab.committed[0].events[0].time, Some(WALL_MS));
    lab.advance(1_000);
    assert_eq!(lab.put(to("s:1", [keyed("d", "6")])), 6, "what is due comes before the command");
    assert_eq!(shown(&lab.committed[0].events), ["5 a", "6 d=6"]);
    assert_eq!((lab.committed[0].after, lab.committed[0].through), (at(4), at(6)));
}

#[test]
fn an_expiry_stands_even_when_the_command_that_brought_the_time_is_refused() {
    let mut lab = lab();
    lab.put(to("s:1", [ttl(10, keyed("a", "1"))]));
    lab.advance(10);
    let refused = lab.publish(to("s:1", [if_version(at(1), keyed("a", "2"))]));
    assert_eq!(refused, Err(Refusal::VersionConflict { current: ResourceVersion::NONE }));
    assert_eq!(shown(&lab.committed[0].events), ["2 a"]);
    assert_eq!(lab.state.head("s:1"), at(2));
}

#[test]
fn a_later_put_replaces_the_deadline_too() {
    let mut lab = lab();
    lab.put(to("s:1", [ttl(10, keyed("a", "1")), ttl(10, keyed("b", "2"))]));
    lab.put(to("s:1", [keyed("a", "3"), ttl(40, keyed("b", "4"))]));
    lab.advance(10);
    assert_eq!(lab.expire("s:1"), 0);
    lab.advance(30);
    assert_eq!(lab.expire("s:1"), 1);
    assert_eq!(items(&lab, "s:1"), ["3 a=3"]);
}
