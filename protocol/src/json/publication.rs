//! PUBLISH and PUBLISHED. The members of a single publication stand beside `topic`; several are a list.

use serde::de::{DeserializeSeed as _, MapAccess};

use super::data::{self, Content};
use super::form::{Always, Integer, UnlessDefault, Version, json_form};
use super::serde_impls::serde_impls;
use super::{Context, Members, Object, Seed, ToJson, Value};
use crate::limits::PUBLICATIONS_MAX;
use crate::shape;
use crate::wire::{Error, Producer, Publication, Publish, Published};

/// Reads the body of `POST /v1/topics/{topic}`: the payload of PUBLISH without its topic, which the path names.
///
/// # Errors
/// MALFORMED, UNKNOWN_PARAMETER or BAD_PARAMETER, as a session would answer.
pub fn parse_publish_body(topic: &str, body: &[u8]) -> Result<Publish, Error> {
    let form = "the body must be a JSON object, such as `{\"data\": 1}`";
    let context = Context { is_strict: true, form, ..Context::default() };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let publish = Seed::<Publish>::new(&context).deserialize(&mut reader);
    let publish = publish.and_then(|publish| reader.end().map(|()| publish));
    let mut publish = publish.map_err(|error| context.error(&error))?;
    if !publish.topic.is_empty() && publish.topic != topic {
        return Err(Error::bad_parameter("topic", "the path names another one"));
    }
    topic.clone_into(&mut publish.topic);
    shape::check_publish(&publish)?;
    Ok(publish)
}

impl ToJson for Publication {
    fn write(&self, object: &mut Object<'_>) {
        data::write_typed(object, self.data.as_ref(), self.content_type());
        object.optional("key", self.key.as_ref());
        object.flag("delete", self.delete);
        object.texts("attributes", &self.attributes);
        object.duration("ttl", self.ttl_ms);
        object.version("ifVersion", self.if_version);
        object.optional("originTime", self.origin_time.as_ref());
        object.optional("traceparent", self.traceparent.as_ref());
    }
}

impl Members for Publication {
    const NAMES: &'static [&'static str] = &[
        "data",
        "dataBase64",
        "contentType",
        "key",
        "delete",
        "attributes",
        "ttl",
        "ifVersion",
        "originTime",
        "traceparent",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        let content = Content { data: &mut self.data, content_type: &mut self.content_type };
        match name {
            "data" => content.read_json(value)?,
            "dataBase64" => content.read_base64(value)?,
            "contentType" => content.read_type(value)?,
            "key" => self.key = value.get()?,
            "delete" => self.delete = value.get()?,
            "attributes" => self.attributes = value.get()?,
            "ttl" => self.ttl_ms = value.duration()?,
            "ifVersion" => self.if_version = value.version()?,
            "originTime" => self.origin_time = value.integer()?,
            "traceparent" => self.traceparent = value.get()?,
            _ => value.unknown()?,
        }
        Ok(())
    }
}

impl ToJson for Publish {
    fn write(&self, object: &mut Object<'_>) {
        object.scalar("topic", &self.topic);
        if let Some(publication) = &self.publication {
            publication.write(object);
        }
        if !self.publications.is_empty() {
            object.objects("publications", &self.publications);
        }
        object.optional("idempotencyKey", self.idempotency_key.as_ref());
        object.object("producer", self.producer.as_ref());
    }
}

impl Members for Publish {
    const NAMES: &'static [&'static str] = &[
        "topic",
        "publications",
        "idempotencyKey",
        "producer",
        "data",
        "dataBase64",
        "contentType",
        "key",
        "delete",
        "attributes",
        "ttl",
        "ifVersion",
        "originTime",
        "traceparent",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "topic" => self.topic = value.get()?,
            "publications" => self.publications = value.objects(PUBLICATIONS_MAX)?,
            "idempotencyKey" => self.idempotency_key = value.get()?,
            "producer" => self.producer = value.object()?,
            _ if Publication::NAMES.contains(&name) => self.publication.get_or_insert_default().read(name, value)?,
            _ => value.unknown()?,
        }
        Ok(())
    }
}

serde_impls!(Publication);
serde_impls!(Publish);

json_form!(Producer {
    "id": id = Always,
    "sequence": sequence = Integer,
});

json_form!(Published {
    "resourceVersion": resource_version = Version,
    "resourceVersions": resource_versions = UnlessDefault,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    /// H4: it is what `curl -d hello` is told.
    #[test]
    fn a_body_that_is_no_json_is_told_what_it_must_be() {
        let form = "the body must be a JSON object, such as `{\"data\": 1}`: ";
        for (body, reason) in [
            ("hello", "expected value at line 1 column 1"),
            ("", "EOF while parsing"),
            ("[]", "invalid type: sequence, expected an object"),
            ("{\"data\":1", "EOF while parsing"),
        ] {
            let error = parse_publish_body("a", body.as_bytes()).expect_err("it is refused");
            assert_eq!(error.known_code(), Some(Code::Malformed), "{body}: {error}");
            assert!(error.message.starts_with(&format!("{form}{reason}")), "{body}: {error}");
        }
    }
}
