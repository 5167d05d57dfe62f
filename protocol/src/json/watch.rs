//! SUBSCRIBE and UPDATE_VIEW: the watch parameters as members. One view stands flat in the payload; several are a list.

use serde::de::MapAccess;

use super::serde_impls::serde_impls;
use super::{Members, Object, ToJson, Value};
use crate::limits::VIEWS_MAX;
use crate::watch::{CONSISTENCIES, ON_GONE, STARTS, WHERE_PREFIX, named};
use crate::wire::{Error, Subscribe, UpdateView, Watch};

impl ToJson for Watch {
    fn write(&self, object: &mut Object<'_>) {
        object.scalar("topic", &self.topic);
        object.version("resourceVersion", self.resource_version);
        object.optional("from", named(self.from(), STARTS).as_ref());
        object.optional("filter", self.filter.as_ref());
        for (path, value) in &self.r#where {
            object.scalar(&format!("{WHERE_PREFIX}{path}"), value);
        }
        if !self.fields.is_empty() {
            object.scalar("fields", &self.fields.join(","));
        }
        object.flag("onChange", self.on_change);
        object.duration("interval", self.interval_ms);
        object.duration("debounce", self.debounce_ms);
        object.optional("maxEventsPerSecond", self.max_events_per_second.as_ref());
        object.flag("delta", self.delta);
        object.optional("onGone", named(self.on_gone(), ON_GONE).as_ref());
        object.duration("timeout", self.timeout_ms);
        object.optional("limit", self.limit.as_ref());
        object.optional("credit", self.credit.as_ref());
        object.optional("consistency", named(self.consistency(), CONSISTENCIES).as_ref());
        object.flag("presence", self.presence);
    }
}

impl Members for Watch {
    const NAMES: &'static [&'static str] = Self::PARAMETERS;
    const ALIASES: &'static [&'static [&'static str]] = Self::ALIASES;

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        let context = value.context();
        let text = if name.starts_with(WHERE_PREFIX) {
            Some(read_equality(value)?)
        } else if name == "fields" {
            read_fields(value)?
        } else if Self::NAMES.contains(&name) {
            value.scalar()?
        } else {
            return value.unknown();
        };
        match text {
            Some(text) => self.set(name, &text).map_err(|error| context.refuse(error)),
            None => Ok(()),
        }
    }
}

/// The text that a query would have: a string's own, of other values their JSON.
fn read_equality<'de, A: MapAccess<'de>>(value: Value<'_, '_, A>) -> Result<String, A::Error> {
    let context = value.context();
    let raw = value.raw()?;
    let text =
        if raw.starts_with(b"\"") { serde_json::from_slice(&raw).ok() } else { String::from_utf8(raw.into()).ok() };
    text.ok_or_else(|| context.refuse(Error::malformed("the value of an equality is not UTF-8")))
}

/// A text with commas, as in a query, or a list of texts.
fn read_fields<'de, A: MapAccess<'de>>(value: Value<'_, '_, A>) -> Result<Option<String>, A::Error> {
    let context = value.context();
    let raw = value.raw()?;
    let one: Result<Option<String>, _> = serde_json::from_slice(&raw);
    one.or_else(|_| serde_json::from_slice::<Vec<String>>(&raw).map(|paths| Some(paths.join(",")))).map_err(|_| {
        context.refuse(Error::bad_parameter("fields", "expected dotted paths of `data`, separated by commas"))
    })
}

impl ToJson for Subscribe {
    fn write(&self, object: &mut Object<'_>) {
        if let Some(watch) = &self.watch {
            watch.write(object);
        }
        if !self.views.is_empty() {
            object.objects("views", &self.views);
        }
    }
}

/// A member that stands beside the parameters of a watch, and these.
const fn beside_parameters(member: &'static str) -> [&'static str; Watch::PARAMETERS.len() + 1] {
    let mut names = [member; Watch::PARAMETERS.len() + 1];
    let mut at = 0;
    while at < Watch::PARAMETERS.len() {
        names[at + 1] = Watch::PARAMETERS[at];
        at += 1;
    }
    names
}

impl Members for Subscribe {
    const NAMES: &'static [&'static str] = &beside_parameters("views");
    const ALIASES: &'static [&'static [&'static str]] = Watch::ALIASES;

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "views" => self.views = value.objects(VIEWS_MAX)?,
            _ => read_flat(&mut self.watch, name, value)?,
        }
        Ok(())
    }
}

impl ToJson for UpdateView {
    fn write(&self, object: &mut Object<'_>) {
        object.scalar("view", &self.view);
        if let Some(watch) = &self.watch {
            watch.write(object);
        }
    }
}

impl Members for UpdateView {
    const NAMES: &'static [&'static str] = &beside_parameters("view");
    const ALIASES: &'static [&'static [&'static str]] = Watch::ALIASES;

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "view" => self.view = value.integer()?.unwrap_or_default(),
            _ => read_flat(&mut self.watch, name, value)?,
        }
        Ok(())
    }
}

/// Takes a member of the one view that stands flat, which comes into being with its first one.
fn read_flat<'de, A: MapAccess<'de>>(
    watch: &mut Option<Watch>,
    name: &str,
    value: Value<'_, '_, A>,
) -> Result<(), A::Error> {
    if Watch::NAMES.contains(&name) || name.starts_with(WHERE_PREFIX) {
        watch.get_or_insert_default().read(name, value)
    } else {
        value.unknown()
    }
}

serde_impls!(Watch);
serde_impls!(Subscribe);
serde_impls!(UpdateView);
