//! What the routes have in common: the worker's hub, headers in, JSON out.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ContentType};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use fanfare_protocol::{Code, Error, TopicName};

use crate::gateway::problem::Problem;
use crate::hub::Hub;

/// What a handler gives.
pub(super) type Reply = Result<HttpResponse, Problem>;

/// The hub of the worker that serves the request.
#[derive(Debug)]
pub(super) struct Worker(pub(super) Rc<Hub>);

impl FromRequest for Worker {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let hub = request.app_data::<Rc<Hub>>().cloned();
        ready(hub.map(Self).ok_or_else(|| Error::of(Code::Internal).into()))
    }
}

/// The topic that the path names.
///
/// # Errors
/// `BAD_TOPIC`, `FORBIDDEN`.
pub(super) fn topic(hub: &Hub, request: &HttpRequest) -> Result<TopicName, Error> {
    // The router has decoded the path once; an escape that is left is no part of any name.
    hub.node().topic_of(request.match_info().query("topic"))
}

/// The text of a header that may stand once.
///
/// # Errors
/// `BAD_PARAMETER` when it stands twice or is not visible ASCII.
pub(super) fn header_text<'r>(request: &'r HttpRequest, name: &str) -> Result<Option<&'r str>, Error> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::bad_parameter(name, "given twice"));
    }
    value.to_str().map(Some).map_err(|_| Error::bad_parameter(name, "expected visible ASCII"))
}

/// An answer in JSON; not to be kept by anyone unless the builder says so already.
pub(super) fn json(response: &mut HttpResponseBuilder, body: Vec<u8>) -> HttpResponse {
    let mut response = response.insert_header((CONTENT_TYPE, ContentType::json())).body(body);
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, actix_web::http::header::HeaderValue::from_static("no-store"));
    }
    response
}

/// Appends a JSON list.
pub(super) fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}
