//! From a cursor to the head: the one way for a reader who is behind, whatever made it so.
//!
//! A fresh subscription with history, a resume after a reconnect and a reader that fell off its ring all come
//! here: the log is read in pages as fast as the outlet takes them, until the hub says that the cursor lies in the
//! ring. Keeps rules W6 to W12 of the protocol's `SPEC.md`. Does not decide what a client may see.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use fanfare_protocol::json::Remarks;
use fanfare_protocol::{Error, Event, EventType, OnGone, ResourceVersion, ViewState};

use super::glass::Glass;
use super::meter::Meter;
use crate::hub::{Continue, EncodedPage, Hub, Notice, Outlet, PageKey, Slot, Terms};
use crate::log::{Gap, Kind, Page, ReadLimit, Snapshot};
use crate::telemetry::{CatchUpOutcome, Packed};
use crate::view::{self, FRAME_BYTES, Span, ViewKey};

/// Events of a page: one frame's worth, so that a socket that blocks is never far behind what was read for it.
const PAGE_EVENTS: usize = 256;

/// A subscription on its way to the head.
#[derive(Debug)]
pub struct Reader {
    /// The worker's hub.
    pub hub: Rc<Hub>,
    /// Where its frames go.
    pub outlet: Rc<Outlet>,
    /// Its place in the view.
    pub slot: Slot,
    /// What it reads, how its frames look, and what they show.
    pub key: ViewKey,
    /// What to do at a gap.
    pub terms: Terms,
    /// How much it takes, if that is less than there is.
    pub meter: Option<Rc<Meter>>,
}

/// Where a new subscription begins.
#[derive(Debug)]
pub enum Start {
    /// After this version.
    After(ResourceVersion),
    /// With this snapshot.
    Snapshot(Snapshot),
    /// The cursor cannot be continued, and the client wants a snapshot instead.
    Gap(ResourceVersion, Gap),
}

/// The reader is over.
pub(super) enum Ended {
    /// Its cursor could not be continued; the client has been told.
    Gone,
    /// Its outlet or its subscription ended.
    Closed,
}

/// A reader at work.
pub(super) struct CatchUp {
    pub(super) reader: Reader,
    pub(super) glass: RefCell<Glass>,
}

impl Reader {
    /// Brings a new subscription to the head.
    pub async fn start(self, start: Start) {
        let reading = CatchUp::new(self, false);
        let outcome = async {
            let cursor = match start {
                Start::After(version) => {
                    reading.glass.borrow_mut().begin_after(version);
                    version
                }
                Start::Snapshot(snapshot) => reading.send_snapshot(snapshot).await?,
                Start::Gap(cursor, gap) => reading.gap(cursor, &gap).await?,
            };
            reading.go_on(cursor).await
        }
        .await;
        reading.count(&outcome);
    }

    /// Brings back a subscription whose frames were evicted before it took them.
    pub async fn resume_lagging(self, cursor: ResourceVersion) {
        let reading = CatchUp::new(self, true);
        let telemetry = &reading.reader.hub.node().telemetry;
        telemetry.lagging_subscriptions.inc();
        reading.tell(ViewState::Lagging, None);
        let outcome = reading.go_on(cursor).await;
        telemetry.lagging_subscriptions.dec();
        reading.count(&outcome);
        if outcome.is_ok() {
            reading.tell(ViewState::Live, None);
        }
    }
}

impl CatchUp {
    fn new(reader: Reader, is_lagging: bool) -> Self {
        let node = reader.hub.node();
        let is_state = node.is_state(&reader.key.topic);
        // Who is metered reads by itself for ever; all others go on in a view that is told what was there before.
        let held = reader.meter.is_some().then(|| node.hold());
        let glass = Glass::new(reader.key.lens.clone(), is_state, is_lagging, held);
        Self { reader, glass: RefCell::new(glass) }
    }

    async fn go_on(&self, cursor: ResourceVersion) -> Result<(), Ended> {
        let Some(meter) = &self.reader.meter else { return self.follow(cursor).await };
        match self.queue(cursor) {
            Some(queue) => self.follow_paced(queue, meter).await,
            None => self.follow_metered(cursor, meter).await,
        }
    }

    fn count(&self, outcome: &Result<(), Ended>) {
        let outcome = match outcome {
            Ok(()) => CatchUpOutcome::Live,
            Err(Ended::Gone) => CatchUpOutcome::Gone,
            Err(Ended::Closed) => CatchUpOutcome::Closed,
        };
        self.reader.hub.node().telemetry.catch_up.of(outcome).inc();
    }

