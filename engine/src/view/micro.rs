//! What a lens costs for one event: read it, judge it, keep some of its fields.

use std::hint::black_box;
use std::sync::Arc;

use fanfare_protocol::{Event, Watch};

use super::{Change, Facts, Kept, Lens, Was};
use crate::micro::{Body, Case, sample};

pub(crate) const CASES: [Case; 5] = [
    Case { name: "view/filter", rounds: 1_000, prepare: filter },
    Case { name: "view/equality", rounds: 1_000, prepare: equality },
    Case { name: "view/fields", rounds: 1_000, prepare: fields },
    Case { name: "view/patch", rounds: 1_000, prepare: patch },
    Case { name: "view/compile", rounds: 1_000, prepare: compile },
];

fn lens(watch: &Watch) -> Arc<Lens> {
    Lens::new(watch).expect("a good watch").expect("it is more than everything")
}

/// The events differ, so that the lens shows some of them and leaves others out.
fn shown(lens: Arc<Lens>, events: Vec<Arc<Event>>) -> Body {
    let (mut kept, mut at) = (Kept::default(), 0);
    Box::new(move || {
        at = (at + 1) % events.len();
        let event = black_box(&events[at]);
        let facts = Facts::of(event);
        black_box(lens.show(Change { event, facts: &facts, was: Was::Beside }, &mut kept));
    })
}

/// What a page of a market asks for.
const FILTER: &str =
    "data.price > 120 && (data.venue.name == 'north' || data.size in [11, 12]) && size(data.note) < 80";

fn filter() -> Body {
    shown(lens(&Watch { filter: Some(FILTER.to_owned()), ..Watch::default() }), sample::events(1_000, 100))
}

fn equality() -> Body {
    let r#where = [("data.symbol".to_owned(), "S950".to_owned())].into();
    shown(lens(&Watch { r#where, ..Watch::default() }), sample::events(1_000, 100))
}

fn fields() -> Body {
    let fields = ["data.price", "data.venue.lane"].map(str::to_owned).to_vec();
    shown(lens(&Watch { fields, ..Watch::default() }), sample::events(1_000, 100))
}

/// Of a `state` topic, each event after the one before.
fn patch() -> Body {
    let lens = lens(&Watch { delta: true, ..Watch::default() });
    let (events, mut kept, mut at) = (sample::events(1_000, 100), Kept::default(), 0);
    Box::new(move || {
        let before = &events[at];
        at = (at + 1) % events.len();
        let event = black_box(&events[at]);
        let (facts, of_before) = (Facts::of(event), Facts::of(before));
        black_box(lens.show(Change { event, facts: &facts, was: Was::Put(before, &of_before) }, &mut kept));
    })
}

/// Once for each subscription that has one.
fn compile() -> Body {
    let watch = Watch { filter: Some(FILTER.to_owned()), ..Watch::default() };
    Box::new(move || {
        black_box(lens(black_box(&watch)));
    })
}
