//! Who may use the admin routes as long as nobody can be asked who he is: programs on this machine.
//!
//! Three gates, each for another way in. The peer's address must be loopback: nobody from outside. No proxy may have
//! passed the request on: behind one, everybody's address is loopback. And a browser may only come from this node's own
//! page, under a loopback name: pages of other origins are refused whatever `server.allowed_origins` says, and a name
//! that was made to resolve to 127.0.0.1 is none of ours.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use fanfare_protocol::{Code, Error};

use crate::gateway::origin;

/// What proxies add. None of them is needed to be let in, so that to leave one out wins nothing.
const PASSED_ON: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// The media type of what changes anything: no page can send it elsewhere without asking first (Fetch, CORS).
const JSON: &str = "application/json";

/// Whether the request may be answered.
///
/// # Errors
/// `FORBIDDEN` for whoever is not on this machine, `ORIGIN_NOT_ALLOWED` for pages of others.
pub(super) fn admit(request: &HttpRequest) -> Result<(), Error> {
    let forbidden = |message: &str| Err(Error::of(Code::Forbidden).with_message(message));
    if !request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
        return forbidden("admin routes answer only on the node's own machine: ask 127.0.0.1 there");
    }
    if PASSED_ON.iter().any(|name| request.headers().contains_key(*name)) {
        return forbidden("admin routes answer no proxy: ask the node itself, on its own machine");
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = request.headers().get(HOST).map(text);
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str().to_owned()));
    let page = request.headers().get(ORIGIN).map(text);
    if origin::is_own(page.as_deref(), host.as_deref()) {
        return Ok(());
    }
    let message = "admin routes answer only this node's own page, under a loopback name: open http://127.0.0.1";
    Err(Error::of(Code::OriginNotAllowed).with_message(message))
}

/// Whether the body is JSON and says so.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`.
pub(super) fn is_json(request: &HttpRequest) -> Result<(), Error> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(JSON) {
        return Ok(());
    }
    let message = format!("send the body as `Content-Type: {JSON}`");
    Err(Error::of(Code::UnsupportedMediaType).with_message(message))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use actix_web::test::TestRequest;

    use super::*;

    fn ask(peer: &str, headers: &[(&'static str, &str)]) -> Result<(), Option<Code>> {
        let request = TestRequest::get().uri("/v1/admin/namespaces").peer_addr(peer.parse::<SocketAddr>().unwrap());
        let request = headers.iter().fold(request, |request, header| request.insert_header(*header));
        admit(&request.to_http_request()).map_err(|error| error.known_code())
    }

    #[test]
    fn programs_of_this_machine_may() {
        for peer in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert_eq!(ask(peer, &[("host", "127.0.0.1:8000")]), Ok(()), "{peer}");
            assert_eq!(ask(peer, &[]), Ok(()), "{peer}");
        }
    }

    #[test]
    fn nobody_else_may() {
        for peer in ["10.0.0.1:5", "[2001:db8::1]:5"] {
            assert_eq!(ask(peer, &[("host", "127.0.0.1:8000")]), Err(Some(Code::Forbidden)), "{peer}");
        }
    }

    /// A proxy on this machine speaks for the whole world.
    #[test]
    fn what_a_proxy_passes_on_is_refused() {
        for name in PASSED_ON {
            let headers = [("host", "127.0.0.1:8000"), (name, "203.0.113.7")];
            assert_eq!(ask("127.0.0.1:5", &headers), Err(Some(Code::Forbidden)), "{name}");
        }
    }

    #[test]
    fn only_pages_of_this_node_may() {
        let page = |origin: &str, host: &str| ask("127.0.0.1:5", &[("host", host), ("origin", origin)]);
        assert_eq!(page("http://localhost:8000", "localhost:8000"), Ok(()));
        for (origin, host) in [
            ("https://evil.example", "127.0.0.1:8000"),
            ("null", "127.0.0.1:8000"),
            ("http://localhost:5173", "localhost:8000"),
            ("http://evil.example:8000", "evil.example:8000"),
        ] {
            assert_eq!(page(origin, host), Err(Some(Code::OriginNotAllowed)), "{origin} at {host}");
        }
        assert_eq!(ask("127.0.0.1:5", &[("host", "evil.example:8000")]), Err(Some(Code::OriginNotAllowed)));
    }

    #[test]
    fn a_body_says_that_it_is_json() {
        let kind = |kind: &str| is_json(&TestRequest::put().insert_header((CONTENT_TYPE, kind)).to_http_request());
        assert!(kind("application/json").is_ok() && kind("Application/JSON; charset=utf-8").is_ok());
        for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            assert_eq!(kind(other).unwrap_err().known_code(), Some(Code::UnsupportedMediaType), "{other}");
        }
        assert!(is_json(&TestRequest::put().to_http_request()).is_err());
    }
}
