//! What it costs to find the views that an event is for, and to hand a page to a reader who resumes.

use std::hint::black_box;
use std::sync::Arc;

use fanfare_cluster::{EphemeralMachine, ShardCount};
use fanfare_protocol::{Encoding, TopicName, Watch};

use super::changes::Changes;
use super::index::Index;
use crate::log::{CommittedSink, Durability, Kind, Policies, Policy, ReadLimit, Reading, SharedLog};
use crate::micro::{Body, Case, sample};
use crate::view::{Lens, SessionWire, Span, Wire, encode};

pub(crate) const CASES: [Case; 2] = [
    Case { name: "view/index-10000", rounds: 1_000, prepare: index },
    Case { name: "resume/page-of-100", rounds: 100, prepare: page },
];

/// Ten views of each symbol.
fn index() -> Body {
    let mut index = Index::default();
    for view in 0..10_000 {
        let symbol = format!("S{:03}", view % 1_000);
        let watch = Watch { r#where: [("data.symbol".to_owned(), symbol)].into(), ..Watch::default() };
        index.add(view, Lens::new(&watch).expect("a good watch").as_deref());
    }
    let (events, mut at) = (sample::events(1_000, 100), 0);
    Box::new(move || {
        at = (at + 1) % events.len();
        let committed = sample::committed(Arc::clone(&events[at]));
        let found = index.concerned(&Changes::of(black_box(&committed)));
        assert_eq!(black_box(found).len(), 10, "all of them, and no others");
    })
}

/// From a cursor in the middle of the history to a frame, as a catch-up does.
fn page() -> Body {
    let policy = Policy { durability: Durability::Ephemeral, ..Policy::new("market", Kind::Stream) };
    let shards = ShardCount::new(1).expect("one is enough");
    let log = SharedLog::open(Arc::new(Policies::new([policy])), &[], shards);
    let topic = TopicName::parse(sample::TOPIC).expect("a good name");
    let sink: CommittedSink = Arc::new(|_| {});
    let mut machine: Box<dyn EphemeralMachine> = log.ephemeral_machine(log.shard_of(&topic), sink);
    for n in 1..=1_000 {
        machine.apply(&sample::entry(n, vec![sample::command(sample::publication(n))]));
    }
    let wire = Wire::Session(SessionWire::WebSocket(Encoding::Json), None);
    let (mut out, mut back) = (Vec::new(), 0);
    Box::new(move || {
        back = back % 500 + 1;
        let limit = ReadLimit { count: 100, bytes: 1024 * 1024 };
        let Reading::Ready(page) = log.read_after(&topic, sample::version(black_box(800 - back)), limit) else {
            unreachable!("nothing is stored")
        };
        let page = page.expect("the history goes back that far");
        assert_eq!(page.events.len(), 100, "as many as there may be");
        out.clear();
        for span in Span::new(page.after, page.through, &page.events).split() {
            encode(wire, 17, &span, &mut out);
        }
        black_box(&out);
    })
}
