use fanfare_protocol::{Code, Error as WireError, Event, EventType, From};

use super::super::cursor::Start;
use super::super::follower::Terms;
use super::super::stats::Stats;
use super::super::step::Moment;
use super::*;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) };

struct Bench {
    subscription: Subscription,
    stats: Stats,
    out: Vec<Effect>,
}

impl Bench {
    fn new(starts: &[Start]) -> Self {
        let view = Watch { topic: "chat:a".to_owned(), ..Default::default() };
        let mut subscription = Subscription::new(view, BACKOFF);
        for (watch, start) in (1..).zip(starts) {
            let terms = Terms { start: *start, ..Terms::default() };
            subscription.add(Follower::new(WatchId(watch), terms, 1_000_000));
        }
        Self { subscription, stats: Stats::default(), out: Vec::new() }
    }

    /// Where the node is asked to begin, if it is asked to open the view.
    fn ask(&mut self) -> Option<(Option<u64>, From)> {
        match self.subscription.next(Duration::ZERO)? {
            Ask::Subscribe(watch) => Some((watch.resource_version.map(|version| version.offset), watch.from())),
            other => panic!("{other:?} is asked"),
        }
    }

    /// Asks for the end of the view, and gets it.
    fn end(&mut self) {
        assert_eq!(self.subscription.next(Duration::ZERO), Some(Ask::Unsubscribe(5)));
        self.subscription.unsubscribed();
    }

    fn is_quiet(&mut self) -> bool {
        self.subscription.next(Duration::ZERO).is_none()
    }

    fn opened(&mut self, offset: u64, resumed: bool) {
        let watched = Watched { view: 5, resource_version: Some(version(offset)), resumed, ..Default::default() };
        let mut step = Step { moment: Moment::at_ms(0), stats: &mut self.stats, out: &mut self.out };
        self.subscription.opened(&watched, &mut step);
    }

