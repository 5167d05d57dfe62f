//! The watch parameters, read from a query string or from JSON by the same code, so that every door takes the same names.
//! Judges each value alone; which of them a topic's kind or a grant allows is the engine's. Rules: SPEC.md W2 to W4.

use std::fmt::Display;

use crate::duration::{DisplayMs, parse_duration_ms};
use crate::limits::INTEGER_MAX;
use crate::wire::{Consistency, Error, From as Start, OnGone, Watch};

pub(crate) const WHERE_PREFIX: &str = "where.";

pub(crate) const STARTS: &[(&str, Start)] =
    &[("snapshot", Start::Snapshot), ("beginning", Start::Beginning), ("latest", Start::Latest)];

pub(crate) const ON_GONE: &[(&str, OnGone)] = &[("snapshot", OnGone::Snapshot), ("close", OnGone::Close)];

pub(crate) const CONSISTENCIES: &[(&str, Consistency)] =
    &[("linearizable", Consistency::Linearizable), ("local", Consistency::Local)];

impl Watch {
    /// Every name that [`Watch::set`] knows, aliases last; `where.…` stands for the equalities.
    pub const PARAMETERS: &'static [&'static str] = &[
        "topic",
        "resourceVersion",
        "from",
        "filter",
        "where.key",
        "fields",
        "onChange",
        "interval",
        "debounce",
        "maxEventsPerSecond",
        "delta",
        "onGone",
        "timeout",
        "limit",
        "credit",
        "consistency",
        "presence",
        "sinceRevision",
        "lastEventId",
        "includeInitialData",
        "selector",
    ];

    /// Names of the same parameter, of which one may be given.
    pub const ALIASES: &'static [&'static [&'static str]] = &[
        &["resourceVersion", "sinceRevision", "lastEventId"],
        &["from", "includeInitialData"],
        &["filter", "selector"],
    ];

    /// Sets one parameter from its text in a query string. A later value replaces an earlier one.
    ///
    /// # Errors
    /// UNKNOWN_PARAMETER with the nearest known name, BAD_PARAMETER with what is allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "topic" => value.clone_into(&mut self.topic),
            "resourceVersion" | "sinceRevision" | "lastEventId" => self.resource_version = Some(parsed(name, value)?),
            "from" => self.set_from(one_of(name, value, STARTS)?),
            "includeInitialData" => {
                if !flag(name, value)? {
                    self.set_from(Start::Latest);
                }
            }
            "filter" | "selector" => self.filter = Some(value.to_owned()),
            "fields" => self.fields = paths(name, value)?,
            "onChange" => self.on_change = flag(name, value)?,
            "interval" => self.interval_ms = Some(duration(name, value)?),
            "debounce" => self.debounce_ms = Some(duration(name, value)?),
            "maxEventsPerSecond" => self.max_events_per_second = Some(rate(name, value)?),
            "delta" => self.delta = flag(name, value)?,
            "onGone" => self.set_on_gone(one_of(name, value, ON_GONE)?),
            "timeout" => self.timeout_ms = Some(duration(name, value)?),
            "limit" => self.limit = Some(at_least_one(name, value)?),
            "credit" => self.credit = Some(credit(name, value)?),
            "consistency" => self.set_consistency(one_of(name, value, CONSISTENCIES)?),
            "presence" => self.presence = flag(name, value)?,
            _ => self.set_equality(name, value)?,
        }
        Ok(())
    }

    /// The parameters as names and texts, from which [`Watch::set`] makes an equal watch. Defaults are left out.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, String)> {
        let mut list = Vec::new();
        let mut add = |name: &str, value: Option<String>| list.extend(value.map(|value| (name.to_owned(), value)));
        add("topic", Some(self.topic.clone()));
        add("resourceVersion", self.resource_version.map(|version| version.to_string()));
        add("from", named(self.from(), STARTS));
        add("filter", self.filter.clone());
        for (path, value) in &self.r#where {
            add(&format!("{WHERE_PREFIX}{path}"), Some(value.clone()));
        }
        add("fields", Some(self.fields.join(",")).filter(|fields| !fields.is_empty()));
        add("onChange", self.on_change.then(|| true.to_string()));
        add("interval", self.interval_ms.map(|ms| DisplayMs(ms).to_string()));
        add("debounce", self.debounce_ms.map(|ms| DisplayMs(ms).to_string()));
        add("maxEventsPerSecond", self.max_events_per_second.map(|rate| rate.to_string()));
        add("delta", self.delta.then(|| true.to_string()));
        add("onGone", named(self.on_gone(), ON_GONE));
        add("timeout", self.timeout_ms.map(|ms| DisplayMs(ms).to_string()));
        add("limit", self.limit.map(|limit| limit.to_string()));
        add("credit", self.credit.map(|credit| credit.to_string()));
        add("consistency", named(self.consistency(), CONSISTENCIES));
        add("presence", self.presence.then(|| true.to_string()));
        list
    }

    /// `where.PATH`. Kept as it was written: whoever compares reads it as JSON, else as a string.
    fn set_equality(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(path) = name.strip_prefix(WHERE_PREFIX) else {
            return Err(Error::unknown_parameter(name, Self::PARAMETERS.iter().copied()));
        };
        let is_known = path == "key"
            || path.strip_prefix("attributes.").is_some_and(|attribute| !attribute.is_empty())
            || path.strip_prefix("data.").is_some_and(|path| path.split('.').all(|step| !step.is_empty()));
        if !is_known {
            return Err(Error::unknown_parameter(name, ["where.key", "where.attributes.NAME", "where.data.PATH"]));
        }
        self.r#where.insert(path.to_owned(), value.to_owned());
        Ok(())
    }
}

