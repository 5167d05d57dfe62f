//! Asking services and being one: REQUEST, REPLY, SERVE, SERVING, CANCEL.

use serde::de::MapAccess;

use super::data::{self, Content};
use super::form::{Always, Integer, json_form};
use super::serde_impls::serde_impls;
use super::{Members, Object, ToJson, Value};
use crate::wire::{Cancel, Reply, Request, Serve, Serving};

impl ToJson for Request {
    fn write(&self, object: &mut Object<'_>) {
        object.scalar("service", &self.service);
        data::write_typed(object, self.data.as_ref(), self.content_type());
        object.duration("timeout", self.timeout_ms);
    }
}

impl Members for Request {
    const NAMES: &'static [&'static str] = &["service", "data", "dataBase64", "contentType", "timeout"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        let content = Content { data: &mut self.data, content_type: &mut self.content_type };
        match name {
            "service" => self.service = value.get()?,
            "data" => content.read_json(value)?,
            "dataBase64" => content.read_base64(value)?,
            "contentType" => content.read_type(value)?,
            "timeout" => self.timeout_ms = value.duration()?,
            _ => value.unknown()?,
        }
        Ok(())
    }
}

impl ToJson for Reply {
    fn write(&self, object: &mut Object<'_>) {
        data::write_typed(object, self.data.as_ref(), self.content_type());
        object.object("error", self.error.as_ref());
    }
}

impl Members for Reply {
    const NAMES: &'static [&'static str] = &["data", "dataBase64", "contentType", "error"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        let content = Content { data: &mut self.data, content_type: &mut self.content_type };
        match name {
            "data" => content.read_json(value)?,
            "dataBase64" => content.read_base64(value)?,
            "contentType" => content.read_type(value)?,
            "error" => self.error = value.object()?,
            _ => value.unknown()?,
        }
        Ok(())
    }
}

json_form!(Serve {
    "service": service = Always,
    "credit": credit = Integer,
});

json_form!(Serving {
    "service": service = Always,
});

json_form!(Cancel {
    "id": id = Integer,
});

serde_impls!(Request);
serde_impls!(Reply);
