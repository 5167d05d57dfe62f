//! Performing what a session allowed, and answering it.

use std::rc::Rc;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use bytes::Bytes;
use fanfare_cluster::Answered;
use fanfare_protocol::{Code, Error, History, Message, Publish, Subscribed, Unsubscribed, Watched};
use slab::Slab;

use super::actor::Connection;
use super::session::Request;
use crate::topic::plan::WatchPlan;
use crate::topic::publish::Origin;
use crate::topic::watch::Watching;

impl Connection {
    pub(super) fn perform(&mut self, id: u64, request: Request, heard_at: Instant, ctx: &mut Context<Self>) {
        match request {
            Request::Publish(publish) => self.publish(id, publish, heard_at, ctx),
            Request::Subscribe(plans, several) => self.subscribe(id, plans, several, ctx),
            Request::UpdateView(view, watch) => self.update_view(id, view, *watch, ctx),
            Request::Unsubscribe(view) => {
                let ended = match self.outlet.slot(view) {
                    Some(slot) => {
                        self.hub.unsubscribe(&self.outlet, slot);
                        self.meters.remove(&view);
                        Ok(Message::Unsubscribed(Unsubscribed { view }))
                    }
                    None => Err(Error::of(Code::NoSuchView)),
                };
                self.answer(id, ended, ctx);
            }
            Request::History(history) => self.history(id, history, ctx),
        }
    }

    fn publish(&mut self, id: u64, publish: Publish, heard_at: Instant, ctx: &mut Context<Self>) {
        // Proposed before anything else is read, so that a connection's publishes keep their order.
        let place = self.publishing.vacant_entry();
        let name = place.key() as u64;
        let origin = Origin { connection_id: Some(self.id.as_str()), heard_at };
        match self.hub.node().publish(publish, origin, || self.answers.ticket(name)) {
            Ok(publishing) => drop(place.insert((id, publishing))),
            Err(error) => self.answer(id, Err(error), ctx),
        }
    }

    pub(super) fn answered(&mut self, answers: Vec<Answered<Bytes>>, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for (name, answer) in answers {
            // Each ticket is answered once, so the name is that of the publish that it was drawn for.
            if let Some((id, publishing)) = self.publishing.try_remove(name as usize) {
                let published = publishing.end(answer, now, &self.hub.node().telemetry);
                self.answer(id, published.map(Message::Published), ctx);
            }
        }
        if self.publishing.is_empty() {
            // Who publishes rarely holds nothing for it.
            self.publishing = Slab::new();
        }
    }

    fn history(&mut self, id: u64, history: History, ctx: &mut Context<Self>) {
        let node = std::sync::Arc::clone(self.hub.node());
        let page = async move { node.history(&history).await.map(Message::HistoryPage) };
        ctx.spawn(page.into_actor(self).map(move |page, actor, ctx| actor.answer(id, page, ctx)));
    }

    fn subscribe(&mut self, id: u64, plans: Vec<Result<WatchPlan, Error>>, several: bool, ctx: &mut Context<Self>) {
        let (hub, outlet, wire) = (Rc::clone(&self.hub), Rc::clone(&self.outlet), self.view_wire());
        let opening = async move {
            let mut opened = Vec::with_capacity(plans.len());
            for plan in plans {
                opened.push(match plan {
                    Ok(plan) => {
                        let topic = plan.topic.clone();
                        let opened = Box::pin(plan.open(&hub, &outlet, wire)).await;
                        opened.map_err(|error| error.with_topic(topic.as_str()))
                    }
                    Err(error) => Err(error),
                });
            }
            opened
        };
        ctx.spawn(opening.into_actor(self).map(move |opened, actor, ctx| {
            actor.session.opened(opened.len());
            actor.subscribed(id, opened, several, ctx);
        }));
    }

    /// Answers first, then lets the readers run: SUBSCRIBED precedes any event of its view.
    pub(super) fn subscribed(
        &mut self,
        id: u64,
        opened: Vec<Result<Watching, Error>>,
        several: bool,
        ctx: &mut Context<Self>,
    ) {
        let mut views = Vec::with_capacity(opened.len());
        let mut starts = Vec::with_capacity(opened.len());
        for opened in opened {
            match opened {
                Ok(Watching { version, resumed, reader, start }) => {
                    self.meters.extend(reader.meter.clone().map(|meter| (reader.slot.view, meter)));
                    views.push(Watched {
                        view: reader.slot.view,
                        topic: reader.key.topic.as_str().to_owned(),
                        resource_version: Some(version),
                        resumed,
                        error: None,
                        stale: reader.terms.is_local,
                    });
                    starts.push((reader, start));
                }
                Err(error) if several => {
                    let topic = error.topic.clone().unwrap_or_default();
                    views.push(Watched { topic, error: Some(error), ..Watched::default() });
                }
                Err(error) => return self.answer(id, Err(error), ctx),
            }
        }
        let subscribed = match <[Watched; 1]>::try_from(views) {
            Ok([watched]) if !several => Subscribed { watched: Some(watched), views: Vec::new() },
            Ok(views) => Subscribed { watched: None, views: views.into() },
            Err(views) => Subscribed { watched: None, views },
        };
        let subscribed = Message::Subscribed(subscribed);
        if id == 0 && self.session.greets() {
            self.say(0, &subscribed);
        }
        self.answer(id, Ok(subscribed), ctx);
        for (reader, start) in starts {
            actix::spawn(reader.start(start));
        }
    }

    pub(super) fn answer(&mut self, id: u64, answer: Result<Message, Error>, ctx: &mut Context<Self>) {
        self.session.answered(id);
        self.hub.node().telemetry.requests_in_flight.dec();
        match answer {
            Ok(message) if id != 0 => self.say(id, &message),
            Ok(_) => {}
            Err(error) => self.fail(id, error),
        }
        if self.session.is_drained() {
            self.close_quietly(Code::GoingAway.number(), Code::GoingAway.name(), ctx);
        }
    }
}