    async fn follow(&self, mut cursor: ResourceVersion) -> Result<(), Ended> {
        let Reader { hub, slot, .. } = &self.reader;
        loop {
            self.room().await?;
            match hub.join(*slot, cursor) {
                Continue::Live => return Ok(()),
                Continue::Wait => hub.moved(*slot).await,
                Continue::ReadThrough(offset) => cursor = self.read(cursor, offset, PAGE_EVENTS).await?.0,
                Continue::OtherEpoch => {
                    let (before, seen) = (cursor, hub.head(*slot));
                    cursor = self.read(cursor, u64::MAX, PAGE_EVENTS).await?.0;
                    // Nothing awaits between this and the registration, so no move of the view is missed.
                    if cursor == before && hub.head(*slot) == seen {
                        hub.moved(*slot).await;
                    }
                }
            }
        }
    }

    /// Reads one page of at most so many events, up to `through`; gives the cursor behind it, and how many events of it
    /// are shown.
    pub(super) async fn read(
        &self,
        cursor: ResourceVersion,
        through: u64,
        events_max: usize,
    ) -> Result<(ResourceVersion, usize), Ended> {
        let (hub, glass) = (&self.reader.hub, &self.glass);
        let is_shared = self.reader.meter.is_none() && glass.borrow().is_shared();
        let turn = hub.turn().await;
        let shared = is_shared.then(|| self.page_key(cursor)).flatten();
        if let Some(page) = shared.and_then(|key| hub.page(key, through)) {
            self.push_bytes(&page.bytes)?;
            self.stands_at(page.through);
            return Ok((page.through, page.shown));
        }
        let limit = ReadLimit { count: events_max.min(PAGE_EVENTS), bytes: FRAME_BYTES as u64 };
        let page = match self.fetch(cursor, limit).await? {
            Ok(page) => page,
            Err(gap) => {
                // What comes instead waits for a client, and no one else should.
                drop(turn);
                return Ok((self.gap(cursor, &gap).await?, 0));
            }
        };
        let fits = |e: &Arc<Event>| e.resource_version.is_some_and(|v| v.offset <= through);
        let count = page.events.iter().take_while(|e| fits(e)).count();
        // What left the history by its own `ttl`, or is not shown, is covered without an event.
        let through = ResourceVersion::new(page.through.epoch, page.through.offset.min(through));
        let shown = self.glass.borrow_mut().show(&page.events[..count]);
        let bookmark = [view::marker(EventType::Bookmark, through)];
        let events = if shown.is_empty() { &bookmark[..] } else { &shown };
        if !shown.is_empty() || through != page.after {
            let mut bytes = Vec::new();
            let span = Span::new(page.after, through, events);
            self.encode(&span, &mut bytes);
            self.push_bytes(&bytes)?;
            self.stands_at(through);
            // The topic may have ended since it was asked for its life.
            if let Some(key) = shared.filter(|key| key.epoch == through.epoch) {
                hub.keep_page(key, EncodedPage { bytes: bytes.into(), through, shown: shown.len() });
            }
        }
        self.reader.hub.node().telemetry.catch_up_events.inc_by(count as u64);
        Ok((through, shown.len()))
    }

    /// Reads a page when it is its turn.
    pub(super) async fn page(&self, cursor: ResourceVersion, limit: ReadLimit) -> Result<Result<Page, Gap>, Ended> {
        let _turn = self.reader.hub.turn().await;
        self.fetch(cursor, limit).await
    }

    async fn fetch(&self, cursor: ResourceVersion, limit: ReadLimit) -> Result<Result<Page, Gap>, Ended> {
        let Reader { hub, key, .. } = &self.reader;
        match hub.node().fetch(hub.node().log.read_after(&key.topic, cursor, limit)).await {
            Ok(page) => {
                let bytes = |page: &Page| page.events.iter().map(|event| view::event_bytes(event)).sum();
                hub.has_read(page.as_ref().map_or(0, bytes));
                Ok(page)
            }
            Err(error) => self.fail(error),
        }
    }

    /// Of a page that others may want too. Behind `0.0` it is another one in each life of the topic, and the log knows which this is.
    fn page_key(&self, after: ResourceVersion) -> Option<PageKey> {
        let Reader { hub, slot, key, .. } = &self.reader;
        let epoch = if after.is_none() { hub.node().log.head(&key.topic).ok()?.epoch } else { after.epoch };
        Some(PageKey { view: slot.view, after, epoch, is_conflated: self.glass.borrow().conflates() })
    }

