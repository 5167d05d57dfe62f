//! The table of routes: which path takes which methods, and who answers.

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError};
use fanfare_protocol::{Code, Error};

use super::reply::Reply;
use super::{admin, asset, combined, health, list, session, topic};
use crate::gateway::problem::Problem;

/// Paths of the contract that this node does not serve yet. They say so, whatever the method.
const LATER: [&str; 7] = [
    "/v1/topics/{topic}/presence",
    "/v1/services/{service}",
    "/v1/yjs/{topic}",
    "/v1/tickets",
    "/v1/admin",
    "/v1/admin/{rest:.*}",
    "/v1/openapi.json",
];

/// Adds every route.
pub(super) fn table(config: &mut ServiceConfig) {
    let routes = [
        Path::new("/v1/topics").get(list::get),
        Path::new("/v1/topics/{topic}").get(topic::get).on(Method::POST, topic::post).on(Method::DELETE, topic::delete),
        Path::new("/v1/topics/{topic}/history").get(topic::history),
        // Its head alone would open it.
        Path::new("/v1/watch").on(Method::GET, combined::get),
        Path::new("/v1/admin/namespaces").get(admin::list),
        Path::new("/v1/admin/namespaces/{name}").get(admin::get).on(Method::PUT, admin::put),
        // Its head alone would cost as much as all of it.
        Path::new("/v1/admin/backup").on(Method::GET, admin::backup),
        Path::new("/v1/ws").get(no_handshake),
        Path::new("/v1/sse").on(Method::POST, session::begin),
        Path::new("/v1/sse/{session}").on(Method::POST, session::post),
        Path::new("/healthz").get(health::healthz),
        Path::new("/readyz").get(health::readyz),
        Path::new("/metrics").get(health::metrics),
        Path::new("/").get(asset::root),
        Path::new("/demo").get(asset::get),
        Path::new("/demo/{file:.*}").get(asset::get),
        Path::new("/admin").get(asset::get),
        Path::new("/admin/{file:.*}").get(asset::get),
    ];
    for route in routes {
        config.service(route.into_resource());
    }
    for path in LATER {
        config.service(web::resource(path).default_service(web::to(later)));
    }
    config.default_service(web::to(nothing));
}

/// A path and its methods.
struct Path {
    resource: Resource,
    methods: Vec<Method>,
}

impl Path {
    fn new(pattern: &str) -> Self {
        Self { resource: web::resource(pattern), methods: Vec::new() }
    }

    /// What can be read can be asked for its head alone (RFC 9110, 9.1).
    fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.push(method.clone());
        self.resource = self.resource.route(web::method(method).to(handler));
        self
    }

    /// Any other method is answered by the list of those that are taken.
    fn into_resource(self) -> Resource {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        let allow = names.join(", ");
        self.resource.default_service(web::to(move || {
            let allow = allow.clone();
            async move { wrong_method(&allow) }
        }))
    }
}

fn wrong_method(allow: &str) -> HttpResponse {
    let message = format!("this route takes {allow}");
    let mut response = Problem(Error::of(Code::MethodNotAllowed).with_message(message)).error_response();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

async fn nothing() -> Reply {
    Err(Error::of(Code::NotFound).with_message("there is no such route").into())
}

async fn later(request: HttpRequest) -> Reply {
    let path = request.match_pattern().unwrap_or_default();
    Err(Error::of(Code::NotSupported).with_message(format!("`{path}` is not served by this node yet")).into())
}

async fn no_handshake() -> Reply {
    Err(Error::malformed("expected a WebSocket handshake: `Upgrade: websocket` and what goes with it").into())
}
