//! Topics read as one, for a client that can hold a single line: what each has new is told in turn, and a [`CombinedCursor`]
//! says where all of them stand. Nothing is shared with other clients but the log, for no two of them have the same cursor.
//! A long poll of one topic is read so too.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fanfare_protocol::json::Remarks;
use fanfare_protocol::{Error, Event, EventType, OnGone, ResourceVersion, TopicName};
use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::time::{Instant, timeout_at};

use super::catch_up::Start;
use super::combined::CombinedCursor;
use super::part::{Part, Read};
use super::plan::{Begin, WatchPlan};
use crate::hub::{Hub, Outlet};
use crate::log::{Gap, Kind, ReadLimit, Snapshot};
use crate::view::{self, FRAME_BYTES, Pacer, Wire};

/// What is read of a topic before the next one has its turn.
const TURN: ReadLimit = ReadLimit { count: 256, bytes: FRAME_BYTES as u64 };

/// See the module.
#[derive(Debug)]
pub struct Together {
    hub: Rc<Hub>,
    parts: Vec<Part>,
    cursor: CombinedCursor,
    manner: Manner,
    /// Events that it may still tell; as many as there are without one.
    credit: Option<u64>,
    /// The same without snapshots, which are told whole and do not count.
    room: Option<u64>,
    /// Whose turn it is.
    next: usize,
    /// From when moments are counted.
    began: Instant,
    /// The pace of an answer, which waits as a whole.
    answer: Option<Pacer>,
    /// That answer is being given.
    is_released: bool,
}

/// How it tells what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Each event names its topic.
    pub has_names: bool,
    /// Each event comes with the cursor behind it.
    pub has_cursors: bool,
    /// It is told in one answer, and what its client was told before cannot be known. Else it goes on for ever, and each topic
    /// has a pace of its own.
    pub is_answer: bool,
}

