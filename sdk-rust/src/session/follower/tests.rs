use fanfare_protocol::{Event as WireEvent, EventType, ResourceVersion};

use super::super::stats::Stats;
use super::super::step::Moment;
use super::*;

const BYTES_MAX: usize = 2_000;

struct Bench {
    follower: Follower,
    stats: Stats,
    out: Vec<Effect>,
}

impl Bench {
    fn new(terms: Terms) -> Self {
        let follower = Follower::new(WatchId(1), terms, BYTES_MAX);
        Self { follower, stats: Stats::default(), out: Vec::new() }
    }

    /// Takes a frame with one put, published by this connection.
    fn take(&mut self, after: u64, through: u64, connection_id: &str) -> Taking {
        let event = WireEvent {
            r#type: EventType::Put.into(),
            resource_version: Some(ResourceVersion::new(7, through.max(1))),
            connection_id: Some(connection_id.to_owned()),
            ..Default::default()
        };
        let (after, through) = (Some(ResourceVersion::new(7, after)), Some(ResourceVersion::new(7, through)));
        let batch = EventBatch { view: 1, after, through, limited: false, events: vec![event] };
        let own = OwnConnections::from(["mine".to_owned()]);
        let mut step = Step { moment: Moment::at_ms(0), stats: &mut self.stats, out: &mut self.out };
        self.follower.take(&batch, &own, &mut step)
    }

    fn unread_bytes(&self) -> usize {
        let bytes = |effect: &Effect| if let Effect::Deliver(_, delivery) = effect { delivery.weight_bytes } else { 0 };
        self.out.iter().map(bytes).sum()
    }
}

fn after(offset: u64) -> Terms {
    Terms { start: Start::After(ResourceVersion::new(7, offset)), ..Terms::default() }
}

/// G12.
#[test]
fn a_reader_that_does_not_read_is_paused_at_its_bound_and_goes_on_when_half_is_free() {
    let mut bench = Bench::new(after(0));
    let taken = (0..100).take_while(|offset| bench.take(*offset, offset + 1, "other") == Taking::Taken).count();
    assert!((2..6).contains(&taken), "{taken}");
    assert!(bench.unread_bytes() < BYTES_MAX + 1_000);
    assert_eq!(bench.stats.lags_count, 1);
    let cursor = bench.follower.cursor.through();
    assert!(!bench.follower.is_active());
    bench.follower.taken(bench.unread_bytes() - BYTES_MAX / 2 - 1, 0);
    assert!(!bench.follower.is_active());
    bench.follower.taken(1, 0);
    assert!(bench.follower.is_active());
    assert_eq!(bench.follower.cursor.through(), cursor, "nothing was skipped");
}

/// W9: it could only begin anew, for ever.
#[test]
fn the_snapshot_of_a_state_may_exceed_the_bound_but_not_without_end() {
    let mut bench = Bench::new(Terms::default());
    bench.follower.cursor.opened(&Watched::default());
    let taken = (0..1_000).take_while(|_| bench.take(0, 0, "other") == Taking::Taken).count();
    assert!(taken > 16 * BYTES_MAX / 1_000, "{taken}");
    assert!(bench.unread_bytes() < 17 * BYTES_MAX);
    assert!(matches!(bench.out.last(), Some(Effect::EndWatch(_, Some(error))) if error.kind() == ErrorKind::Overflow));
}

/// P13.
#[test]
fn what_this_client_published_is_left_out_if_asked_to_and_moves_the_cursor_all_the_same() {
    let mut bench = Bench::new(Terms { skips_own: true, ..after(0) });
    assert_eq!(bench.take(0, 1, "mine"), Taking::Taken);
    assert_eq!(bench.take(1, 2, "other"), Taking::Taken);
    let counts: Vec<_> = bench
        .out
        .iter()
        .map(|effect| match effect {
            Effect::Deliver(_, delivery) => (delivery.events.len(), delivery.cursor.map(|cursor| cursor.offset)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [(0, Some(1)), (1, Some(2))]);
}

#[test]
fn a_watch_that_ends_when_gone_ends_with_the_reason_and_without_the_event() {
    let mut bench = Bench::new(Terms { ends_when_gone: true, ..after(0) });
    let error = Error::from(fanfare_protocol::Code::Gone);
    let mut step = Step { moment: Moment::at_ms(0), stats: &mut bench.stats, out: &mut bench.out };
    assert!(!bench.follower.gone(&error, &mut step));
    assert!(matches!(&bench.out[..], [Effect::Deliver(_, delivery), Effect::EndWatch(_, Some(reason))]
        if delivery.events.is_empty() && *reason == error));
}
