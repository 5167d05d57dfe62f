//! Repeated publishes are answered as the first time.

use super::*;

fn lab() -> Lab {
    Lab::new([small("default", Kind::Stream), small("s", Kind::State)])
}

fn as_principal(principal: &str, publish: Publish) -> Publish {
    Publish { principal: principal.to_owned(), ..publish }
}

#[test]
fn a_repeated_key_answers_with_the_first_versions_and_appends_nothing() {
    let mut lab = lab();
    let batch = under_key("k", to("a", [data("1"), data("2")]));
    let first = lab.publish(batch.clone()).unwrap();
    lab.put(to("a", [data("3")]));
    let again = lab.publish(batch).unwrap();
    assert_eq!(again, Published { repeated: true, ..first });
    assert!(lab.committed.is_empty());
    assert_eq!(lab.state.head("a"), at(3));
}

#[test]
fn another_body_under_a_key_is_refused_and_a_new_trace_is_not_another_body() {
    let mut lab = lab();
    lab.put(under_key("k", to("a", [data("1")])));
    assert_eq!(lab.publish(under_key("k", to("a", [data("2")]))), Err(Refusal::IdempotencyMismatch));
    let retried = Publication { traceparent: Some("00-9-9-01".to_owned()), ..data("1") };
    assert!(lab.publish(under_key("k", to("a", [retried]))).unwrap().repeated);
}

#[test]
fn every_member_of_a_publication_is_part_of_its_body() {
    let base = Publication { key: Some("k".to_owned()), ..data("1") };
    let other = [
        data("1"),
        keyed("k", "2"),
        keyed("l", "1"),
        deletion("k"),
        ttl(1, base.clone()),
        if_version(ResourceVersion::NONE, base.clone()),
        Publication { content_type: 1, ..base.clone() },
        Publication { origin_time: Some(0), ..base.clone() },
        Publication { attributes: [("a".to_owned(), String::new())].into(), ..base.clone() },
    ];
    let mut sums: Vec<_> = other.iter().map(|publication| body_hash(std::slice::from_ref(publication))).collect();
    sums.push(body_hash(std::slice::from_ref(&base)));
    sums.push(body_hash(&[base.clone(), base]));
    let count = sums.len();
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), count);
}

/// The sum is stored for minutes and compared by nodes of other versions: it must not change.
#[test]
fn the_sum_of_a_body_stays_what_it_is() {
    assert_eq!(format!("{:032x}", body_hash(&[data("1")])), "808aa2a58f0efd7bd56262cf024bf1b2");
}

#[test]
fn keys_belong_to_their_topic_and_principal() {
    let mut lab = lab();
    lab.put(as_principal("ada", under_key("k", to("a", [data("1")]))));
    let other = lab.publish(as_principal("bob", under_key("k", to("a", [data("2")])))).unwrap();
    assert!(!other.repeated);
    assert!(!lab.publish(as_principal("ada", under_key("k", to("b", [data("3")])))).unwrap().repeated);
    let shifted = lab.publish(as_principal("adak", under_key("k", to("a", [data("4")])))).unwrap();
    assert!(!shifted.repeated, "`ada` with `kk` is not `adak` with `k`");
}

#[test]
fn a_key_is_forgotten_after_the_window_and_not_before() {
    let mut lab = lab();
    lab.put(under_key("k", to("a", [data("1")])));
    lab.advance(59);
    assert!(lab.publish(under_key("k", to("a", [data("1")]))).unwrap().repeated);
    lab.advance(1);
    assert!(!lab.publish(under_key("k", to("a", [data("2")]))).unwrap().repeated);
}

#[test]
fn a_full_topic_refuses_new_keys_until_the_oldest_leaves() {
    let mut lab = lab();
    for (n, key) in ["k1", "k2", "k3"].into_iter().enumerate() {
        lab.put(under_key(key, to("a", [data(key)])));
        lab.advance(10 * u64::from(n == 0));
    }
    let full = Err(Refusal::IdempotencyFull { retry_after_ms: 50 });
    assert_eq!(lab.publish(under_key("k4", to("a", [data("4")]))), full);
    assert!(lab.publish(under_key("k1", to("a", [data("k1")]))).unwrap().repeated, "a known key needs no room");
    lab.put(to("a", [data("without a key")]));
    lab.advance(50);
    lab.put(under_key("k4", to("a", [data("4")])));
}

#[test]
fn a_refused_publish_leaves_its_key_free() {
    let mut lab = lab();
    assert!(lab.publish(under_key("k", to("a", [keyed("x", "1")]))).is_err());
    lab.put(to("a", [data("1")]));
    assert!(lab.publish(under_key("k", to("a", [keyed("x", "1")]))).is_err());
    assert!(!lab.publish(under_key("k", to("a", [data("2")]))).unwrap().repeated);
}

#[test]
fn a_producer_is_heard_in_the_order_of_its_sequence() {
    let mut lab = lab();
    assert_eq!(lab.put(by("p", 7, to("a", [data("7")]))), 1, "one that is not known may start anywhere");
    assert_eq!(lab.publish(by("p", 9, to("a", [data("9")]))), Err(Refusal::OutOfSequence { expected: 8 }));
    assert_eq!(lab.publish(by("p", 6, to("a", [data("6")]))), Err(Refusal::OutOfSequence { expected: 8 }));
    assert_eq!(lab.put(by("p", 8, to("a", [data("8"), data("8")]))), 2);
    assert_eq!(lab.put(by("q", 1, to("a", [data("1")]))), 4);
    let again = lab.publish(by("p", 8, to("a", [data("8"), data("8")]))).unwrap();
    assert_eq!((again.first(), again.versions().last(), again.repeated), (at(2), Some(at(3)), true));
    assert_eq!(lab.publish(by("p", 8, to("a", [data("x")]))), Err(Refusal::IdempotencyMismatch));
    assert_eq!(lab.state.head("a"), at(4));
}

