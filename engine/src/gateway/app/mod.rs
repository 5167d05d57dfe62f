//! The HTTP routes: everything that is no WebSocket handshake.
//!
//! `route` is the table, `entrance` what every request passes. `topic`, `list`, `admin`, `health` and `asset` answer; a watch
//! goes through `watch` to one of its forms, `event_stream` or `long_poll`, both `attached` to the worker's hub; a `session`
//! over SSE and POST is pulled by its `session_stream`. What leaves is `compressed`
//! for who asks for it. The parts that read what a client wrote (`query`, `accept`, `accept_encoding`, `continuation`) are pure. **No route keeps state between two
//! requests, allocates what a client announces, or trusts a name that the browser's page could have chosen.**

mod accept;
mod accept_encoding;
mod admin;
mod asset;
mod attached;
mod body;
mod combined;
mod compressed;
mod continuation;
mod entrance;
mod event_stream;
mod health;
mod heartbeat;
mod list;
mod long_poll;
mod packed_asset;
mod query;
mod reply;
mod route;
mod session;
mod session_stream;
mod snapshot;
mod topic;
mod watch;

pub(super) use query::{Query, as_given};

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error};

use crate::hub::Hub;

/// The application of one worker.
pub(super) fn app(
    hub: Rc<Hub>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>,
> {
    App::new().app_data(hub).wrap(from_fn(entrance::pass)).configure(route::table)
}
