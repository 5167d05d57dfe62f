//! Several topics read as one, for a client that can hold a single line: what each has new is told in turn, and a
//! [`CombinedCursor`] says where all of them stand. Nothing is shared with other clients but the log, for no two of them have
//! the same cursor.

use std::rc::Rc;
use std::sync::Arc;

use fanfare_protocol::json::Remarks;
use fanfare_protocol::{Error, Event, EventType, OnGone, ResourceVersion, TopicName};
use futures_util::FutureExt;
use futures_util::future::select_all;

use super::catch_up::Start;
use super::combined::CombinedCursor;
use super::glass::Glass;
use super::plan::{Begin, WatchPlan};
use super::watch::Watching;
use crate::hub::{Hub, Outlet, Slot, Terms};
use crate::log::{Gap, Kind, Page, ReadLimit, Snapshot};
use crate::view::{self, FRAME_BYTES, Wire};

/// What is read of a topic before the next one has its turn.
const TURN: ReadLimit = ReadLimit { count: 256, bytes: FRAME_BYTES as u64 };

/// See the module.
#[derive(Debug)]
pub struct Together {
    hub: Rc<Hub>,
    parts: Vec<Part>,
    cursor: CombinedCursor,
    /// Events that it may still tell; as many as there are without one.
    credit: Option<u64>,
    /// Whose turn it is.
    next: usize,
}

#[derive(Debug)]
struct Part {
    topic: TopicName,
    slot: Slot,
    terms: Terms,
    glass: Glass,
    /// What it begins with, until that was told.
    start: Option<Start>,
    cursor: ResourceVersion,
    /// Where the topic stood when it was last read to its end.
    seen: Option<ResourceVersion>,
}

/// An event, with its topic, and where all topics stand behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What happened.
    pub event: Arc<Event>,
    /// What it says of its topic's snapshot.
    pub remarks: Remarks,
    /// To be handed back by a client that goes on behind it.
    pub cursor: String,
}

impl Told {
    fn at(cursor: &CombinedCursor, event: Arc<Event>) -> Self {
        Self { event, remarks: Remarks::default(), cursor: cursor.to_string() }
    }
}

impl Together {
    /// Opens all of them, in the order of their names, each where the cursor says. No more than `credit` events are told, but
    /// for snapshots, which are told whole and count.
    ///
    /// # Errors
    /// Those of each; see [`WatchPlan::open`].
    pub async fn open(
        hub: &Rc<Hub>,
        outlet: &Rc<Outlet>,
        plans: Vec<WatchPlan>,
        cursor: CombinedCursor,
        credit: Option<u64>,
    ) -> Result<Self, Error> {
        // Who comes back for a few events at a time would else always meet the same topic first, and never the others.
        let next = cursor.turn();
        let mut together = Self { hub: Rc::clone(hub), parts: Vec::with_capacity(plans.len()), cursor, credit, next };
        for (index, mut plan) in plans.into_iter().enumerate() {
            if let Some(version) = together.cursor.of(index) {
                plan.begin = Begin::After(version);
            }
            let (topic, terms) = (plan.topic.clone(), plan.terms);
            let glass = Glass::new(plan.lens.clone(), hub.node().is_state(&topic), false);
            let opened = Box::pin(plan.open(hub, outlet, Wire::Signal)).await;
            let Watching { version, reader, start, .. } = opened.map_err(|error| error.with_topic(topic.as_str()))?;
            if let Start::After(version) = start {
                together.cursor.reach(index, version);
            }
            let part = Part { topic, slot: reader.slot, terms, glass, start: Some(start), cursor: version, seen: None };
            together.parts.push(part);
        }
        Ok(together)
    }

    /// Where all of them stand.
    #[must_use]
    pub fn cursor(&self) -> String {
        self.cursor.to_string()
    }