    fn frame(&mut self, after: u64, through: u64, kind: EventType) {
        let event =
            |offset| Event { r#type: kind.into(), resource_version: Some(version(offset)), ..Default::default() };
        let events = (after + 1..=through).map(event).collect();
        let (after, through) = (Some(version(after)), Some(version(through)));
        let batch = EventBatch { view: 5, after, through, limited: false, events };
        let mut step = Step { moment: Moment::at_ms(0), stats: &mut self.stats, out: &mut self.out };
        self.subscription.take(&batch, &OwnConnections::new(), &mut step);
    }

    fn refused(&mut self, error: WireError) {
        let error = Error::from(error);
        let mut step = Step { moment: Moment::at_ms(0), stats: &mut self.stats, out: &mut self.out };
        self.subscription.refused(error.class(), &error, &mut step);
    }

    /// Which watches got which offsets since it was asked last.
    fn delivered(&mut self) -> Vec<(u64, Vec<u64>)> {
        let deliveries = self.out.drain(..).filter_map(|effect| match effect {
            Effect::Deliver(watch, delivery) if !delivery.events.is_empty() => {
                Some((watch.0, delivery.events.iter().map(|event| event.version().offset).collect()))
            }
            _ => None,
        });
        deliveries.collect()
    }
}

fn version(offset: u64) -> ResourceVersion {
    ResourceVersion::new(7, offset)
}

fn after(offset: u64) -> Start {
    Start::After(version(offset))
}

/// W5.
#[test]
fn watches_with_a_place_share_the_view_from_the_lowest_and_each_drops_what_it_saw() {
    let mut bench = Bench::new(&[after(8), after(5), after(9)]);
    assert_eq!(bench.ask(), Some((Some(5), From::Snapshot)));
    bench.opened(5, true);
    bench.frame(5, 10, EventType::Put);
    assert_eq!(bench.delivered(), [(1, vec![9, 10]), (2, vec![6, 7, 8, 9, 10]), (3, vec![10])]);
    assert!(bench.is_quiet());
}

#[test]
fn a_watch_without_a_place_has_a_turn_of_its_own_and_the_others_lose_nothing_by_it() {
    let mut bench = Bench::new(&[after(5), Start::Latest]);
    assert_eq!(bench.ask(), Some((None, From::Latest)));
    bench.opened(9, false);
    bench.frame(9, 10, EventType::Put);
    assert_eq!(bench.delivered(), [(2, vec![10])]);
    bench.end();
    assert_eq!(bench.ask(), Some((Some(5), From::Snapshot)));
    bench.opened(5, true);
    bench.frame(5, 11, EventType::Put);
    assert_eq!(bench.delivered(), [(1, vec![6, 7, 8, 9, 10, 11]), (2, vec![11])]);
}

#[test]
fn a_turn_lasts_until_its_watch_has_a_place_to_come_back_to() {
    let mut bench = Bench::new(&[after(5), Start::Snapshot]);
    assert_eq!(bench.ask(), Some((None, From::Snapshot)));
    bench.opened(9, false);
    assert!(bench.is_quiet());
    bench.frame(9, 9, EventType::Put);
    assert!(bench.is_quiet());
    bench.frame(7, 9, EventType::Put);
    bench.end();
}

/// V6: what is gone for one may be there for the others.
#[test]
fn a_place_that_cannot_be_continued_costs_only_the_watch_that_stands_there() {
    let mut bench = Bench::new(&[after(500), after(5)]);
    assert_eq!(bench.ask(), Some((Some(5), From::Snapshot)));
    bench.opened(5, false);
    bench.frame(498, 500, EventType::Put);
    bench.frame(500, 501, EventType::SnapshotEnd);
    assert_eq!(bench.delivered(), [(2, vec![0, 499, 500]), (2, vec![501])], "0 is `Gone`");
    bench.end();
    assert_eq!(bench.ask(), Some((Some(500), From::Snapshot)));

    let mut bench = Bench::new(&[after(500), after(5)]);
    assert!(bench.ask().is_some());
    bench.refused(WireError::of(Code::Gone));
    assert_eq!(bench.delivered(), [(2, vec![0])]);
    assert_eq!(bench.ask(), Some((None, From::Snapshot)));
}

#[test]
fn places_in_different_epochs_have_turns_of_their_own() {
    let mut bench = Bench::new(&[after(5), Start::After(ResourceVersion::new(6, 90))]);
    assert_eq!(bench.ask(), Some((Some(5), From::Snapshot)));
    bench.opened(5, true);
    bench.end();
    assert_eq!(bench.ask(), Some((Some(90), From::Snapshot)));
}

/// W8: once at once, then with backoff, so that a node that cannot do better is not asked in a loop.
#[test]
fn a_gap_is_repaired_at_once_and_the_next_one_later() {
    let mut bench = Bench::new(&[after(5)]);
    for expected in [0, 100] {
        assert!(bench.subscription.next(Duration::from_millis(expected)).is_some());
        bench.opened(5, true);
        bench.frame(7, 8, EventType::Put);
        bench.end();
        assert_eq!(bench.delivered(), []);
    }
    assert_eq!(bench.subscription.deadline(), Some(Duration::from_millis(100)));
    assert_eq!(bench.stats.gaps_count, 2);
}

/// X3: classes `wait` and `terminal`.
#[test]
fn a_refusal_that_passes_is_waited_for_and_one_that_does_not_ends_the_watch() {
    let mut bench = Bench::new(&[after(5)]);
    assert!(bench.ask().is_some());
    bench.refused(WireError::of(Code::Overloaded).with_retry_after_ms(300));
    assert_eq!(bench.subscription.deadline(), Some(Duration::from_millis(350)));
    assert!(bench.subscription.next(Duration::from_millis(350)).is_some());
    bench.refused(WireError::of(Code::NotSupported));
    assert!(bench.subscription.is_over());
    assert!(
        matches!(&bench.out[..], [Effect::EndWatch(WatchId(1), Some(error))] if error.code() == Some(Code::NotSupported))
    );
}

#[test]
fn a_view_that_nobody_wants_any_more_is_ended_as_soon_as_it_has_a_number() {
    let mut bench = Bench::new(&[after(5)]);
    assert!(bench.ask().is_some());
    bench.subscription.remove(WatchId(1));
    assert!(bench.is_quiet() && !bench.subscription.is_over());
    bench.opened(5, true);
    bench.end();
    assert!(bench.subscription.is_over());
}
