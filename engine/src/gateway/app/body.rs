//! Reading the body of a request: never more than a frame, never on the word of `Content-Length`, never for ever.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::Payload;
use bytes::BytesMut;
use fanfare_protocol::{Code, Error};
use futures_util::StreamExt;

/// How long a whole body may take: a frame of 1 MiB at 300 kbit/s. Slower ones hold a buffer for too long.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the rest of a body that is too large is held: longer than its answer takes to be sent.
const UNREAD_HELD: Duration = Duration::from_secs(2);

/// Reads the body.
///
/// # Errors
/// `FRAME_TOO_LARGE` as soon as more than `bytes_max` are announced or have arrived, `UNSUPPORTED_MEDIA_TYPE` for a
/// compressed one, `REQUEST_TIMEOUT`, `MALFORMED` when it breaks off.
pub(super) async fn read(request: &HttpRequest, payload: Payload, bytes_max: usize) -> Result<BytesMut, Error> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let message = "send the body as it is: content encodings are not understood here";
        return Err(Error::of(Code::UnsupportedMediaType).with_message(message));
    }
    let announced = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let reading = collect(payload, bytes_max);
    tokio::time::timeout(BODY_TIMEOUT, reading).await.unwrap_or_else(|_| {
        let message = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
        Err(Error::of(Code::RequestTimeout).with_message(message))
    })
}

async fn collect(mut payload: Payload, bytes_max: usize) -> Result<BytesMut, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Error::malformed(format_args!("the body broke off: {error}")))?;
        if body.len() + chunk.len() > bytes_max {
            // A payload that is dropped unread is drained by actix-http for as long as chunks come (actix/actix-web#3936);
            // one that is still held when the answer is sent has the connection closed behind it: rule L1.
            actix::spawn(async move {
                tokio::time::sleep(UNREAD_HELD).await;
                drop(payload);
            });
            return Err(too_large(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large(bytes_max: usize) -> Error {
    Error::of(Code::FrameTooLarge)
        .with_message(format!("a body has at most {bytes_max} bytes (`limits.frame_bytes_max`)"))
}
