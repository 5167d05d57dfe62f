//! What watchers read: cursors, pages, snapshots, lists.

use super::*;

fn limit(count: usize) -> ReadLimit {
    ReadLimit { count, bytes: u64::MAX }
}

/// A stream of five retained (4 to 8) of eight.
fn trimmed() -> Lab {
    let mut lab = Lab::new([small("default", Kind::Stream)]);
    for n in 1..=8 {
        lab.put(to("a", [data(&n.to_string())]));
    }
    lab
}

#[test]
fn a_topic_that_does_not_exist_is_empty_at_0_0() {
    let lab = Lab::new([]);
    let none = ResourceVersion::NONE;
    let empty = Page { events: vec![], after: none, through: none, head: none, more: false };
    assert_eq!(lab.state.read_after("a", none, ALL), Ok(empty.clone()));
    assert_eq!(lab.state.read_before("a", None, ALL), Ok(empty));
    assert_eq!(lab.state.beginning("a"), none);
    assert_eq!(
        lab.state.snapshot("a", 9),
        Snapshot { kind: Kind::Stream, version: none, after: none, limited: false, items: vec![] }
    );
    assert_eq!(lab.state.read_after("a", at(3), ALL), Err(Gap::EpochChanged { current: none }));
}

#[test]
fn a_cursor_of_0_0_sees_the_creation() {
    let mut lab = Lab::new([]);
    lab.put(to("a", [data("1"), data("2")]));
    let page = lab.state.read_after("a", ResourceVersion::NONE, ALL).unwrap();
    assert_eq!(
        (page.after, page.through, shown(&page.events)),
        (at(0), at(2), vec!["1 =1".to_owned(), "2 =2".to_owned()])
    );
}

#[test]
fn resume_before_the_tail_is_told_gone() {
    let lab = trimmed();
    let gone = Err(Gap::Gone { oldest: at(3) });
    for cursor in [ResourceVersion::NONE, at(0), at(2)] {
        assert_eq!(lab.state.read_after("a", cursor, ALL), gone);
    }
    let page = lab.state.read_after("a", at(3), ALL).unwrap();
    assert_eq!(offsets(&page.events), [4, 5, 6, 7, 8]);
    assert_eq!(lab.state.beginning("a"), at(3));
}

#[test]
fn resume_is_exact_from_every_retained_cursor() {
    let lab = trimmed();
    for after in 3..=8 {
        let page = lab.state.read_after("a", at(after), ALL).unwrap();
        assert_eq!(offsets(&page.events), (after + 1..=8).collect::<Vec<_>>());
        assert_eq!((page.after, page.through, page.more), (at(after), at(8), false));
    }
}

#[test]
fn a_cursor_of_another_life_or_of_the_future_is_told_so() {
    let lab = trimmed();
    let other = ResourceVersion::new(EPOCH + 1, 5);
    assert_eq!(lab.state.read_after("a", other, ALL), Err(Gap::EpochChanged { current: at(8) }));
    assert_eq!(lab.state.read_after("a", at(9), ALL), Err(Gap::Ahead { current: at(8) }));
    assert_eq!(lab.state.read_before("a", Some(other), ALL), Err(Gap::EpochChanged { current: at(8) }));
    assert_eq!(lab.state.read_before("a", Some(at(9)), ALL), Err(Gap::Ahead { current: at(8) }));
}

#[test]
fn a_cursor_at_the_head_always_resumes() {
    let mut lab = trimmed();
    lab.advance(160);
    lab.expire("a");
    assert_eq!(lab.state.snapshot("a", 9).items, vec![]);
    assert_eq!((lab.state.head("a"), lab.state.beginning("a")), (at(8), at(8)));
    let page = lab.state.read_after("a", at(8), ALL).unwrap();
    assert_eq!((page.events.len(), page.through), (0, at(8)));
    assert_eq!(lab.state.read_after("a", at(7), ALL), Err(Gap::Gone { oldest: at(8) }));
    assert_eq!(lab.put(to("a", [data("9")])), 9, "offsets never restart while the topic lives");
}

#[test]
fn a_page_is_bounded_and_says_where_it_ends() {
    let lab = trimmed();
    let page = lab.state.read_after("a", at(3), limit(2)).unwrap();
    assert_eq!((offsets(&page.events), page.through, page.head, page.more), (vec![4, 5], at(5), at(8), true));
    let bytes = ReadLimit { count: 9, bytes: 2 * 257 };
    assert_eq!(offsets(&lab.state.read_after("a", at(3), bytes).unwrap().events), [4, 5]);
    let tiny = ReadLimit { count: 9, bytes: 1 };
    assert_eq!(
        offsets(&lab.state.read_after("a", at(3), tiny).unwrap().events),
        [4],
        "one at least, or no one gets on"
    );
    let nothing = lab.state.read_after("a", at(3), limit(0)).unwrap();
    assert_eq!((nothing.events.len(), nothing.through, nothing.more), (0, at(3), true));
}