    async fn send_snapshot(&self, snapshot: Snapshot) -> Result<ResourceVersion, Ended> {
        let Snapshot { kind, version, after, limited, items } = snapshot;
        let is_fold = kind != Kind::Stream;
        let mut items = self.glass.borrow_mut().items(items);
        if let Some(meter) = &self.reader.meter {
            meter.spend(items.len());
        }
        items.push(view::marker(EventType::SnapshotEnd, version));
        let remarks = Remarks { limited, stale: self.reader.terms.is_local };
        let span = Span { after, through: version, limited, remarks, resumable: !is_fold, events: &items };
        for span in span.split() {
            self.room().await?;
            // The end of a fold's snapshot is the first version from which it can be resumed.
            let is_last = span.through == version;
            if is_fold && is_last && span.events.len() > 1 {
                let (body, end) = span.events.split_at(span.events.len() - 1);
                self.push_parts(&span, body, end)?;
            } else {
                self.push(&Span { resumable: span.resumable || is_last, ..span })?;
            }
        }
        Ok(version)
    }

    /// On a wire without frames each event stands alone, so only the last may move the cursor.
    fn push_parts(&self, span: &Span<'_>, body: &[Arc<Event>], end: &[Arc<Event>]) -> Result<(), Ended> {
        if self.reader.key.wire.is_session() {
            self.push(span)
        } else {
            self.push(&Span { events: body, ..*span })?;
            self.push(&Span { events: end, resumable: true, ..*span })
        }
    }

    pub(super) async fn gap(&self, cursor: ResourceVersion, gap: &Gap) -> Result<ResourceVersion, Ended> {
        let Reader { hub, key, terms, .. } = &self.reader;
        let error = gap.to_error(key.topic.as_str());
        if terms.on_gone == OnGone::Close {
            return self.fail(error);
        }
        let events = [view::trouble(EventType::Gone, error)];
        self.push(&Span { resumable: false, ..Span::new(cursor, cursor, &events) })?;
        let node = hub.node();
        match node.fetch(node.log.snapshot(&key.topic, terms.limit)).await {
            Ok(snapshot) => Box::pin(self.send_snapshot(snapshot)).await,
            Err(error) => self.fail(error),
        }
    }

    /// Ends the subscription and says why.
    fn fail<T>(&self, error: Error) -> Result<T, Ended> {
        self.open()?;
        self.tell(ViewState::Gone, Some(error.code));
        let events = [view::trouble(EventType::Failure, error)];
        if !self.reader.key.wire.is_session() {
            self.push(&Span { resumable: false, ..Span::new(ResourceVersion::NONE, ResourceVersion::NONE, &events) })?;
        }
        self.leave();
        Err(Ended::Gone)
    }

    /// Ends the subscription behind what it was told.
    pub(super) fn end<T>(&self) -> Result<T, Ended> {
        self.leave();
        Err(Ended::Closed)
    }

    fn leave(&self) {
        let Reader { hub, outlet, slot, .. } = &self.reader;
        hub.unsubscribe(outlet, *slot);
        outlet.notify(Notice::Ended(slot.view));
    }

    fn tell(&self, state: ViewState, code: Option<u32>) {
        let Reader { hub, outlet, slot, key, .. } = &self.reader;
        outlet.push(|out| view::encode_state(key.wire, slot.view, state, code, out));
        hub.flush_soon(outlet);
    }

    /// Nothing of a subscription follows its end, however long the disk took to answer.
    pub(super) fn push(&self, span: &Span<'_>) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        self.encode(span, &mut bytes);
        self.push_bytes(&bytes)
    }

    fn encode(&self, span: &Span<'_>, out: &mut Vec<u8>) {
        let plain = view::encode(self.reader.key.wire, self.reader.slot.view, span, out);
        if let Some(plain) = plain {
            self.reader.hub.node().telemetry.compressed(Packed::Batches, plain, out.len());
        }
    }

    fn push_bytes(&self, bytes: &[u8]) -> Result<(), Ended> {
        self.open()?;
        let Reader { hub, outlet, .. } = &self.reader;
        outlet.push_page(|out| out.extend_from_slice(bytes));
        hub.flush_soon(outlet);
        Ok(())
    }

    /// Whoever looks where it stands sees all that it was told, also while the outlet is full.
    pub(super) fn stands_at(&self, cursor: ResourceVersion) {
        self.reader.hub.stands_at(self.reader.slot, cursor);
    }

    pub(super) async fn room(&self) -> Result<(), Ended> {
        poll_fn(|cx| self.reader.outlet.poll_empty(cx)).await;
        self.open()
    }

    pub(super) fn open(&self) -> Result<(), Ended> {
        let Reader { outlet, slot, .. } = &self.reader;
        let is_open = !outlet.is_closed() && outlet.slot(slot.view) == Some(*slot);
        if is_open { Ok(()) } else { Err(Ended::Closed) }
    }
}
