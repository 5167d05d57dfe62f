//! A subscription with a meter and a pace: what it reads waits in a [`Queue`], and its bell is the topic itself, for its view
//! may hold back what it has to hear.

use std::time::{Duration, Instant};

use fanfare_protocol::{EventType, ResourceVersion};

use super::bell::Bell;
use super::catch_up::{CatchUp, Ended, Reader};
use super::meter::Meter;
use super::queue::{Batch, Queue, Turn};
use crate::log::ReadLimit;
use crate::view::{self, FRAME_BYTES, Span};

/// What is read in one go.
const PAGE: ReadLimit = ReadLimit { count: 256, bytes: FRAME_BYTES as u64 };

/// Pages that are read before it is looked whether something may go: what is missed by one who comes back is a batch.
const PAGES_MAX: u32 = 16;

/// Of what the topic said, what was heard.
#[derive(Debug, Default)]
struct Heard {
    /// Where it stood when it was read to its end.
    head: Option<Option<ResourceVersion>>,
    /// Pages that were read since something could have gone.
    pages: u32,
}

impl CatchUp {
    /// Reads until the subscription ends.
    pub(super) async fn follow_paced(&self, mut queue: Queue, meter: &Meter) -> Result<(), Ended> {
        let (hub, slot) = (&self.reader.hub, self.reader.slot);
        let silence = Duration::from_millis(hub.node().config.delivery.bookmark_interval_ms.into());
        let bell = self.bell().await;
        let began = Instant::now();
        let (mut said, mut heard) = (began, Heard::default());
        loop {
            self.room().await?;
            self.stands_at(queue.told());
            if heard.head.is_none_or(|head| head != bell.head()) && queue.has_room() {
                let head = bell.head();
                let has_more = self.hear(&mut queue, began).await?;
                heard.head = (!has_more).then_some(head);
                heard.pages += 1;
                if has_more && heard.pages < PAGES_MAX {
                    tokio::task::yield_now().await;
                    continue;
                }
            }
            heard.pages = 0;
            let is_spent = meter.credit() == Some(0);
            // Over HTTP a request is the grant, and its answer ends with it.
            if is_spent && !self.reader.key.wire.is_session() {
                self.open()?;
                return self.end();
            }
            let wait = match queue.turn(began.elapsed()) {
                Turn::Send if is_spent => None,
                Turn::Send => {
                    self.say(&mut queue, meter, began)?;
                    said = Instant::now();
                    continue;
                }
                Turn::After(wait) => Some(wait),
                Turn::Nothing if said.elapsed() < silence => Some(silence.saturating_sub(said.elapsed())),
                Turn::Nothing => {
                    self.push_batch(&queue.quiet())?;
                    said = Instant::now();
                    continue;
                }
            };
            let hears = queue.has_room();
            // Nothing awaits between this and the registration, so no move of the topic is missed.
            if hears && heard.head != Some(bell.head()) {
                continue;
            }
            tokio::select! {
                () = bell.moved(), if hears && bell.head().is_some() => {}
                () = meter.granted() => {}
                // The end of the subscription is a move of the view too.
                () = hub.moved(slot) => {}
                () = tokio::time::sleep(wait.unwrap_or(silence)) => {}
            }
        }
    }

    /// Of a `stream` with a ceiling the view holds back nothing, and moves only with what it shows.
    async fn bell(&self) -> Bell {
        let Reader { hub, key, .. } = &self.reader;
        let has_ceiling = key.lens.as_ref().is_some_and(|lens| lens.pace().rate.is_some());
        match has_ceiling && !hub.node().is_state(&key.topic) {
            true => Bell::of_view(&self.reader),
            false => Bell::of_topic(&self.reader).await,
        }
    }

    /// What waits for its pace, where events wait for each other.
    pub(super) fn queue(&self, cursor: ResourceVersion) -> Option<Queue> {
        let Reader { hub, key, .. } = &self.reader;
        let is_state = hub.node().is_state(&key.topic);
        let lens = key.lens.as_ref().filter(|lens| lens.pace().holds_back(is_state));
        Queue::new(lens, hub.node().hold(), is_state, cursor)
    }

    /// Reads a page; gives whether there is more to read.
    async fn hear(&self, queue: &mut Queue, began: Instant) -> Result<bool, Ended> {
        match self.page(queue.read(), PAGE).await? {
            Ok(page) => {
                queue.take(&page, &mut self.glass.borrow_mut(), began.elapsed());
                self.reader.hub.node().telemetry.catch_up_events.inc_by(page.events.len() as u64);
                return Ok(page.more);
            }
            // What waits is told before what ends it, which is then met again.
            Err(_) if !queue.is_empty() => queue.end(),
            Err(gap) => queue.go_on(self.gap(queue.told(), &gap).await?),
        }
        Ok(true)
    }

    /// Tells what may go of what waits, in one frame.
    fn say(&self, queue: &mut Queue, meter: &Meter, began: Instant) -> Result<(), Ended> {
        let credit = meter.credit().map_or(usize::MAX, |credit| usize::try_from(credit).unwrap_or(usize::MAX));
        let batch = queue.send(credit, &mut self.glass.borrow_mut(), began.elapsed());
        meter.spend(batch.events.len());
        self.push_batch(&batch)
    }

    fn push_batch(&self, Batch { after, through, events }: &Batch) -> Result<(), Ended> {
        let bookmark = [view::marker(EventType::Bookmark, *through)];
        // Also what was to be told when it was read may be nothing to this client when its turn has come.
        let events = if events.is_empty() { &bookmark[..] } else { events };
        self.push(&Span::new(*after, *through, events))?;
        self.stands_at(*through);
        Ok(())
    }
}
