//! Answers made smaller on their way out, for clients that ask for it.
//!
//! A whole answer is compressed whole. A stream is compressed as it comes, and each piece of it leaves at once: no event
//! waits for the next one. What a stream has said is remembered to make the rest smaller, so that each costs memory, and no
//! more than `limits.compressed_streams_max` are compressed at the same time; further ones go out as they are.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ResponseHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Header as _, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, ResponseError as _};
use bytes::Bytes;
use fanfare_protocol::{Code, Error};
use tokio::sync::OwnedSemaphorePermit;

use super::accept_encoding::{QUICK, Wishes};
use crate::compression::{Coding, Flow};
use crate::gateway::problem::Problem;
use crate::node::Node;
use crate::telemetry::{Packed, Telemetry};

/// Whole answers below this go out as they are: with its headers such a one is a packet or two in any case.
const BYTES_MIN: usize = 1_024;

/// Whole answers above this are compressed as streams, piece by piece of this size, so that what waits for a slow client is
/// one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// What a client takes of this node.
pub(super) fn wishes(request: &impl HttpMessage, node: &Node) -> Wishes {
    match AcceptEncoding::parse(request) {
        Ok(header) if node.config.server.compression => Wishes::new(header),
        _ => Wishes::default(),
    }
}

/// Whether there is no form in which the client takes an answer.
pub(super) fn is_unacceptable(wishes: &Wishes) -> bool {
    !wishes.takes_plain() && wishes.coding(&QUICK).is_none()
}

/// The method of a request and what it takes: what is to be known of it when it is answered.
pub(super) struct Asked {
    is_head: bool,
    wishes: Wishes,
}

impl Asked {
    pub(super) fn new(request: &ServiceRequest, wishes: Wishes) -> Self {
        Self { is_head: request.method() == Method::HEAD, wishes }
    }

    /// Compresses the answer, if it is wanted and worth it.
    pub(super) fn fit(self, response: ServiceResponse<BoxBody>, node: &Node) -> ServiceResponse<BoxBody> {
        let Some(coding) = self.wishes.coding(&QUICK).filter(|_| !self.is_head) else { return response };
        let takes_plain = self.wishes.takes_plain();
        let mut is_refused = false;
        let response = response.map_body(|head, body| match body.size() {
            _ if !has_content(head) || (takes_plain && !is_text(head)) => body,
            BodySize::None | BodySize::Sized(0) => body,
            BodySize::Sized(bytes) if takes_plain && bytes < BYTES_MIN as u64 => body,
            BodySize::Sized(bytes) if bytes <= PIECE_BYTES as u64 => whole(coding, head, body, node),
            BodySize::Sized(_) | BodySize::Stream => match streamed(coding, head, body, node) {
                Ok(body) => body,
                Err(body) => {
                    is_refused = !takes_plain;
                    body
                }
            },
        });
        if is_refused { response.into_response(too_many(node).error_response()) } else { response }
    }
}

/// Of a status that has a body, and not compressed already.
fn has_content(head: &ResponseHead) -> bool {
    let is_empty =
        matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT);
    !is_empty && !head.headers().contains_key(CONTENT_ENCODING)
}

fn is_text(head: &ResponseHead) -> bool {
    head.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_worth)
}

/// Whether compressing what is of this media type can win anything: images are packed already.
pub(super) fn is_worth(kind: &str) -> bool {
    kind.starts_with("text/") || ["json", "svg", "wasm", "openmetrics"].iter().any(|part| kind.contains(part))
}

fn whole(coding: Coding, head: &mut ResponseHead, body: BoxBody, node: &Node) -> BoxBody {
    let plain = match body.try_into_bytes() {
        Ok(plain) => plain,
        Err(body) => return body,
    };
    let Ok(packed) = coding.compress(&plain) else { return BoxBody::new(plain) };
    name(coding, head);
    node.telemetry.compressed(Packed::Http, plain.len(), packed.len());
    BoxBody::new(packed)
}

/// Gives the body back as it is when no more may be compressed.
fn streamed(coding: Coding, head: &mut ResponseHead, body: BoxBody, node: &Node) -> Result<BoxBody, BoxBody> {
    let Ok(permit) = Arc::clone(&node.compressed_streams).try_acquire_owned() else { return Err(body) };
    let Ok(flow) = Flow::new(coding) else { return Err(body) };
    name(coding, head);
    let telemetry = Arc::clone(&node.telemetry);
    telemetry.compressed_streams.inc();
    Ok(BoxBody::new(Compressed { body, rest: Bytes::new(), flow: Some(flow), telemetry, _permit: permit }))
}

/// For who takes nothing that is not compressed.
fn too_many(node: &Node) -> Problem {
    let most = node.config.limits.compressed_streams_max;
    let message = format!(
        "{most} streams are compressed, as many as may be (`limits.compressed_streams_max`), and `Accept-Encoding` takes no other"
    );
    Problem(Error::of(Code::TooManyConnections).with_message(message))
}

fn name(coding: Coding, head: &mut ResponseHead) {
    head.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    // A tag was of what is not compressed: these are other bytes that say the same.
    let weak = head.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
    if let Some(weak) = weak.and_then(|tag| HeaderValue::from_str(&format!("W/{tag}")).ok()) {
        head.headers_mut().insert(ETAG, weak);
    }
}

/// A body that is compressed as it comes.
struct Compressed {
    body: BoxBody,
    /// Of a piece that was too large for one.
    rest: Bytes,
    /// Until the end was said.
    flow: Option<Flow>,
    telemetry: Arc<Telemetry>,
    _permit: OwnedSemaphorePermit,
}

impl MessageBody for Compressed {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            if this.flow.is_none() {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.body).poll_next(cx)) {
                Some(piece) => this.rest = piece?,
                None => {
                    let Some(flow) = this.flow.take() else { return Poll::Ready(None) };
                    let packed = flow.finish(&[])?;
                    this.telemetry.compressed(Packed::Http, 0, packed.len());
                    return Poll::Ready(Some(Ok(packed.into())));
                }
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        let Some(flow) = &mut this.flow else { return Poll::Ready(None) };
        let packed = flow.push(&piece)?;
        this.telemetry.compressed(Packed::Http, piece.len(), packed.len());
        Poll::Ready(Some(Ok(packed.into())))
    }
}

impl Drop for Compressed {
    fn drop(&mut self) {
        self.telemetry.compressed_streams.dec();
    }
}
