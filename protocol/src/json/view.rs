//! What is said of views that are open: SUBSCRIBED, UNSUBSCRIBE and its answer, GRANT, VIEW.

use serde::de::MapAccess;

use super::form::{Always, Child, Integer, Named, Optional, UnlessDefault, Version, json_form};
use super::serde_impls::serde_impls;
use super::{Members, Object, ToJson, Value};
use crate::limits::VIEWS_MAX;
use crate::wire::{Grant, Subscribed, Unsubscribe, Unsubscribed, View, ViewState, Watched};

const VIEW_STATES: &[(&str, ViewState)] = &[
    ("lagging", ViewState::Lagging),
    ("live", ViewState::Live),
    ("gone", ViewState::Gone),
    ("revoked", ViewState::Revoked),
    ("closed", ViewState::Closed),
];

json_form!(Watched {
    "view": view = Integer,
    "topic": topic = Always,
    "resourceVersion": resource_version = Version,
    "resumed": resumed = Always,
    "error": error = Child,
    "stale": stale = UnlessDefault,
});

json_form!(Unsubscribe {
    "view": view = Integer,
});

json_form!(Unsubscribed {
    "view": view = Integer,
});

json_form!(Grant {
    "view": view = Integer,
    "events": events = Integer,
});

json_form!(View {
    "view": view = Integer,
    "state": state = Named::open(VIEW_STATES),
    "code": code = Optional,
});

impl ToJson for Subscribed {
    fn write(&self, object: &mut Object<'_>) {
        if let Some(watched) = &self.watched {
            watched.write(object);
        }
        if !self.views.is_empty() {
            object.objects("views", &self.views);
        }
    }
}

impl Members for Subscribed {
    const NAMES: &'static [&'static str] = &["views", "view", "topic", "resourceVersion", "resumed", "error", "stale"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "views" => self.views = value.objects(VIEWS_MAX)?,
            _ if Watched::NAMES.contains(&name) => {
                self.watched.get_or_insert_default().read(name, value)?;
            }
            _ => value.unknown()?,
        }
        Ok(())
    }
}

serde_impls!(Subscribed);
