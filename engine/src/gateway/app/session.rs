//! The full session over an event stream and POSTs: `POST /v1/sse` opens the one, `POST /v1/sse/{session}` is the other.

use std::rc::Rc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};

use super::query::Query;
use super::reply::{Reply, Worker};
use super::session_stream::SessionStream;
use super::{body, watch};
use crate::connection::{Connection, Source};
use crate::gateway::{admission, handshake};
use crate::hub::Outlet;
use crate::view::{self, SessionWire, Wire};

/// `POST /v1/sse`: the answer is the session, and what the body says is heard first.
pub(super) async fn begin(Worker(hub): Worker, request: HttpRequest, payload: Payload) -> Reply {
    let watches = handshake::watches(&hub, request.query_string())?;
    let node = hub.node();
    let lines = body::read(&request, payload, node.config.limits.frame_bytes_max).await?.freeze();
    // Its headers pin the buffer that they were parsed from, for as long as the session lasts.
    drop(request);
    let posts = node.sessions.begin(&node.label)?;
    if let Err(error) = admission::admit(&hub) {
        node.sessions.end(&posts.session);
        return Err(error.into());
    }
    let outlet = Rc::new(Outlet::of_body(Wire::Session(SessionWire::Sse, None), node.config.delivery.outbox_bytes_max));
    outlet.push(|out| {
        view::put_retry(watch::SSE_RETRY_MS, out);
        out.extend_from_slice(greeting(&posts.session).as_bytes());
    });
    let body = SessionStream::new(Rc::clone(&hub), Rc::clone(&outlet));
    Connection::open(&hub, &outlet, Source::Posts(posts, lines), watches);
    Ok(watch::event_stream().streaming(body))
}

/// The first event: where to post.
fn greeting(session: &str) -> String {
    format!("event: session\ndata: {{\"session\":\"{session}\"}}\n\n")
}

/// `POST /v1/sse/{session}`: an envelope a line. They are answered on the stream.
pub(super) async fn post(Worker(hub): Worker, request: HttpRequest, payload: Payload) -> Reply {
    Query::parse(request.query_string())?.finish(&[])?;
    let (session, node) = (request.match_info().query("session"), hub.node());
    // Nobody has to send what nobody will hear.
    node.sessions.find(session)?;
    let lines = body::read(&request, payload, node.config.limits.frame_bytes_max).await?;
    node.sessions.post(session, lines.freeze()).await?;
    Ok(HttpResponse::Accepted().insert_header((CACHE_CONTROL, "no-store")).finish())
}
