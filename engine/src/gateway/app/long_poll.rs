//! The watch of clients that can only ask: answers as soon as there is an event behind the cursor, or after `timeout`.
//!
//! Waits on a view without bytes and reads the log itself, so that a poll that is repeated at once costs one read and
//! nothing is kept for it in between.

use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use fanfare_protocol::{Consistency, Error, Event, EventType, OnGone, ResourceVersion, Watch, json, limits};
use tokio::time::{Instant, timeout_at};

use super::attached::Attached;
use super::reply::{self, list};
use crate::hub::Hub;
use crate::log::{Gap, Page, ReadLimit, Snapshot};
use crate::topic::catch_up::{Reader, Start};
use crate::topic::glass::Glass;
use crate::topic::plan::WatchPlan;
use crate::topic::watch::Watching;
use crate::view::{self, Wire};

/// Events of an answer end with the one that passes this, so that an answer stays what a phone takes in one piece.
const ANSWER_BYTES: u64 = 512 * 1024;

/// An answer to a cursor holds what followed it, for ever: a cache may serve the same poll of many clients. Short,
/// because an answer that was given while nothing more was known is shorter than it could be a moment later.
const CACHED: &str = "public, max-age=1";

/// The events of an answer and the cursor behind them.
struct Answer {
    events: Vec<Arc<Event>>,
    through: ResourceVersion,
    /// A snapshot of a `stream` that left out older publications, as the first frame of a session says it (W9).
    limited: bool,
}

impl Answer {
    /// What followed a cursor.
    fn after(events: Vec<Arc<Event>>, through: ResourceVersion) -> Self {
        Self { events, through, limited: false }
    }
}

/// Answers a long poll; one whose cursor stands in the URL may be answered by a cache.
///
/// # Errors
/// `BAD_PARAMETER`, gaps (unless `onGone=snapshot`), a full or draining node.
pub(super) async fn answer(hub: &Rc<Hub>, watch: &Watch, is_in_url: bool) -> Result<HttpResponse, Error> {
    let deadline = Instant::now() + wait(watch.timeout_ms, hub.node().config.limits.long_poll_ms_max)?;
    let plan = WatchPlan::of_request(watch, OnGone::Close)?;
    let mut glass = Glass::new(plan.lens.clone(), hub.node().is_state(&plan.topic), false);
    let attached = Attached::new(hub, Wire::Signal)?;
    let Watching { reader, start, .. } = plan.open(hub, &attached.outlet, Wire::Signal).await?;
    let most = hub.node().config.limits.page_items_max;
    let credit = watch.credit.and_then(|credit| usize::try_from(credit).ok());
    let count = [watch.limit.map(|limit| limit as usize), credit].into_iter().flatten().fold(most, usize::min);
    let limit = ReadLimit { count, bytes: ANSWER_BYTES };
    let (answer, is_resumed) = match start {
        Start::Snapshot(snapshot) => (sum(snapshot, &glass), false),
        Start::Gap(_, gap) => (gap_or_sum(&gap, &reader, &glass).await?, false),
        Start::After(cursor) => (follow(&attached, &reader, &mut glass, cursor, limit, deadline).await?, true),
    };
    let mut response = HttpResponse::Ok();
    if is_in_url && is_resumed && !answer.events.is_empty() {
        response.insert_header((CACHE_CONTROL, CACHED));
    }
    let write = |out: &mut Vec<u8>, event: &Arc<Event>| json::write_event(event, out);
    let is_local = watch.consistency() == Consistency::Local;
    let body = body(&answer.events, write, answer.through, answer.limited, is_local);
    Ok(reply::json(&mut response, body))
}

/// How long a poll may wait for something to tell.
///
/// # Errors
/// `BAD_PARAMETER` for more than the node allows.
pub(super) fn wait(timeout_ms: Option<u64>, ms_max: u32) -> Result<Duration, Error> {
    match timeout_ms {
        Some(ms) if ms > u64::from(ms_max) => {
            Err(Error::bad_parameter("timeout", format_args!("at most {ms_max}ms (`limits.long_poll_ms_max`)")))
        }
        Some(ms) => Ok(Duration::from_millis(ms)),
        None => Ok(Duration::from_millis(limits::LONG_POLL_TIMEOUT_MS.min(u64::from(ms_max)))),
    }
}

async fn follow(
    attached: &Attached,
    reader: &Reader,
    glass: &mut Glass,
    mut cursor: ResourceVersion,
    limit: ReadLimit,
    deadline: Instant,
) -> Result<Answer, Error> {
    loop {
        let node = attached.hub.node();
        let seen = attached.hub.head(reader.slot);
        let read = node.fetch(node.log.read_after(&reader.key.topic, cursor, limit)).await?;
        let Page { events, through, more, .. } = match read {
            Ok(page) => page,
            Err(gap) => return gap_or_sum(&gap, reader, glass).await,
        };
        let events = glass.show(&events);
        if !events.is_empty() {
            return Ok(Answer::after(events, through));
        }
        cursor = through;
        // Nothing awaits between this and the registration: the hub runs on this thread, so a commit that the read did
        // not see has moved the view while the disk was read, or has still to move it.
        if more || attached.hub.head(reader.slot) != seen {
            continue;
        }
        let moved = async {
            tokio::select! {
                () = attached.hub.moved(reader.slot) => true,
                // A drained node lets go at once: the next poll finds another one.
                _ = attached.ended() => false,
            }
        };
        if !timeout_at(deadline, moved).await.unwrap_or(false) {
            return Ok(Answer::after(Vec::new(), cursor));
        }
    }
}

async fn gap_or_sum(gap: &Gap, reader: &Reader, glass: &Glass) -> Result<Answer, Error> {
    let error = gap.to_error(reader.key.topic.as_str());
    if reader.terms.on_gone != OnGone::Snapshot {
        return Err(error);
    }
    let node = reader.hub.node();
    let snapshot = node.fetch(node.log.snapshot(&reader.key.topic, reader.terms.limit)).await?;
    let mut answer = sum(snapshot, glass);
    answer.events.insert(0, view::trouble(EventType::Gone, error));
    Ok(answer)
}

fn sum(snapshot: Snapshot, glass: &Glass) -> Answer {
    let (mut events, through) = (glass.items(snapshot.items), snapshot.version);
    events.push(view::marker(EventType::SnapshotEnd, through));
    Answer { events, through, limited: snapshot.limited }
}

/// An answer: the events and the cursor behind them, and what is to be known of them.
pub(super) fn body<T>(
    events: &[T],
    write: impl Fn(&mut Vec<u8>, &T),
    through: impl Display,
    limited: bool,
    stale: bool,
) -> Vec<u8> {
    let mut out = b"{\"events\":".to_vec();
    list(&mut out, events, write);
    out.extend_from_slice(format!(",\"resourceVersion\":\"{through}\"").as_bytes());
    for (name, _) in [("limited", limited), ("stale", stale)].into_iter().filter(|(_, holds)| *holds) {
        out.extend_from_slice(format!(",\"{name}\":true").as_bytes());
    }
    out.push(b'}');
    out
}
