//! What every request passes on its way in and out: origin, cross-origin answers, compression,
//! counting.
//!
//! WebSocket handshakes never come here; `gateway::upgrade` asks the same functions.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderValue,
    ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};
use fanfare_protocol::{Code, Error};

use super::compressed::{self, Asked};
use crate::gateway::origin;
use crate::gateway::problem::Problem;
use crate::hub::Hub;
use crate::node::Node;

/// What the routes take, for preflights, which ask before it is known whether there is a route.
const METHODS: &str = "GET, POST, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, last-event-id, traceparent";
/// What a page may read of an answer beside what it always may (Fetch, 3.3.6).
const RESPONSE_HEADERS: &str = "retry-after";
/// How long a browser may remember a preflight, in seconds; longer than ten minutes some do not.
const PREFLIGHT_S: &str = "600";
/// What an answer depends on beside its URL.
const VARIES_BY: &str = "Origin, Accept, Accept-Encoding, Last-Event-ID";

/// See the module.
pub(super) async fn pass<B>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error>
where
    B: MessageBody + 'static,
{
    let started = Instant::now();
    let Some(hub) = request.app_data::<Rc<Hub>>().cloned() else {
        return Ok(request.into_response(Problem(Error::of(Code::Internal)).error_response()));
    };
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = if is_allowed(&request, origin.as_ref(), hub.node()) {
        let mut response = match is_preflight(&request) {
            true => request.into_response(preflight()),
            false => answer(request, next, hub.node()).await?,
        };
        open_to(origin, response.headers_mut());
        response
    } else {
        let message =
            "pages of this origin may not connect, or this host name is not this node's: see `server.allowed_origins`";
        let problem = Problem(Error::of(Code::OriginNotAllowed).with_message(message));
        request.into_response(problem.error_response())
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static(VARIES_BY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if hub.node().is_draining() {
        // As a header it would be lost: the encoder writes its own.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    count(&response, hub.node(), started);
    Ok(response)
}

/// Has the routes answer. What nobody could be told is not begun.
async fn answer<B>(
    request: ServiceRequest,
    next: Next<B>,
    node: &Node,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error>
where
    B: MessageBody + 'static,
{
    let wishes = compressed::wishes(&request, node);
    if compressed::is_unacceptable(&wishes) {
        let message = "`Accept-Encoding` leaves no way to answer: gzip, br, zstd and identity are there";
        let problem = Problem(Error::of(Code::NotAcceptable).with_message(message));
        return Ok(request.into_response(problem.error_response()));
    }
    let asked = Asked::new(&request, wishes);
    let response = next.call(request).await?.map_into_boxed_body();
    Ok(asked.fit(with_slot(response, node), node))
}

/// Has a stopping node say when to come back, whatever it could not answer.
fn with_slot(response: ServiceResponse<BoxBody>, node: &Node) -> ServiceResponse<BoxBody> {
    let refused = response.response().extensions().get::<Problem>().cloned();
    let told = refused.as_ref().map(|Problem(error)| node.with_slot(error.clone()));
    match (refused, told) {
        (Some(Problem(error)), Some(told)) if told != error => response.into_response(Problem(told).error_response()),
        _ => response,
    }
}

fn is_allowed(request: &ServiceRequest, origin: Option<&HeaderValue>, node: &Node) -> bool {
    // Text that is no text is no origin that anyone listed.
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = request.headers().get(HOST).map(text);
    // HTTP/2 has it in the target (RFC 9113, 8.3.1).
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str().to_owned()));
    let server = &node.config.server;
    origin::allowed(origin.map(text).as_deref(), host.as_deref(), server.is_loopback(), &server.allowed_origins)
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
        .insert_header((ACCESS_CONTROL_MAX_AGE, PREFLIGHT_S));
    response.finish()
}

/// Lets the page read the answer. Never with credentials: nothing here is authenticated by what a browser adds itself.
fn open_to(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
}

fn count(response: &ServiceResponse<BoxBody>, node: &Node, started: Instant) {
    if let Some(Problem(error)) = response.response().extensions().get::<Problem>() {
        node.telemetry.error(error);
    }
    let request = response.request();
    // The pattern, never the path: names of topics are no labels. The query is not logged, for it may hold a ticket.
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    let pattern = request.match_pattern();
    node.telemetry.http(pattern.as_deref(), status, elapsed);
    // Nor is the name of a session, which is all that it takes to speak for it.
    let is_secret = request.match_info().get("session").is_some();
    let path = pattern.as_deref().filter(|_| is_secret).unwrap_or(request.path());
    tracing::debug!(method = %request.method(), path, status, ?elapsed, "answered");
}