    /// Whether one of them begins without a snapshot, at whose end it could be said what is to be said of the answer.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.start, Some(Start::After(_))))
    }

    /// Whether it has told as many events as it may.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.credit == Some(0)
    }

    /// What the next topic in turn has new; `None` when none has anything, or nothing more may be told.
    ///
    /// # Errors
    /// `STORAGE_FAULT`, and with `onGone=close` `GONE` and `EPOCH_CHANGED`, of the topic that is named.
    pub async fn ready(&mut self) -> Result<Option<Vec<Told>>, Error> {
        if self.is_spent() {
            return Ok(None);
        }
        for _ in 0..self.parts.len() {
            let index = self.next;
            self.next = (index + 1) % self.parts.len();
            let told = self.turn(index).await.map_err(|error| error.with_topic(self.parts[index].topic.as_str()))?;
            if !told.is_empty() {
                let count = told.iter().filter(|told| view::is_logged(&told.event)).count() as u64;
                self.credit = self.credit.map(|credit| credit.saturating_sub(count));
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// Resolves when one of them may have something new.
    pub async fn moved(&self) {
        // Nothing awaits between this and the registration, so no move is missed.
        if self.parts.iter().any(|part| part.seen != self.hub.head(part.slot)) {
            return;
        }
        select_all(self.parts.iter().map(|part| self.hub.moved(part.slot).boxed_local())).await;
    }

    async fn turn(&mut self, index: usize) -> Result<Vec<Told>, Error> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(Vec::new()) };
        let cursor = match part.start.take() {
            Some(Start::Snapshot(snapshot)) => return Ok(self.snapshot(index, snapshot, Vec::new())),
            Some(Start::Gap(_, gap)) => return self.gap(index, &gap).await,
            Some(Start::After(version)) => version,
            None => part.cursor,
        };
        part.cursor = cursor;
        let credit = self.credit.map_or(usize::MAX, |credit| usize::try_from(credit).unwrap_or(usize::MAX));
        let limit = ReadLimit { count: TURN.count.min(credit), ..TURN };
        let node = self.hub.node();
        loop {
            let head = self.hub.head(part.slot);
            if part.seen.is_some() && part.seen == head {
                return Ok(Vec::new());
            }
            let Page { events, through, more, .. } =
                match node.fetch(node.log.read_after(&part.topic, part.cursor, limit)).await? {
                    Ok(page) => page,
                    Err(gap) => return self.gap(index, &gap).await,
                };
            part.cursor = through;
            if !more {
                part.seen = head;
            }
            let shown = part.glass.show(&events);
            if shown.is_empty() {
                self.cursor.reach(index, through);
                if more {
                    continue;
                }
                return Ok(Vec::new());
            }
            let mut told = Vec::with_capacity(shown.len());
            for event in shown {
                if let Some(version) = event.resource_version {
                    self.cursor.reach(index, version);
                }
                told.push(Told::at(&self.cursor, named(&event, &part.topic)));
            }
            self.cursor.reach(index, through);
            if let Some(last) = told.last_mut() {
                last.cursor = self.cursor.to_string();
            }
            return Ok(told);
        }
    }

    async fn gap(&mut self, index: usize, gap: &Gap) -> Result<Vec<Told>, Error> {
        let part = &self.parts[index];
        let error = gap.to_error(part.topic.as_str());
        if part.terms.on_gone == OnGone::Close {
            return Err(error);
        }
        self.cursor.forget(index);
        let event = named(&view::trouble(EventType::Gone, error), &part.topic);
        let gone = Told::at(&self.cursor, event);
        let node = self.hub.node();
        let snapshot = node.fetch(node.log.snapshot(&part.topic, part.terms.limit)).await?;
        Ok(self.snapshot(index, snapshot, vec![gone]))
    }

    fn snapshot(&mut self, index: usize, snapshot: Snapshot, mut told: Vec<Told>) -> Vec<Told> {
        let part = &mut self.parts[index];
        (part.cursor, part.seen) = (snapshot.version, None);
        for item in part.glass.items(snapshot.items) {
            // The items of a `stream` are its last publications, and each of them can be gone on from.
            if let Some(version) = item.resource_version.filter(|_| snapshot.kind == Kind::Stream) {
                self.cursor.reach(index, version);
            }
            told.push(Told::at(&self.cursor, named(&item, &part.topic)));
        }
        self.cursor.reach(index, snapshot.version);
        let end = view::marker(EventType::SnapshotEnd, snapshot.version);
        let remarks = Remarks { limited: snapshot.limited, stale: part.terms.is_local };
        told.push(Told { remarks, ..Told::at(&self.cursor, named(&end, &part.topic)) });
        told
    }
}

fn named(event: &Event, topic: &TopicName) -> Arc<Event> {
    Arc::new(Event { topic: Some(topic.as_str().to_owned()), ..event.clone() })
}
