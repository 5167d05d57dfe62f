//! What operators ask: is it alive, may it get traffic, how does it do.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use fanfare_protocol::{Code, Error};

use super::reply::{Reply, Worker};

/// The media type of the OpenMetrics text form, which Prometheus asks for first.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /healthz`: the process serves requests. Says nothing about traffic: a draining node is healthy.
pub(super) async fn healthz() -> HttpResponse {
    text("ok\n")
}

/// `GET /readyz`: whether requests should be sent here.
pub(super) async fn readyz(Worker(hub): Worker) -> Reply {
    let node = hub.node();
    if node.is_draining() {
        return Err(Error::of(Code::GoingAway).into());
    }
    if !node.is_ready() {
        return Err(Error::of(Code::Unavailable).with_message("the node is starting").into());
    }
    Ok(text("ready\n"))
}

/// `GET /metrics`.
pub(super) async fn metrics(Worker(hub): Worker) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, OPEN_METRICS)).insert_header((CACHE_CONTROL, "no-store"));
    response.body(hub.node().render_metrics())
}

fn text(text: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type("text/plain; charset=utf-8").body(text)
}
