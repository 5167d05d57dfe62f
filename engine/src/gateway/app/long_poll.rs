//! The watch of clients that can only ask: answers as soon as there is an event behind the cursor that may be told, or after
//! `timeout`.
//!
//! Waits on a view without bytes and reads the log itself, so that a poll that is repeated at once costs one read and
//! nothing is kept for it in between.

use std::fmt::Display;
use std::rc::Rc;
use std::slice::from_ref;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use fanfare_protocol::{Consistency, Error, EventType, OnGone, ResourceVersion, Watch, json, limits};
use tokio::time::{Instant, timeout_at};

use super::attached::Attached;
use super::reply::{self, list};
use crate::hub::Hub;
use crate::topic::combined::CombinedCursor;
use crate::topic::plan::WatchPlan;
use crate::topic::together::{Manner, Together, Told};
use crate::view::{self, Wire};

/// Events of an answer end with the page that passes this, so that an answer stays what a phone takes in one piece.
const ANSWER_BYTES: usize = 512 * 1024;

/// An answer to a cursor holds what followed it, for ever: a cache may serve the same poll of many clients. Short,
/// because an answer that was given while nothing more was known is shorter than it could be a moment later.
const CACHED: &str = "public, max-age=1";

/// Answers a long poll; one whose cursor stands in the URL may be answered by a cache.
///
/// # Errors
/// `BAD_PARAMETER`, gaps (unless `onGone=snapshot`), a full or draining node.
pub(super) async fn answer(hub: &Rc<Hub>, watch: &Watch, is_in_url: bool) -> Result<HttpResponse, Error> {
    let deadline = Instant::now() + wait(watch.timeout_ms, hub.node().config.limits.long_poll_ms_max)?;
    let most = hub.node().config.limits.page_items_max;
    let plan = WatchPlan::of_request(watch, OnGone::Close, most)?;
    let attached = Attached::new(hub, Wire::Signal)?;
    let credit = [watch.limit.map(u64::from), watch.credit].into_iter().flatten().fold(most as u64, u64::min);
    let cursor = CombinedCursor::new(from_ref(&plan.topic));
    let manner = Manner { has_names: false, has_cursors: false, is_answer: true };
    let mut together = Together::open(hub, &attached.outlet, vec![plan], cursor, Some(credit), manner).await?;
    let told = collect(&mut together, &attached, deadline, usize::MAX).await?;
    let is_snapshot = told.iter().any(|told| told.event.r#type() == EventType::SnapshotEnd);
    let mut response = HttpResponse::Ok();
    if is_in_url && !is_snapshot && !told.is_empty() && watch.resource_version.is_some() {
        response.insert_header((CACHE_CONTROL, CACHED));
    }
    let write = |out: &mut Vec<u8>, told: &Told| json::write_event(&told.event, out);
    // As the first frame of a session says it (W9).
    let is_limited = told.iter().any(|told| told.remarks.limited);
    let is_local = watch.consistency() == Consistency::Local;
    let through = together.cursor().of(0).unwrap_or(ResourceVersion::NONE);
    Ok(reply::json(&mut response, body(&told, write, through, is_limited, is_local)))
}

/// What an answer holds, once it may be given; nothing when the time is over and there was nothing. Ends with what passes
/// `events_max`.
///
/// # Errors
/// Those of [`Together::ready`].
pub(super) async fn collect(
    together: &mut Together,
    attached: &Attached,
    deadline: Instant,
    events_max: usize,
) -> Result<Vec<Told>, Error> {
    let (mut told, mut bytes) = (Vec::new(), 0);
    let mut is_over = false;
    loop {
        while told.len() < events_max && bytes < ANSWER_BYTES {
            let more = match together.ready().await {
                // What was told already is answered first: the next poll hears of it.
                Err(error) if told.is_empty() => return Err(error),
                Ok(None) | Err(_) => break,
                Ok(Some(more)) => more,
            };
            bytes += more.iter().map(|told| view::event_bytes(&told.event)).sum::<usize>();
            told.extend(more);
        }
        if is_over || !told.is_empty() {
            return Ok(told);
        }
        let moved = async {
            tokio::select! {
                () = together.moved() => true,
                // A drained node lets go at once: the next poll finds another one.
                _ = attached.ended() => false,
            }
        };
        if !timeout_at(deadline, moved).await.unwrap_or(false) || Instant::now() >= deadline {
            together.release();
            is_over = true;
        }
    }
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
