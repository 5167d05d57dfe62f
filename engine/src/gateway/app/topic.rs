//! The routes of one topic: read, watch, publish, delete a key, history.

use std::time::Instant;

use actix_web::http::Method;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use fanfare_cluster::Promise;
use fanfare_protocol::{Code, Error, History, Publication, Publish, Published, json};

use super::query::Query;
use super::reply::{self, Reply, Worker, header_text};
use super::{body, snapshot, watch};
use crate::hub::Hub;
use crate::topic::publish::Origin;

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `GET`: a snapshot, or with `watch=true` a watch.
pub(super) async fn get(Worker(hub): Worker, request: HttpRequest) -> Reply {
    let topic = reply::topic(&hub, &request)?;
    let mut query = Query::parse(request.query_string())?;
    if !query.take_flag("watch")? {
        return Ok(snapshot::answer(hub.node(), &topic, query).await?);
    }
    if request.method() == Method::HEAD {
        return Err(Error::of(Code::MethodNotAllowed).with_message("a watch is opened by GET").into());
    }
    Ok(Box::pin(watch::open(hub, request, topic, query)).await?)
}

/// `POST`: publishes one or several. Whatever the content type, the body is JSON: that is what `curl -d` sends.
pub(super) async fn post(Worker(hub): Worker, request: HttpRequest, payload: Payload) -> Reply {
    let topic = reply::topic(&hub, &request)?;
    Query::parse(request.query_string())?.finish(&[])?;
    let body = body::read(&request, payload, hub.node().config.limits.frame_bytes_max).await?;
    let mut publish = json::parse_publish_body(topic.as_str(), &body)?;
    drop(body);
    if let Some(key) = idempotency_key(&request)? {
        if publish.idempotency_key.as_ref().is_some_and(|other| *other != key) {
            return Err(Error::bad_parameter("idempotencyKey", "the header gives another one").into());
        }
        publish.idempotency_key = Some(key);
    }
    Ok(propose(&hub, publish).await?)
}

/// `DELETE`: deletes a key, or without `key` the topic.
pub(super) async fn delete(Worker(hub): Worker, request: HttpRequest) -> Reply {
    let topic = reply::topic(&hub, &request)?;
    let mut query = Query::parse(request.query_string())?;
    let key = query.take("key");
    query.finish(&["key"])?;
    if key.is_none() {
        let version = hub.node().delete_topic(&topic).await?;
        return Ok(worded(&Published { resource_version: Some(version), resource_versions: Vec::new() })?);
    }
    let publication = Publication { key, delete: true, ..Publication::default() };
    let publish = Publish {
        topic: topic.as_str().to_owned(),
        publication: Some(publication.into()),
        idempotency_key: idempotency_key(&request)?,
        ..Publish::default()
    };
    Ok(propose(&hub, publish).await?)
}

/// `GET …/history`.
pub(super) async fn history(Worker(hub): Worker, request: HttpRequest) -> Reply {
    let topic = reply::topic(&hub, &request)?;
    let mut query = Query::parse(request.query_string())?;
    let (after, next) = (query.take_version("after")?, query.take_version("continue")?);
    if after.is_some() && next.is_some() {
        return Err(Error::bad_parameter("continue", "stands in the place of `after`").into());
    }
    let limit = query.take_limit(hub.node().config.limits.page_items_max)?;
    let reverse = query.take_flag("reverse")?;
    query.finish(&["after", "limit", "reverse", "continue"])?;
    let history = History {
        topic: topic.as_str().to_owned(),
        after: after.or(next),
        limit: limit.and_then(|limit| u32::try_from(limit).ok()),
        reverse,
    };
    let page = hub.node().history(&history).await?;
    Ok(worded(&page)?)
}

async fn propose(hub: &Hub, publish: Publish) -> Result<HttpResponse, Error> {
    let (ticket, answer) = Promise::pending();
    let origin = Origin { connection_id: None, heard_at: Instant::now() };
    let publishing = hub.node().publish(publish, origin, || ticket)?;
    let answer = answer.await;
    let published = publishing.end(answer, Instant::now(), &hub.node().telemetry)?;
    worded(&published)
}

fn worded(message: &impl serde::Serialize) -> Result<HttpResponse, Error> {
    let body =
        serde_json::to_vec(message).map_err(|error| Error::of(Code::Internal).with_message(error.to_string()))?;
    Ok(reply::json(&mut HttpResponse::Ok(), body))
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Error> {
    match header_text(request, IDEMPOTENCY_KEY)? {
        Some("") => Err(Error::bad_parameter("Idempotency-Key", "is empty")),
        key => Ok(key.map(str::to_owned)),
    }
}
