//! `/v1/admin/backup`: a consistent copy of what the node keeps, as it runs.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};

use super::guard;
use crate::gateway::app::query::Query;
use crate::gateway::app::reply::{Reply, Worker};

/// `GET …/backup`: the bytes of a backup, as fast as they are read. They tell themselves whether they are whole: a
/// status has been sent long before that is known.
pub(in crate::gateway::app) async fn get(Worker(hub): Worker, request: HttpRequest) -> Reply {
    guard::admit(&request)?;
    Query::parse(request.query_string())?.finish(&[])?;
    let backup = hub.node().backup().await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/octet-stream")).insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.streaming(backup))
}