#[test]
fn history_is_read_backwards_from_the_head_or_a_version() {
    let lab = trimmed();
    let newest = lab.state.read_before("a", None, limit(2)).unwrap();
    assert_eq!((offsets(&newest.events), newest.after, newest.through, newest.more), (vec![8, 7], at(8), at(7), true));
    let rest = lab.state.read_before("a", Some(newest.through), ALL).unwrap();
    assert_eq!((offsets(&rest.events), rest.after, rest.through, rest.more), (vec![6, 5, 4], at(7), at(3), false));
    let beyond = lab.state.read_before("a", Some(at(2)), ALL).unwrap();
    assert_eq!((beyond.events.len(), beyond.more), (0, false));
    let first = lab.state.read_before("a", Some(at(0)), ALL).unwrap();
    assert_eq!((first.events.len(), first.through), (0, at(0)));
}

#[test]
fn the_snapshot_of_a_stream_is_its_last_publications() {
    let lab = trimmed();
    let snapshot = lab.state.snapshot("a", 2);
    assert_eq!((offsets(&snapshot.items), snapshot.after, snapshot.version), (vec![7, 8], at(6), at(8)));
    assert!(snapshot.limited);
    let whole = lab.state.snapshot("a", 5);
    assert_eq!((offsets(&whole.items).len(), whole.after, whole.limited), (5, at(3), false));
    let none = lab.state.snapshot("a", 0);
    assert_eq!((none.items.len(), none.after, none.limited), (0, at(8), true));
}

/// What left by its own `ttl` is covered by (after, through], without an event and without a gap.
#[test]
fn an_expired_publication_leaves_the_history_and_no_gap() {
    let mut lab = Lab::new([small("default", Kind::Stream)]);
    lab.put(to("a", [data("1"), ttl(10, data("2")), data("3"), ttl(10, data("4"))]));
    lab.advance(10);
    lab.expire("a");
    assert!(lab.committed.is_empty(), "it only leaves the history");
    let page = lab.state.read_after("a", at(0), ALL).unwrap();
    assert_eq!((offsets(&page.events), page.through), (vec![1, 3], at(4)));
    assert_eq!(offsets(&lab.state.read_after("a", at(2), ALL).unwrap().events), [3]);
    lab.put(to("a", [ttl(10, data("5"))]));
    lab.advance(10);
    lab.expire("a");
    assert_eq!(lab.state.head("a"), at(5));
    assert_eq!(lab.state.beginning("a"), at(0));
}

#[test]
fn retention_is_bounded_by_bytes_too() {
    let mut lab = Lab::new([small("default", Kind::Stream)]);
    for _ in 0..5 {
        lab.put(to("a", [data(&"x".repeat(60))]));
    }
    // 1,500 bytes hold four of 60 + 256.
    assert_eq!(lab.state.beginning("a"), at(1));
    let large = Policy { history_bytes: 10, ..small("default", Kind::Stream) };
    let mut lab = Lab::new([large]);
    lab.put(to("a", [data("x")]));
    assert_eq!((lab.state.beginning("a"), lab.state.head("a")), (at(1), at(1)));
}

#[test]
fn topics_are_listed_by_prefix_in_order() {
    let mut lab = Lab::new([Policy::new("fleet", Kind::State)]);
    for topic in ["chat:b", "chat:a", "chats", "_sys", "abc"] {
        lab.put(to(topic, [data("1")]));
    }
    lab.put(to("fleet:1", [keyed("k", "1")]));
    let names = |prefix, after, limit| -> Vec<String> {
        lab.state.list(prefix, after, limit).iter().map(|listed| listed.topic.to_string()).collect()
    };
    assert_eq!(names("", None, 99), ["abc", "chat:a", "chat:b", "chats", "fleet:1"]);
    assert_eq!(names("chat:", None, 99), ["chat:a", "chat:b"]);
    assert_eq!(names("chat", Some("chat:a"), 1), ["chat:b"]);
    assert_eq!(names("chat", Some("a"), 1), ["chat:a"], "before the prefix is before all of it");
    assert_eq!(names("chat", Some("d"), 1), Vec::<String>::new());
    assert_eq!(names("_", None, 99), ["_sys"]);
    assert_eq!(lab.state.list("fleet", None, 9)[0].kind, Kind::State);
}
