//! The content of publications, events, requests and replies: `data` holds any JSON inline, `dataBase64` holds bytes.
//! `contentType` repeats which of them it is.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::MapAccess;

use super::{Object, Value};
use crate::wire::{ContentType, Error};

/// Takes the padding or its absence: both are in use, and neither is ambiguous.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const CONTENT_TYPES: &[(&str, ContentType)] = &[("json", ContentType::Json), ("bytes", ContentType::Bytes)];

const BYTES_ELSEWHERE: &str = "bytes stand in `dataBase64`";

/// What was said about the content so far, while the members of an object come in any order.
pub(super) struct Content<'m> {
    pub(super) data: &'m mut Option<Bytes>,
    pub(super) content_type: &'m mut i32,
}

impl Content<'_> {
    /// Takes `data`.
    pub(super) fn read_json<'de, A: MapAccess<'de>>(self, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        if self.data.is_some() {
            return Err(value.refuse(Error::bad_parameter("data", "stands alone, or `dataBase64` does, not both")));
        }
        if *self.content_type == ContentType::Bytes as i32 {
            return Err(value.refuse(Error::bad_parameter("contentType", BYTES_ELSEWHERE)));
        }
        *self.data = Some(value.raw()?);
        Ok(())
    }

    /// Takes `dataBase64`.
    pub(super) fn read_base64<'de, A: MapAccess<'de>>(self, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        if self.data.is_some() {
            return Err(value.refuse(Error::bad_parameter("dataBase64", "stands alone, or `data` does, not both")));
        }
        *self.data = value.base64()?;
        if self.data.is_some() {
            *self.content_type = ContentType::Bytes as i32;
        }
        Ok(())
    }

    /// Takes `contentType`. Saying `json` is saying nothing: it is the default, and `dataBase64` is bytes all the same.
    pub(super) fn read_type<'de, A: MapAccess<'de>>(self, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        let context = value.context();
        if value.one_of(CONTENT_TYPES)? == Some(ContentType::Bytes) {
            if self.data.is_some() && *self.content_type == ContentType::Json as i32 {
                return Err(context.refuse(Error::bad_parameter("contentType", BYTES_ELSEWHERE)));
            }
            *self.content_type = ContentType::Bytes as i32;
        }
        Ok(())
    }
}

impl<'de, A: MapAccess<'de>> Value<'_, '_, A> {
    fn base64(self) -> Result<Option<Bytes>, A::Error> {
        let context = self.context();
        let text: Option<String> = self.get()?;
        let decoded = text.map(|text| BASE64.decode(text)).transpose();
        decoded
            .map(|bytes| bytes.map(Bytes::from))
            .map_err(|error| context.refuse(Error::bad_parameter("dataBase64", format_args!("not base64: {error}"))))
    }
}

/// Writes `data` or `dataBase64`.
pub(super) fn write(object: &mut Object<'_>, data: Option<&Bytes>, content_type: ContentType) {
    match (data, content_type) {
        (Some(bytes), ContentType::Bytes) => object.base64("dataBase64", bytes),
        // Empty is no JSON value: leaving it out keeps the document whole.
        (Some(json), ContentType::Json) if !json.is_empty() => object.raw("data", json),
        _ => {}
    }
}

/// Writes `data` or `dataBase64`, and `contentType` where it is not the default.
pub(super) fn write_typed(object: &mut Object<'_>, data: Option<&Bytes>, content_type: ContentType) {
    write(object, data, content_type);
    if content_type == ContentType::Bytes {
        object.scalar("contentType", "bytes");
    }
}