#[test]
fn only_the_last_results_of_a_producer_are_kept() {
    let mut lab = lab();
    for n in 1..=4 {
        lab.put(by("p", n, to("a", [data(&n.to_string())])));
    }
    assert!(lab.publish(by("p", 2, to("a", [data("2")]))).unwrap().repeated);
    assert_eq!(lab.publish(by("p", 1, to("a", [data("1")]))), Err(Refusal::OutOfSequence { expected: 5 }));
}

#[test]
fn a_producer_that_falls_silent_is_forgotten_and_may_start_anywhere() {
    let mut lab = lab();
    lab.put(by("p", 1, to("a", [data("1")])));
    lab.advance(59);
    assert!(lab.publish(by("p", 1, to("a", [data("1")]))).unwrap().repeated);
    lab.advance(59);
    assert_eq!(
        lab.publish(by("p", 5, to("a", [data("5")]))),
        Err(Refusal::OutOfSequence { expected: 2 }),
        "it was heard since"
    );
    lab.advance(60);
    assert_eq!(lab.put(by("p", 5, to("a", [data("5")]))), 2);
}

#[test]
fn producers_beyond_the_bound_wait_until_one_falls_silent() {
    let mut lab = lab();
    lab.put(by("p", 1, to("a", [data("1")])));
    lab.put(by("q", 1, to("a", [data("2")])));
    lab.advance(20);
    assert_eq!(lab.publish(by("r", 1, to("a", [data("3")]))), Err(Refusal::IdempotencyFull { retry_after_ms: 40 }));
    lab.put(by("p", 2, to("a", [data("4")])));
    lab.advance(40);
    lab.put(by("r", 1, to("a", [data("3")])));
    assert_eq!(
        lab.publish(by("p", 9, to("a", [data("5")]))),
        Err(Refusal::OutOfSequence { expected: 3 }),
        "it still lives"
    );
}

/// P9: what an SDK fills a hole with, behind which other copies may be on their way.
#[test]
fn the_version_that_never_is_uses_up_a_sequence_and_changes_nothing_whatever_the_topic() {
    let plug = || if_version(ResourceVersion::new(0, 1), data("0"));
    for (topic, first) in [("a", data("1")), ("s:1", keyed("k", "1"))] {
        let mut lab = lab();
        lab.put(by("p", 1, to(topic, [first.clone()])));
        let refused = lab.publish(by("p", 2, to(topic, [plug()])));
        assert!(matches!(refused, Err(Refusal::VersionConflict { .. } | Refusal::WrongKind(_))), "{refused:?}");
        assert_eq!(lab.publish(by("p", 2, to(topic, [first.clone()]))), Err(Refusal::IdempotencyMismatch));
        assert_eq!(lab.put(by("p", 3, to(topic, [first.clone()]))), 2);
        assert_eq!(lab.publish(by("p", 3, to(topic, [plug()]))), Err(Refusal::IdempotencyMismatch));
    }
}

/// An SDK sends sequence after sequence without waiting: one that is refused for good must not stop those behind it.
#[test]
fn what_is_refused_for_good_is_the_result_of_its_sequence() {
    let mut lab = lab();
    lab.put(to("s:1", [keyed("a", "1")]));
    let conflicting = by("p", 1, to("s:1", [if_version(ResourceVersion::NONE, keyed("a", "2"))]));
    let conflict = Err(Refusal::VersionConflict { current: at(1) });
    assert_eq!(lab.publish(conflicting.clone()), conflict);
    assert_eq!(lab.put(by("p", 2, to("s:1", [deletion("a")]))), 2);
    assert_eq!(lab.publish(conflicting), conflict, "it would succeed by now, but it was answered");
}

#[test]
fn what_may_be_tried_again_leaves_the_sequence_open() {
    let mut lab = lab();
    for key in ["k1", "k2", "k3"] {
        lab.put(under_key(key, to("a", [data(key)])));
    }
    let fourth = by("p", 1, under_key("k4", to("a", [data("4")])));
    assert!(matches!(lab.publish(fourth.clone()), Err(Refusal::IdempotencyFull { .. })));
    lab.advance(60);
    assert!(!lab.publish(fourth).unwrap().repeated);
}

#[test]
fn a_known_key_becomes_the_result_of_a_new_sequence() {
    let mut lab = lab();
    let first = lab.publish(under_key("k", to("a", [data("1")]))).unwrap();
    let again = lab.publish(by("p", 1, under_key("k", to("a", [data("1")])))).unwrap();
    assert_eq!(again, Published { repeated: true, ..first });
    assert_eq!(lab.publish(by("p", 2, under_key("k", to("a", [data("x")])))), Err(Refusal::IdempotencyMismatch));
    assert_eq!(lab.put(by("p", 3, to("a", [data("3")]))), 2);
    assert_eq!(lab.publish(by("p", 1, to("a", [data("1")]))).unwrap(), Published { repeated: true, ..first });
}

#[test]
fn a_deleted_topic_remembers_nothing() {
    let mut lab = lab();
    lab.put(under_key("k", by("p", 1, to("a", [data("1")]))));
    lab.delete("a");
    let again = lab.publish(under_key("k", by("p", 9, to("a", [data("2")])))).unwrap();
    assert_eq!((again.repeated, again.first_offset), (false, 1));
}
