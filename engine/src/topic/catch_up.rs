//! From a cursor to the head: the one way for a reader who is behind, whatever made it so.
//!
//! A fresh subscription with history, a resume after a reconnect and a reader that fell off its ring all come
//! here: the log is read in pages as fast as the outlet takes them, until the hub says that the cursor lies in the
//! ring. Keeps rules W6 to W12 of the protocol's `SPEC.md`. Does not decide what a client may see.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use fanfare_protocol::{Error, Event, EventType, OnGone, ResourceVersion, TopicName, ViewState};

use crate::hub::{Continue, Hub, Notice, Outlet, Slot, Terms};
use crate::log::{Gap, Kind, ReadLimit, Snapshot};
use crate::telemetry::CatchUpOutcome;
use crate::view::{self, FRAME_BYTES, Span, Wire};

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
    /// What it reads.
    pub topic: TopicName,
    /// How its frames look.
    pub wire: Wire,
    /// What to do at a gap.
    pub terms: Terms,
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
enum Ended {
    /// Its cursor could not be continued; the client has been told.
    Gone,
    /// Its outlet or its subscription ended.
    Closed,
}

impl Reader {
    /// Brings a new subscription to the head.
    pub async fn start(self, start: Start) {
        let outcome = async {
            let cursor = match start {
                Start::After(version) => version,
                Start::Snapshot(snapshot) => self.send_snapshot(snapshot).await?,
                Start::Gap(cursor, gap) => self.gap(cursor, &gap).await?,
            };
            self.follow(cursor).await
        }
        .await;
        self.count(&outcome);
    }

    /// Brings back a subscription whose frames were evicted before it took them.
    pub async fn resume_lagging(self, cursor: ResourceVersion) {
        let telemetry = &self.hub.node().telemetry;
        telemetry.lagging_subscriptions.inc();
        self.tell(ViewState::Lagging, None);
        let outcome = self.follow(cursor).await;
        telemetry.lagging_subscriptions.dec();
        self.count(&outcome);
        if outcome.is_ok() {
            self.tell(ViewState::Live, None);
        }
    }

    fn count(&self, outcome: &Result<(), Ended>) {
        let outcome = match outcome {
            Ok(()) => CatchUpOutcome::Live,
            Err(Ended::Gone) => CatchUpOutcome::Gone,
            Err(Ended::Closed) => CatchUpOutcome::Closed,
        };
        self.hub.node().telemetry.catch_up.of(outcome).inc();
    }

    async fn follow(&self, mut cursor: ResourceVersion) -> Result<(), Ended> {
        loop {
            self.room().await?;
            match self.hub.join(self.slot, cursor) {
                Continue::Live => return Ok(()),
                Continue::Wait => self.hub.moved(self.slot).await,
                Continue::ReadThrough(offset) => cursor = self.read(cursor, offset).await?,
                Continue::OtherEpoch => {
                    let (before, seen) = (cursor, self.hub.head(self.slot));
                    cursor = self.read(cursor, u64::MAX).await?;
                    // Nothing awaits between this and the registration, so no move of the view is missed.
                    if cursor == before && self.hub.head(self.slot) == seen {
                        self.hub.moved(self.slot).await;
                    }
                }
            }
        }
    }

    /// Reads one page, up to `through`, and gives the cursor behind it.
    async fn read(&self, cursor: ResourceVersion, through: u64) -> Result<ResourceVersion, Ended> {
        let limit = ReadLimit { count: PAGE_EVENTS, bytes: FRAME_BYTES as u64 };
        let node = self.hub.node();
        let page = match node.fetch(node.log.read_after(&self.topic, cursor, limit)).await {
            Ok(Ok(page)) => page,
            Ok(Err(gap)) => return self.gap(cursor, &gap).await,
            Err(error) => return self.fail(error),
        };
        let fits = |e: &Arc<Event>| e.resource_version.is_some_and(|v| v.offset <= through);
        let count = page.events.iter().take_while(|e| fits(e)).count();
        // What left the history by its own `ttl` is covered without an event.
        let through = ResourceVersion::new(page.through.epoch, page.through.offset.min(through));
        if count > 0 {
            self.push(&Span::new(page.after, through, &page.events[..count]));
        } else if through != page.after {
            let bookmark = [view::marker(EventType::Bookmark, through)];
            self.push(&Span::new(page.after, through, &bookmark));
        }
        self.hub.node().telemetry.catch_up_events.inc_by(count as u64);
        Ok(through)
    }

    async fn send_snapshot(&self, snapshot: Snapshot) -> Result<ResourceVersion, Ended> {
        let Snapshot { kind, version, after, limited, mut items } = snapshot;
        let is_fold = kind != Kind::Stream;
        items.push(view::marker(EventType::SnapshotEnd, version));
        let span = Span { after, through: version, limited, resumable: !is_fold, events: &items };
        for span in span.split() {
            self.room().await?;
            // The end of a fold's snapshot is the first version from which it can be resumed.
            let is_last = span.through == version;
            if is_fold && is_last && span.events.len() > 1 {
                let (body, end) = span.events.split_at(span.events.len() - 1);
                self.push_parts(&span, body, end);
            } else {
                self.push(&Span { resumable: span.resumable || is_last, ..span });
            }
        }
        Ok(version)
    }

    /// On a wire without frames each event stands alone, so only the last may move the cursor.
    fn push_parts(&self, span: &Span<'_>, body: &[Arc<Event>], end: &[Arc<Event>]) {
        if matches!(self.wire, Wire::Session(_)) {
            self.push(span);
        } else {
            self.push(&Span { events: body, ..*span });
            self.push(&Span { events: end, resumable: true, ..*span });
        }
    }

    async fn gap(&self, cursor: ResourceVersion, gap: &Gap) -> Result<ResourceVersion, Ended> {
        let error = gap.to_error(self.topic.as_str());
        if self.terms.on_gone == OnGone::Close {
            return self.fail(error);
        }
        let events = [view::trouble(EventType::Gone, error)];
        self.push(&Span { resumable: false, ..Span::new(cursor, cursor, &events) });
        let node = self.hub.node();
        match node.fetch(node.log.snapshot(&self.topic, self.terms.limit)).await {
            Ok(snapshot) => Box::pin(self.send_snapshot(snapshot)).await,
            Err(error) => self.fail(error),
        }
    }

    /// Ends the subscription and says why.
    fn fail<T>(&self, error: Error) -> Result<T, Ended> {
        self.tell(ViewState::Gone, Some(error.code));
        let events = [view::trouble(EventType::Failure, error)];
        if !matches!(self.wire, Wire::Session(_)) {
            self.push(&Span { resumable: false, ..Span::new(ResourceVersion::NONE, ResourceVersion::NONE, &events) });
        }
        self.hub.unsubscribe(&self.outlet, self.slot);
        self.outlet.notify(Notice::Ended(self.slot.view));
        Err(Ended::Gone)
    }

    fn tell(&self, state: ViewState, code: Option<u32>) {
        self.outlet.push(|out| view::encode_state(self.wire, self.slot.view, state, code, out));
        self.hub.flush_soon(&self.outlet);
    }

    fn push(&self, span: &Span<'_>) {
        self.outlet.push_page(|out| view::encode(self.wire, self.slot.view, span, out));
        self.hub.flush_soon(&self.outlet);
    }

    async fn room(&self) -> Result<(), Ended> {
        poll_fn(|cx| self.outlet.poll_empty(cx)).await;
        let is_open = !self.outlet.is_closed() && self.outlet.slot(self.slot.view) == Some(self.slot);
        if is_open { Ok(()) } else { Err(Ended::Closed) }
    }
}