/// The text of an enum's value, if it is not the default.
pub(crate) fn named<E: Copy + Default + PartialEq>(value: E, names: &[(&str, E)]) -> Option<String> {
    let is_default = value == E::default();
    names.iter().find(|(_, known)| *known == value && !is_default).map(|(name, _)| (*name).to_owned())
}

fn one_of<E: Copy>(name: &str, value: &str, names: &[(&str, E)]) -> Result<E, Error> {
    let found = names.iter().find(|(known, _)| *known == value).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
        Error::bad_parameter(name, format_args!("expected one of `{}`", known.join("`, `")))
    })
}

fn parsed<T: std::str::FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, Error> {
    value.parse().map_err(|error| Error::bad_parameter(name, error))
}

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    one_of(name, value, &[("true", true), ("false", false)])
}

fn duration(name: &str, value: &str) -> Result<u64, Error> {
    parse_duration_ms(value).map_err(|error| Error::bad_parameter(name, error))
}

fn paths(name: &str, value: &str) -> Result<Vec<String>, Error> {
    let paths: Vec<String> = value.split(',').map(str::to_owned).collect();
    let is_path = |path: &String| path.split('.').all(|step| !step.is_empty());
    if paths.iter().all(is_path) {
        Ok(paths)
    } else {
        Err(Error::bad_parameter(name, "expected dotted paths of `data`, separated by commas"))
    }
}

fn rate(name: &str, value: &str) -> Result<f64, Error> {
    match value.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(Error::bad_parameter(name, "expected a number above 0")),
    }
}

fn at_least_one(name: &str, value: &str) -> Result<u32, Error> {
    match whole_number(value) {
        Some(limit @ 1..) => Ok(limit),
        _ => Err(Error::bad_parameter(name, "expected a whole number from 1 to 2^32 - 1")),
    }
}

fn credit(name: &str, value: &str) -> Result<u64, Error> {
    let credit = whole_number(value).filter(|credit| *credit <= INTEGER_MAX);
    credit.ok_or_else(|| Error::bad_parameter(name, "expected a whole number from 0 to 2^53 - 1"))
}

/// Digits only: the standard library would take a sign too.
fn whole_number<N: std::str::FromStr>(value: &str) -> Option<N> {
    let is_digits = value.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::wire::ResourceVersion;

    fn set(parameters: &[(&str, &str)]) -> Result<Watch, Error> {
        let mut watch = Watch::default();
        parameters.iter().try_for_each(|(name, value)| watch.set(name, value))?;
        Ok(watch)
    }

    /// W3: names of other systems are understood.
    #[test]
    fn aliases_set_what_they_stand_for() {
        for name in ["resourceVersion", "sinceRevision", "lastEventId"] {
            let watch = set(&[(name, "6f1c.7")]).expect("it is a version");
            assert_eq!(watch.resource_version, Some(ResourceVersion::new(0x6f1c, 7)));
        }
        assert_eq!(set(&[("selector", "true")]), set(&[("filter", "true")]));
        assert_eq!(set(&[("includeInitialData", "false")]), set(&[("from", "latest")]));
        assert_eq!(set(&[("includeInitialData", "true")]), Ok(Watch::default()));
    }

    /// W2.
    #[test]
    fn an_unknown_parameter_names_the_nearest_one() {
        for (name, nearest) in
            [("intervall", "interval"), ("resourceversion", "resourceVersion"), ("onchange", "onChange")]
        {
            let error = set(&[(name, "1")]).expect_err("there is no such parameter");
            assert_eq!(error.known_code(), Some(Code::UnknownParameter));
            assert_eq!((error.parameter.as_deref(), error.nearest.as_deref()), (Some(name), Some(nearest)));
        }
        let error = set(&[("where.attribute.x", "1")]).expect_err("there is no such equality");
        assert_eq!(error.nearest.as_deref(), Some("where.attributes.NAME"));
    }

    /// W2.
    #[test]
    fn a_value_that_is_not_allowed_names_its_parameter() {
        let values = [
            ("resourceVersion", ""),
            ("from", ""),
            ("from", "Snapshot"),
            ("fields", ""),
            ("fields", "a..b"),
            ("onChange", "1"),
            ("interval", "fast"),
            ("maxEventsPerSecond", "0"),
            ("maxEventsPerSecond", "inf"),
            ("onGone", "panic"),
            ("limit", "0"),
            ("limit", "+1"),
            ("limit", "4294967296"),
            ("credit", "-1"),
            ("credit", "9007199254740992"),
            ("consistency", "eventual"),
        ];
        for (name, value) in values {
            let error = set(&[(name, value)]).expect_err("the value is not allowed");
            assert_eq!(error.known_code(), Some(Code::BadParameter), "{name}={value}");
            assert_eq!(error.parameter.as_deref(), Some(name));
        }
    }

    /// W3: the text of an equality is kept, its reading is the filter's.
    #[test]
    fn equalities_are_kept_by_their_path() {
        let watch =
            set(&[("where.key", "a"), ("where.attributes.a.b", "\"x\""), ("where.data.n", "5"), ("where.key", "b")]);
        let expected = [("attributes.a.b", "\"x\""), ("data.n", "5"), ("key", "b")];
        assert_eq!(
            watch.expect("all are known").r#where,
            expected.map(|(path, value)| (path.to_owned(), value.to_owned())).into()
        );
    }
}
