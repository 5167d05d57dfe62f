//! What a shard hands to its store and reads back of it, case by case.

use super::twin::Twin;
use super::*;
use crate::log::rows::{Change, Usage, Window};
use crate::log::stored::ShardStorage;

/// A shard that stores what each step changed, and keeps nothing in memory that it need not.
struct Shelf {
    bench: Bench,
    twin: Arc<Twin>,
    index: u64,
    now_ms: u64,
}

impl Shelf {
    fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let twin = Arc::<Twin>::default();
        let bench = Bench::stored(Policies::new(policies), Arc::clone(&twin));
        Self { bench, twin, index: 0, now_ms: 0 }
    }

    fn apply(&mut self, command: Bytes) -> Answer {
        self.index += 1;
        let time = EntryTime { shard_ms: self.now_ms, wall_ms: WALL_MS };
        self.bench.apply(&Entry { index: self.index, time, commands: vec![command] }, &mut Vec::new()).remove(0)
    }

    fn put(&mut self, publish: Publish) {
        let publish = Publish { new_epoch: EPOCH, ..publish };
        assert!(matches!(self.apply(publish.into_command()), Answer::Published(_)));
    }

    fn store(&mut self) -> Window {
        let window = self.bench.with(ShardState::window).expect("something changed");
        self.twin.commit(&window).unwrap();
        self.twin.tables().check();
        self.bench.with(|state| state.stored(window.number));
        window
    }

    fn cool(&mut self) {
        self.bench.with(|state| state.evict(0));
        assert_eq!(self.bench.memory.hot_bytes(), 0);
    }
}

#[test]
fn a_quiet_shard_has_nothing_to_store() {
    let mut shelf = Shelf::new([]);
    assert_eq!(shelf.bench.with(ShardState::window), None);
    shelf.put(to("a", [data("1")]));
    shelf.store();
    assert_eq!(shelf.bench.with(ShardState::window), None);
}

#[test]
fn what_was_forgotten_before_its_window_is_never_written() {
    let mut shelf = Shelf::new([small("default", Kind::Stream)]);
    for n in 0..9 {
        shelf.put(to("a", [data(&n.to_string())]));
    }
    let written = shelf.store().changes;
    let items: Vec<_> = written.iter().filter(|change| matches!(change, Change::Item(..))).collect();
    assert_eq!(items.len(), 5, "as many as are retained: {items:?}");
    assert!(!written.iter().any(|change| matches!(change, Change::ItemsGone(..))), "{written:?}");
}

#[test]
fn memory_is_given_back_once_a_window_is_stored() {
    let mut shelf = Shelf::new([]);
    shelf.put(to("a", [data("1")]));
    assert!(shelf.bench.memory.unwritten_bytes() > 0);
    shelf.bench.with(|state| state.evict(0));
    assert_eq!(offsets(&shelf.bench.snapshot("a", 9).items), [1], "what is not stored stays");
    shelf.store();
    assert_eq!(shelf.bench.memory.unwritten_bytes(), 0);
    shelf.cool();
    assert_eq!(offsets(&shelf.bench.snapshot("a", 9).items), [1]);
}

#[test]
fn a_topic_goes_on_where_it_was_when_it_left_memory() {
    let mut shelf = Shelf::new([]);
    shelf.put(to("a", [data("1"), data("2")]));
    shelf.store();
    shelf.cool();
    shelf.put(to("a", [data("3")]));
    let page = shelf.bench.read_after("a", ResourceVersion::NONE, ALL).unwrap();
    assert_eq!(offsets(&page.events), [1, 2, 3]);
    assert_eq!((page.after, page.through, page.more), (at(0), at(3), false));
    assert_eq!(offsets(&shelf.bench.read_before("a", None, ALL).unwrap().events), [3, 2, 1]);
    assert_eq!(offsets(&shelf.bench.snapshot("a", 2).items), [2, 3]);
}

#[test]
fn a_topic_that_ended_is_not_read_from_the_store_that_still_has_it() {
    let mut shelf = Shelf::new([]);
    shelf.put(to("a", [data("1")]));
    shelf.store();
    shelf.cool();
    shelf.apply(DeleteTopic { topic: "a".to_owned() }.into_command());
    assert_eq!(shelf.bench.head("a"), ResourceVersion::NONE);
    assert_eq!(shelf.bench.list("", None, 9), vec![]);
    assert_eq!(shelf.bench.usage("default"), Usage::default());
    let window = shelf.store();
    assert!(window.changes.iter().any(|change| matches!(change, Change::TopicGone(_))));
    assert_eq!(shelf.bench.head("a"), ResourceVersion::NONE);
}