/// An event, and where all topics stand behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What happened.
    pub event: Arc<Event>,
    /// What it says of its topic's snapshot.
    pub remarks: Remarks,
    /// To be handed back by a client that goes on behind it.
    pub cursor: Option<String>,
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
        manner: Manner,
    ) -> Result<Self, Error> {
        let mut together = Self {
            hub: Rc::clone(hub),
            parts: Vec::with_capacity(plans.len()),
            // Who comes back for a few events at a time would else always meet the same topic first, and never the others.
            next: cursor.turn(),
            cursor,
            manner,
            credit,
            room: None,
            began: Instant::now(),
            answer: None,
            is_released: false,
        };
        let mut comes_back = false;
        for (index, mut plan) in plans.into_iter().enumerate() {
            if let Some(version) = together.cursor.of(index) {
                plan.begin = Begin::After(version);
            }
            comes_back |= matches!(plan.begin, Begin::After(_));
            let (topic, lens) = (plan.topic.clone(), plan.lens.clone());
            let opened = Box::pin(plan.open(hub, outlet, Wire::Signal)).await;
            let watching = opened.map_err(|error| together.named_error(error, &topic))?;
            if let Start::After(version) = watching.start {
                together.cursor.reach(index, version);
            }
            let mut part = Part::new(watching, lens.as_ref(), hub.node());
            if let Some(lens) = lens.filter(|_| part.held.is_some()) {
                let pace = *lens.pace();
                // Who comes back may have been answered the moment before.
                match manner.is_answer {
                    true if comes_back => together.answer = Some(Pacer::spent(pace, Duration::ZERO)),
                    true => together.answer = Some(Pacer::new(pace)),
                    false => part.pacer = Some(Pacer::new(pace)),
                }
            }
            together.parts.push(part);
        }
        Ok(together)
    }

    /// Tells no more than so many events beside snapshots.
    pub fn at_most(&mut self, events: Option<u64>) {
        self.room = events;
    }

    /// Where all of them stand.
    #[must_use]
    pub fn cursor(&self) -> &CombinedCursor {
        &self.cursor
    }

    /// Whether one of them begins without a snapshot, at whose end it could be said what is to be said of the answer.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.start, Some(Start::After(_))))
    }

    /// Whether it has told as many events as it may.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.credit == Some(0) || self.room == Some(0)
    }

    /// What the next topic in turn has new and may tell; `None` when none has anything, or nothing more may be told.
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
            let told = self.turn(index).await.map_err(|error| self.named_error(error, &self.parts[index].topic))?;
            if !told.is_empty() {
                let count = told.iter().filter(|told| view::is_logged(&told.event)).count() as u64;
                self.credit = self.credit.map(|credit| credit.saturating_sub(count));
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// Resolves when one of them may have something new, or may tell what it has.
    pub async fn moved(&mut self) {
        // Nothing awaits between this and the registration, so no move is missed.
        if self.parts.iter().any(|part| part.has_news(&self.hub)) {
            return;
        }
        let due = self.due();
        let moved = select_all(self.parts.iter().map(|part| part.moved(&self.hub).boxed_local()));
        match due {
            Some(due) => drop(timeout_at(due, moved).await),
            None => drop(moved.await),
        }
    }

    /// An answer is given now, whatever its pace: it tells what there is, and with a ceiling what that allows, at least one event.
    pub fn release(&mut self) {
        self.is_released = true;
        if let Some(pacer) = &mut self.answer {
            pacer.allow_one(self.began.elapsed());
        }
    }

    /// When something that waits may be told.
    fn due(&mut self) -> Option<Instant> {
        let now = self.began.elapsed();
        let Self { parts, answer, .. } = self;
        let waiting = parts.iter_mut().filter(|part| part.waits());
        let due = waiting.filter_map(|part| answer.as_mut().or(part.pacer.as_mut())?.due(now)).min()?;
        self.began.checked_add(due)
    }

    async fn turn(&mut self, index: usize) -> Result<Vec<Told>, Error> {
        match self.parts[index].start.take() {
            Some(Start::Snapshot(snapshot)) => return Ok(self.snapshot(index, snapshot, Vec::new())),
            Some(Start::Gap(_, gap)) => return self.gap(index, &gap).await,
            Some(Start::After(version)) => self.parts[index].cursor = version,
            None => {}
        }
        loop {
            let told = self.paced(index);
            if !told.is_empty() {
                return Ok(told);
            }
            let count = self.affords(TURN.count);
            let part = &mut self.parts[index];
            if part.is_answered {
                return Ok(Vec::new());
            }
            let limit = ReadLimit { count: if part.held.is_some() { TURN.count } else { count }, ..TURN };
            let events = match part.read(&self.hub, limit).await? {
                Read::Page(events) => events,
                Read::Nothing => return Ok(Vec::new()),
                Read::Gap(gap) => {
                    // What waits is told before what ends it.
                    let told = self.send(index, usize::MAX);
                    return if told.is_empty() { self.gap(index, &gap).await } else { Ok(told) };
                }
            };
            if part.held.is_none() {
                let (shown, through) = (part.glass.show(&events), part.cursor);
                let told = self.tell(index, &shown, through);
                if told.is_empty() {
                    continue;
                }
                return Ok(told);
            }
            let has_news = part.take(&events);
            if !part.waits() {
                self.cursor.reach(index, part.cursor);
                self.forget(index);
            } else if has_news && let Some(pacer) = self.answer.as_mut().or(part.pacer.as_mut()) {
                pacer.heard(self.began.elapsed());
            }
            // All that has come waits in one batch, and others have their turn while it is read.
            tokio::task::yield_now().await;
        }
    }

    /// Nothing waits of a topic that has been heard of: what did was replaced by what is not to be told.
    fn forget(&mut self, index: usize) {
        let is_quiet = self.answer.is_none() || self.parts.iter().all(|part| !part.waits());
        let pacer = self.answer.as_mut().or(self.parts[index].pacer.as_mut());
        if let Some(pacer) = pacer.filter(|_| is_quiet) {
            pacer.forget();
        }
    }

    /// What waits of a topic, as far as it may be told.
    fn paced(&mut self, index: usize) -> Vec<Told> {
        let now = self.began.elapsed();
        let part = &mut self.parts[index];
        let Some(held) = part.held.as_ref().filter(|held| !held.is_empty()) else { return Vec::new() };
        let Some(pacer) = self.answer.as_mut().or(part.pacer.as_mut()) else { return Vec::new() };
        let is_full = held.is_full();
        if !(is_full || self.is_released || pacer.due(now).is_some_and(|due| due <= now)) {
            return Vec::new();
        }
        // What the other topics have waited with it.
        self.is_released |= self.manner.is_answer;
        let most = if is_full { usize::MAX } else { pacer.most(now) };
        self.parts[index].is_answered = self.is_released;
        self.send(index, most)
    }

    /// What waits of a topic, at most so many events.
    fn send(&mut self, index: usize, most: usize) -> Vec<Told> {
        let most = self.affords(most);
        let part = &mut self.parts[index];
        let Some(sent) = part.send(most) else { return Vec::new() };
        let waits = part.waits();
        if let Some(pacer) = self.answer.as_mut().or(part.pacer.as_mut()) {
            pacer.sent(self.began.elapsed(), sent.count, waits);
        }
        let through = sent.through.unwrap_or(part.cursor);
        self.tell(index, &sent.events, through)
    }

    /// So many events, or what the credit and the room allow.
    fn affords(&self, most: usize) -> usize {
        let allowed = [self.credit, self.room].into_iter().flatten().min();
        allowed.map_or(most, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX).min(most))
    }

    /// Events, behind which everything of their topic up to `through` is told.
    fn tell(&mut self, index: usize, events: &[Arc<Event>], through: ResourceVersion) -> Vec<Told> {
        let mut told = Vec::with_capacity(events.len());
        for event in events {
            if let Some(version) = event.resource_version {
                self.cursor.reach(index, version);
            }
            told.push(self.told(index, event));
        }
        self.cursor.reach(index, through);
        if let Some(last) = told.last_mut() {
            last.cursor = self.text();
        }
        self.room = self.room.map(|room| room.saturating_sub(told.len() as u64));
        told
    }

    async fn gap(&mut self, index: usize, gap: &Gap) -> Result<Vec<Told>, Error> {
        let part = &self.parts[index];
        let error = gap.to_error(part.topic.as_str());
        if part.terms.on_gone == OnGone::Close {
            return Err(error);
        }
        self.cursor.forget(index);
        let gone = self.told(index, &view::trouble(EventType::Gone, error));
        let (part, node) = (&self.parts[index], self.hub.node());
        let snapshot = node.fetch(node.log.snapshot(&part.topic, part.terms.limit)).await?;
        Ok(self.snapshot(index, snapshot, vec![gone]))
    }

    fn snapshot(&mut self, index: usize, snapshot: Snapshot, mut told: Vec<Told>) -> Vec<Told> {
        let part = &mut self.parts[index];
        part.go_on(snapshot.version);
        let is_local = part.terms.is_local;
        for item in part.glass.items(snapshot.items) {
            // The items of a `stream` are its last publications, and each of them can be gone on from.
            if let Some(version) = item.resource_version.filter(|_| snapshot.kind == Kind::Stream) {
                self.cursor.reach(index, version);
            }
            told.push(self.told(index, &item));
        }
        self.cursor.reach(index, snapshot.version);
        let end = self.told(index, &view::marker(EventType::SnapshotEnd, snapshot.version));
        told.push(Told { remarks: Remarks { limited: snapshot.limited, stale: is_local }, ..end });
        told
    }

    fn told(&self, index: usize, event: &Arc<Event>) -> Told {
        let event = match self.manner.has_names {
            true => Arc::new(Event { topic: Some(self.parts[index].topic.as_str().to_owned()), ..Event::clone(event) }),
            false => Arc::clone(event),
        };
        Told { event, remarks: Remarks::default(), cursor: self.text() }
    }

    fn text(&self) -> Option<String> {
        self.manner.has_cursors.then(|| self.cursor.to_string())
    }

    fn named_error(&self, error: Error, topic: &TopicName) -> Error {
        if self.manner.has_names { error.with_topic(topic.as_str()) } else { error }
    }
}
