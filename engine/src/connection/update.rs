//! `UPDATE_VIEW` and `GRANT`: what a client changes about a view that it has (rules W17 and W18 of the protocol's `SPEC.md`).

use std::rc::Rc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use fanfare_protocol::{Code, Error, From, Grant, Message, OnGone, Subscribed, ViewState, Watch, Watched};

use super::actor::Connection;
use crate::hub::Slot;
use crate::topic::plan::{Begin, WatchPlan};
use crate::view::{self, ViewKey};

/// What a living view becomes.
enum Updated {
    /// It is what it was: its answer is told.
    Same(Box<Watched>),
    /// Another one.
    Other(Box<WatchPlan>),
}

impl Connection {
    pub(super) fn grant(&self, id: u64, Grant { view, events }: Grant) {
        match self.meters.get(&view) {
            Some(meter) => meter.grant(events),
            None if self.outlet.slot(view).is_some() => {}
            None => self.fail(id, Error::of(Code::NoSuchView)),
        }
    }

    pub(super) fn update_view(&mut self, id: u64, view: u32, watch: Watch, ctx: &mut Context<Self>) {
        let updated = match self.outlet.slot(view) {
            Some(slot) => self.updated(slot, watch).map(|updated| (slot, updated)),
            None => Err(Error::of(Code::NoSuchView)),
        };
        let (slot, plan) = match updated {
            Ok((slot, Updated::Other(plan))) => (slot, plan),
            Ok((_, Updated::Same(watched))) => {
                let same = Subscribed { watched: Some(*watched), views: Vec::new() };
                return self.answer(id, Ok(Message::Subscribed(same)), ctx);
            }
            Err(error) => return self.answer(id, Err(error), ctx),
        };
        // Before the other one is opened: what it goes on from is where this one stands now.
        self.hub.unsubscribe(&self.outlet, slot);
        self.meters.remove(&view);
        let (hub, outlet, wire) = (Rc::clone(&self.hub), Rc::clone(&self.outlet), self.view_wire());
        let opening = async move { Box::pin(plan.open(&hub, &outlet, wire)).await };
        ctx.spawn(opening.into_actor(self).map(move |opened, actor, ctx| {
            if let Err(error) = &opened {
                let (outlet, code) = (&actor.outlet, Some(error.code));
                outlet.push(|out| view::encode_state(wire, view, ViewState::Closed, code, out));
            }
            actor.subscribed(id, vec![opened], false, ctx);
        }));
    }

    fn updated(&self, slot: Slot, watch: Watch) -> Result<Updated, Error> {
        let gone = || Error::of(Code::NoSuchView);
        let (key, terms, cursor) = self.hub.standing(slot).ok_or_else(gone)?;
        if !watch.topic.is_empty() && watch.topic != key.topic.as_str() {
            let message = "a view stays with its topic; end it and open another one";
            return Err(Error::of(Code::BadParameter).with_parameter("topic").with_message(message));
        }
        let begins = [("from", watch.from() != From::Snapshot), ("resourceVersion", watch.resource_version.is_some())];
        if let Some((name, _)) = begins.into_iter().find(|(_, is_given)| *is_given) {
            return Err(Error::bad_parameter(name, "a view goes on from where it is; end it and open another one"));
        }
        let credit = watch.credit.or_else(|| self.meters.get(&slot.view).and_then(|meter| meter.credit()));
        let on_gone = watch.on_gone;
        let (is_limited, is_granted) = (watch.limit.is_some(), watch.credit.is_some());
        let watch = Watch { topic: key.topic.as_str().to_owned(), credit, ..watch };
        let items_max = self.hub.node().config.limits.page_items_max;
        let plan = WatchPlan::new(&watch, OnGone::Snapshot, items_max);
        let mut plan = plan.map_err(|error| error.with_topic(&watch.topic))?;
        if on_gone == OnGone::Unspecified as i32 {
            plan.terms.on_gone = terms.on_gone;
        }
        if !is_limited {
            plan.terms.limit = terms.limit;
        }
        let other = ViewKey { lens: plan.lens.clone(), ..key.clone() };
        if other == key && plan.terms == terms && !is_granted {
            return Ok(Updated::Same(Box::new(Watched {
                view: slot.view,
                topic: key.topic.as_str().to_owned(),
                resource_version: cursor,
                resumed: true,
                error: None,
                stale: terms.is_local,
            })));
        }
        let is_open =
            |open: &Slot| *open != slot && self.hub.standing(*open).is_some_and(|(key, ..)| key.is_alike(&other));
        if self.outlet.slots().iter().any(is_open) {
            return Err(Error::of(Code::AlreadySubscribed));
        }
        let shows_as = match (&key.lens, &other.lens) {
            (None, None) => true,
            (Some(was), Some(is)) => was.shows_as(is),
            (None, Some(lens)) | (Some(lens), None) => lens.shows_all(),
        };
        let is_state = self.hub.node().is_state(&key.topic);
        // What comes into sight of a `state` topic was published before, and no cursor leads to it.
        plan.begin = match cursor {
            Some(cursor) if !is_state || shows_as => Begin::After(cursor),
            Some(_) | None => Begin::Snapshot,
        };
        Ok(Updated::Other(Box::new(plan)))
    }
}