#[test]
fn a_reader_sees_a_page_as_it_was_when_it_asked_whatever_is_forgotten_meanwhile() {
    let mut shelf = Shelf::new([small("default", Kind::Stream)]);
    shelf.put(to("a", [data("1"), data("2"), data("3")]));
    shelf.store();
    shelf.cool();
    let reading = shelf.bench.with(|state| state.read_after("a", at(1), ALL));
    shelf.put(to("a", [data("4"), data("5"), data("6"), data("7"), data("8")]));
    shelf.store();
    let page = reading.wait().unwrap().unwrap();
    assert_eq!((offsets(&page.events), page.through), (vec![2, 3], at(3)));
    assert_eq!(shelf.bench.read_after("a", at(1), ALL), Err(Gap::Gone { oldest: at(3) }));
}

#[test]
fn what_is_due_in_a_topic_that_left_memory_is_found() {
    let mut shelf = Shelf::new([small("s", Kind::State)]);
    shelf.put(to("s:1", [ttl(20, keyed("a", "1"))]));
    shelf.store();
    shelf.cool();
    assert_eq!(shelf.bench.next_deadline(), Some(20));
    shelf.now_ms = 20;
    let due: Vec<_> = shelf.bench.due(20, 9).iter().map(ToString::to_string).collect();
    assert_eq!(due, ["s:1"]);
    assert_eq!(shelf.bench.due(20, 9), vec![], "its proposal is on its way");
    shelf.apply(Expire { topic: "s:1".to_owned() }.into_command());
    assert_eq!(shown(&shelf.bench.snapshot("s:1", 9).items), Vec::<String>::new());
}

#[test]
fn another_policy_acts_from_its_entry_on_and_only_once() {
    let mut shelf = Shelf::new([]);
    shelf.put(to("a", [data("1"), data("2"), data("3")]));
    shelf.put(to("b", [data("1"), data("2"), data("3")]));
    shelf.store();
    shelf.cool();
    shelf.put(to("b", [data("4")]));
    let two = Policies::new([Policy { history_count: 2, ..Policy::new("default", Kind::Stream) }]);
    let set = |version| SetPolicies::new(version, &two).into_command();
    assert_eq!(shelf.apply(set(7)), Answer::PoliciesSet(7));
    assert_eq!(shelf.apply(SetPolicies::new(6, &Policies::default()).into_command()), Answer::PoliciesSet(7));
    for topic in ["a", "b"] {
        shelf.put(to(topic, [data("5")]));
        assert_eq!(shelf.bench.read_before(topic, None, ALL).unwrap().events.len(), 2, "{topic}");
    }
    shelf.store();
    let again = Bench::stored(Policies::default(), Arc::clone(&shelf.twin));
    assert_eq!(again.with(|state| state.policies().0), 7, "they are part of what is stored");
    assert_eq!(again.digest(), shelf.bench.digest());
}

/// Whether a topic is in memory or not, and whatever was refused meanwhile.
#[test]
fn quiet_topics_that_retain_more_than_another_policy_lets_them_are_due() {
    let mut shelf = Shelf::new([]);
    for topic in ["a", "b", "c", "d"] {
        shelf.put(to(topic, [data("1"), data("2"), data("3")]));
    }
    shelf.put(to("short", [data("1")]));
    shelf.store();
    shelf.cool();
    shelf.put(to("d", [data("4")]));
    let two = Policies::new([Policy { history_count: 2, ..Policy::new("default", Kind::Stream) }]);
    shelf.apply(SetPolicies::new(7, &two).into_command());
    let mut ended = Vec::new();
    while shelf.bench.next_deadline() == Some(0) {
        for (n, topic) in shelf.bench.due(0, 2).into_iter().enumerate() {
            // The first proposal of each round goes through, the other is refused.
            if n == 0 {
                shelf.apply(Expire { topic: topic.to_string() }.into_command());
                ended.push(topic.to_string());
            }
        }
        assert!(ended.len() < 9, "{ended:?}");
    }
    ended.sort();
    assert_eq!(ended, ["a", "b", "c", "d"]);
    for topic in ["a", "b", "c", "d"] {
        assert_eq!(shelf.bench.read_before(topic, None, ALL).unwrap().events.len(), 2, "{topic}");
    }
}

#[test]
fn cold_topics_whose_publications_age_sooner_under_another_policy_are_queued_anew() {
    let mut shelf = Shelf::new([]);
    shelf.put(to("a", [data("1")]));
    shelf.store();
    shelf.cool();
    let soon = Policies::new([Policy { history_age_ms: 160, ..Policy::new("default", Kind::Stream) }]);
    shelf.apply(SetPolicies::new(7, &soon).into_command());
    assert_eq!(shelf.bench.due(0, 9).len(), 1, "queued for a day ahead so far");
    shelf.apply(Expire { topic: "a".to_owned() }.into_command());
    assert_eq!(shelf.bench.due(0, 9).len(), 0);
    assert_eq!(shelf.bench.next_deadline(), Some(170));
}
