//! When quiet topics ask for attention.

use super::*;

fn due(lab: &mut Lab) -> Vec<String> {
    let now_ms = lab.now_ms();
    lab.state.due(now_ms, 10).iter().map(ToString::to_string).collect()
}

#[test]
fn a_topic_is_due_when_its_first_key_is() {
    let mut lab = Lab::new([small("s", Kind::State)]);
    lab.put(to("s:1", [ttl(50, keyed("a", "1"))]));
    lab.put(to("s:2", [ttl(20, keyed("a", "1"))]));
    assert_eq!(lab.state.next_deadline(), Some(20));
    lab.advance(20);
    assert_eq!(due(&mut lab), ["s:2"]);
    assert_eq!(due(&mut lab), Vec::<String>::new(), "its proposal is on its way");
    assert_eq!(lab.expire("s:2"), 1);
    lab.advance(30);
    assert_eq!(due(&mut lab), ["s:1"]);
}

#[test]
fn a_topic_of_which_nothing_came_is_reported_again() {
    let mut lab = Lab::new([small("s", Kind::State)]);
    lab.put(to("s:1", [ttl(20, keyed("a", "1"))]));
    lab.advance(20);
    assert_eq!(due(&mut lab), ["s:1"]);
    lab.advance(999);
    assert_eq!(due(&mut lab), Vec::<String>::new());
    lab.advance(1);
    assert_eq!(due(&mut lab), ["s:1"]);
}

#[test]
fn a_deadline_that_has_moved_away_is_no_reason_for_a_proposal() {
    let mut lab = Lab::new([small("s", Kind::State)]);
    lab.put(to("s:1", [ttl(20, keyed("a", "1"))]));
    lab.advance(10);
    lab.put(to("s:1", [ttl(20, keyed("a", "1"))]));
    lab.advance(10);
    assert_eq!(due(&mut lab), Vec::<String>::new());
    assert_eq!(lab.state.next_deadline(), Some(30));
}

#[test]
fn only_so_many_are_reported_at_once() {
    let mut lab = Lab::new([Policy::new("s", Kind::State)]);
    for n in 0..5 {
        lab.put(to(&format!("s:{n}"), [ttl(10, keyed("a", "1"))]));
    }
    let mut reported = lab.state.due(10, 2);
    assert_eq!(reported.len(), 2);
    reported.extend(lab.state.due(10, 99));
    reported.sort();
    assert_eq!(reported.len(), 5);
}

/// The age of a quiet topic's history is looked at a sixteenth late, so that it is not looked at once per publication.
#[test]
fn quiet_topics_age_too() {
    let mut lab = Lab::new([small("default", Kind::Stream)]);
    lab.put(to("a", [data("1")]));
    assert_eq!(lab.state.next_deadline(), Some(170));
    lab.advance(165);
    lab.put(to("b", [data("1")]));
    assert_eq!(offsets(&lab.state.snapshot("a", 9).items), [1], "not yet");
    lab.advance(5);
    assert_eq!(due(&mut lab), ["a"]);
    lab.expire("a");
    assert_eq!(lab.state.snapshot("a", 9).items, vec![]);
    assert_eq!(lab.state.head("a"), at(1));
}

#[test]
fn what_a_quiet_topic_remembers_of_producers_and_keys_is_let_go() {
    let mut lab = Lab::new([Policy { history_count: 0, ..small("default", Kind::Stream) }]);
    lab.put(by("p", 1, under_key("k", to("a", [data("1")]))));
    lab.advance(30);
    lab.put(by("p", 2, to("a", [data("2")])));
    lab.advance(30);
    assert_eq!(due(&mut lab), Vec::<String>::new());
    assert_eq!(lab.state.next_deadline(), Some(90));
    lab.advance(30);
    assert_eq!(due(&mut lab), ["a"]);
    lab.expire("a");
    lab.advance(2_000);
    assert_eq!(due(&mut lab), Vec::<String>::new());
    assert_eq!(lab.state.next_deadline(), None, "nothing is left to be done");
}

#[test]
fn a_deleted_topic_is_never_due() {
    let mut lab = Lab::new([small("s", Kind::State)]);
    lab.put(to("s:1", [ttl(20, keyed("a", "1"))]));
    lab.delete("s:1");
    assert_eq!(lab.state.next_deadline(), None);
    assert_eq!(lab.expire("s:1"), 0);
}

/// All commands of a moment see the same, so what was due at it is made to happen once.
#[test]
fn what_lives_for_no_time_ends_with_the_next_moment() {
    let mut lab = Lab::new([small("s", Kind::State)]);
    lab.put(to("s:1", [ttl(0, keyed("a", "1"))]));
    lab.put(to("s:1", [keyed("b", "1")]));
    assert_eq!(lab.state.head("s:1"), at(2), "`a` has not ended yet");
    lab.advance(1);
    lab.put(to("s:1", [keyed("b", "2")]));
    assert_eq!(lab.state.head("s:1"), at(4), "the end of `a` is a version of its own");
}
