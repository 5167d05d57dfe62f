//! How an error of the catalogue is worded over HTTP: a problem document (RFC 9457) with the catalogue's members.
//!
//! The one map from codes to statuses is the catalogue itself; nothing here knows what went wrong. Routes return
//! [`Problem`]s, the handshake writes the same parts by hand.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use fanfare_protocol::{Error, json};
use serde::Serialize;

/// The media type of the body.
pub(super) const CONTENT_TYPE: &str = "application/problem+json";

/// What RFC 9457 names, in its order.
#[derive(Serialize)]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

/// Where `type` points to, before the name of the code in lowercase.
const TYPE_PREFIX: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors.md#");

/// What a client is told to wait, in seconds, where the error does not say it and the status asks for it.
const RETRY_AFTER_DEFAULT_S: u64 = 1;

/// An error on its way to an HTTP client.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Problem(pub(super) Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(&self.0)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(CONTENT_TYPE).insert_header((CACHE_CONTROL, "no-store"));
        if let Some(seconds) = retry_after_s(&self.0) {
            response.insert_header((RETRY_AFTER, seconds));
        }
        let mut response = response.body(body(&self.0));
        // For whoever counts errors on the way out.
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// The status of an error; a code that this version does not know is a defect of ours.
#[must_use]
pub(super) fn status(error: &Error) -> StatusCode {
    let number = error.known_code().map(fanfare_protocol::Code::http_status);
    number.and_then(|number| StatusCode::from_u16(number).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The value of `Retry-After`: whole seconds, rounded up.
#[must_use]
pub(super) fn retry_after_s(error: &Error) -> Option<u64> {
    let asks = matches!(status(error), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
    let given = error.retry_after_ms.map(|ms| ms.div_ceil(1_000).max(1));
    given.or_else(|| asks.then_some(RETRY_AFTER_DEFAULT_S))
}

/// The document: the members of RFC 9457, then those of the catalogue.
#[must_use]
pub(super) fn body(error: &Error) -> Vec<u8> {
    let code = error.known_code();
    let (title, name) = code.map_or(("", error.name.as_str()), |code| (code.sentence(), code.name()));
    let head = Head {
        kind: format!("{TYPE_PREFIX}{}", name.to_ascii_lowercase()),
        title,
        status: status(error).as_u16(),
        detail: &error.message,
    };
    let mut body = serde_json::to_vec(&head).expect("texts and a number always serialize");
    let mut members = Vec::with_capacity(256);
    json::write_error(error, &mut members);
    // Both are objects, and the second is never empty.
    body.pop();
    body.push(b',');
    body.extend_from_slice(&members[1..]);
    body
}

#[cfg(test)]
mod tests {
    use fanfare_protocol::{Code, ResourceVersion};

    use super::*;

    fn document(error: &Error) -> serde_json::Value {
        serde_json::from_slice(&body(error)).unwrap()
    }

    #[test]
    fn a_problem_has_the_members_of_the_rfc_and_of_the_catalogue() {
        let error = Error::of(Code::Gone)
            .with_topic("chat:lobby")
            .with_oldest(ResourceVersion::new(0x77aa, 900))
            .with_message("too \"old\"");
        let document = document(&error);
        assert_eq!(document["status"], 410);
        assert_eq!(document["title"], Code::Gone.sentence());
        assert_eq!(document["detail"], "too \"old\"");
        assert_eq!(document["type"].as_str().unwrap().rsplit('#').next(), Some("gone"));
        assert_eq!((document["code"].as_u64(), document["name"].as_str()), (Some(3301), Some("GONE")));
        assert_eq!((document["class"].as_str(), document["oldest"].as_str()), (Some("resync"), Some("77aa.900")));
        assert_eq!(document["topic"], "chat:lobby");
    }

    #[test]
    fn retry_after_is_in_whole_seconds_rounded_up() {
        let after = |ms| retry_after_s(&Error::of(Code::Overloaded).with_retry_after_ms(ms));
        assert_eq!((after(0), after(1), after(1_000), after(1_001)), (Some(1), Some(1), Some(1), Some(2)));
    }

    #[test]
    fn a_503_always_says_when_to_come_back_and_a_404_never() {
        assert_eq!(retry_after_s(&Error::of(Code::NoQuorum)), Some(1));
        assert_eq!(retry_after_s(&Error::of(Code::NotFound)), None);
    }

    #[test]
    fn a_code_of_a_later_version_is_an_internal_error() {
        let error = Error { code: 3_099, name: "LATER".to_owned(), message: "x".to_owned(), ..Error::default() };
        assert_eq!(status(&error), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(document(&error)["name"], "LATER");
    }

    #[test]
    fn every_code_has_a_status_that_is_an_error() {
        for code in Code::ALL {
            assert!(status(&Error::of(*code)).as_u16() >= 400, "{code:?}");
        }
    }
}
