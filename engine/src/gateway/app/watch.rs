//! `GET /v1/topics/{topic}?watch=true`: the same watch in three forms, chosen by `Accept`.

use std::rc::Rc;
use std::time::Duration;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use fanfare_protocol::json::Remarks;
use fanfare_protocol::{Code, Error, EventType, OnGone, ResourceVersion, TopicName, Watch};

use super::accept::Form;
use super::attached::Attached;
use super::event_stream::EventStream;
use super::long_poll;
use super::query::{Query, as_given};
use super::reply::header_text;
use crate::hub::Hub;
use crate::topic::catch_up::Start;
use crate::topic::plan::WatchPlan;
use crate::topic::watch::Watching;
use crate::view::{self, Span, Wire};

/// What an `EventSource` sends when it reconnects: the `id:` of the last event that it has seen.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// How long an `EventSource` waits before it reconnects, milliseconds; told first, so that it holds also when nothing else
/// arrives.
pub(super) const SSE_RETRY_MS: u64 = 1_000;

/// Opens a watch.
///
/// # Errors
/// Whatever is known before the first byte of a stream: parameters, gaps with `onGone=close`, a full or draining node.
pub(super) async fn open(
    hub: Rc<Hub>,
    request: HttpRequest,
    topic: TopicName,
    query: Query,
) -> Result<HttpResponse, Error> {
    let form = Form::of(&accept(&request));
    let filter_name = query.filter_name();
    let mut watch = query.into_watch(topic.as_str())?;
    let header = last_event_id(&request)?;
    // What a cache sees of a cursor is the query alone.
    let is_in_query = header.is_none() && watch.resource_version.is_some();
    watch.resource_version = header.or(watch.resource_version);
    // Its headers pin the buffer that they were parsed from, for as long as the watch lasts.
    drop(request);
    let answer = match form {
        Form::Sse => sse(&hub, &watch).await,
        Form::Ndjson => ndjson(&hub, &watch).await,
        Form::LongPoll => long_poll::answer(&hub, &watch, is_in_query).await,
    };
    answer.map_err(|error| as_given(filter_name, error))
}

/// A list may be spread over several headers (RFC 9110, 5.3).
pub(super) fn accept(request: &HttpRequest) -> String {
    let values: Vec<_> = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

fn last_event_id(request: &HttpRequest) -> Result<Option<ResourceVersion>, Error> {
    let text = header_text(request, LAST_EVENT_ID)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|error| Error::bad_parameter("Last-Event-ID", error))).transpose()
}

async fn sse(hub: &Rc<Hub>, watch: &Watch) -> Result<HttpResponse, Error> {
    let plan = WatchPlan::of_request(watch, OnGone::Snapshot, hub.node().config.limits.page_items_max)?;
    let attached = match Attached::new(hub, Wire::Sse) {
        Ok(attached) => attached,
        Err(error) => return turned_away(error, Wire::Sse),
    };
    attached.outlet.push(|out| view::put_retry(SSE_RETRY_MS, out));
    let heartbeat = Duration::from_millis(u64::from(hub.node().config.delivery.heartbeat_interval_ms));
    let body = stream(attached, plan, watch, Wire::Sse, Some(heartbeat)).await?;
    Ok(event_stream().streaming(body))
}

async fn ndjson(hub: &Rc<Hub>, watch: &Watch) -> Result<HttpResponse, Error> {
    let plan = WatchPlan::of_request(watch, OnGone::Close, hub.node().config.limits.page_items_max)?;
    let body = stream(Attached::new(hub, Wire::Ndjson)?, plan, watch, Wire::Ndjson, None).await?;
    Ok(lines().streaming(body))
}

async fn stream(
    attached: Attached,
    plan: WatchPlan,
    watch: &Watch,
    wire: Wire,
    heartbeat: Option<Duration>,
) -> Result<EventStream, Error> {
    let Watching { version, resumed, reader, start } = plan.open(&attached.hub, &attached.outlet, wire).await?;
    let stale = reader.terms.is_local;
    if matches!(start, Start::After(_)) && (!resumed || stale) {
        // A client that is cut off before the first event would else not know where it stood.
        let events = [view::marker(EventType::Bookmark, version)];
        let remarks = Remarks { stale, ..Remarks::default() };
        let span = Span { remarks, ..Span::new(version, version, &events) };
        attached.outlet.push(|out| {
            view::encode(wire, reader.slot.view, &span, out);
        });
    }
    let body = EventStream::new(attached, Some(reader.slot), heartbeat, watch.timeout_ms.map(Duration::from_millis));
    actix::spawn(reader.start(start));
    Ok(body)
}

/// The answer to a watch that the node has no place for.
///
/// # Errors
/// The same, where its status tells the client all that it needs.
pub(super) fn turned_away(error: Error, wire: Wire) -> Result<HttpResponse, Error> {
    // An `EventSource` never comes back from an error status, but does from the end of a stream.
    let comes_back = wire == Wire::Sse && error.known_code() == Some(Code::GoingAway);
    if comes_back { Ok(farewell(error)) } else { Err(error) }
}

/// Tells an event stream that it has to come back, and ends it.
fn farewell(error: Error) -> HttpResponse {
    let mut body = Vec::new();
    view::put_retry(error.retry_after_ms.unwrap_or(SSE_RETRY_MS), &mut body);
    let events = [view::trouble(EventType::Failure, error)];
    let span = Span { resumable: false, ..Span::new(ResourceVersion::NONE, ResourceVersion::NONE, &events) };
    view::encode(Wire::Sse, 0, &span, &mut body);
    event_stream().body(Bytes::from(body))
}

/// The head of an event stream.
pub(super) fn event_stream() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "text/event-stream"));
    live(&mut response);
    response
}

/// The head of a stream of lines.
pub(super) fn lines() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/x-ndjson"));
    live(&mut response);
    response
}

/// No one between node and client may keep or hold back what comes.
fn live(response: &mut actix_web::HttpResponseBuilder) -> &mut actix_web::HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header(("x-accel-buffering", "no"))
}
