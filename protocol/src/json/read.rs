//! How an object is read member by member: into a default value, refusing members that are unknown or stand twice.
//! A refusal keeps its type on the way through serde by waiting in the `Context`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::whole::{Whole, WholeSeed};
use crate::duration::parse_duration_ms;
use crate::limits::{ITEM_JSON_BYTES_MIN, ITEMS_SLACK};
use crate::wire::{Error, ResourceVersion};

/// So much of the name of a member as a text should quote: attributes have names too.
const NAME_BYTES_SHOWN: usize = 64;

/// What holds while one envelope or body is read.
#[derive(Default)]
pub(crate) struct Context<'c> {
    /// The buffer that is being read, so that `data` can be a slice of it instead of a copy.
    pub(crate) source: Option<&'c Bytes>,
    /// Whether unknown members are refused.
    pub(crate) is_strict: bool,
    /// The id of the envelope, once it was read: the rest may be broken.
    pub(crate) id: Cell<u64>,
    /// Why reading stopped, if it was not the grammar.
    pub(crate) refusal: RefCell<Option<Error>>,
    /// The innermost member that could not be read.
    pub(crate) blamed: RefCell<Option<String>>,
    /// What is read must be, for whoever sends something else; nothing is said of it where it is empty.
    pub(crate) form: &'static str,
}

impl Context<'_> {
    /// The wire error for what reading ended with.
    pub(crate) fn error(&self, error: &serde_json::Error) -> Error {
        if let Some(refusal) = self.refusal.take() {
            return refusal;
        }
        match self.blamed.take() {
            // It is JSON, but not what belongs there.
            Some(name) if error.is_data() => {
                let name = &name[..name.floor_char_boundary(NAME_BYTES_SHOWN)];
                Error::malformed(format_args!("`{name}`: {error}"))
            }
            _ if self.form.is_empty() => Error::malformed(error),
            _ => Error::malformed(format_args!("{}: {error}", self.form)),
        }
    }

    /// How many elements a list of events may have: their smallest form bounds what a buffer can honestly hold.
    pub(crate) fn items_max(&self) -> usize {
        self.source.map_or(usize::MAX, |source| source.len() / ITEM_JSON_BYTES_MIN + ITEMS_SLACK)
    }
}

/// Read from a JSON object, member by member.
pub(crate) trait Members: Default {
    /// Every name it knows, for the refusal of others.
    const NAMES: &'static [&'static str];

    /// Those of them that mean the same, of which one may stand.
    const ALIASES: &'static [&'static [&'static str]] = &[];

    /// Takes one member; names that it does not know go to [`Value::unknown`].
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, '_, A>) -> Result<(), A::Error>;
}

/// The value of the member that was just named. To be taken once.
pub(crate) struct Value<'v, 'c, A> {
    map: &'v mut A,
    context: &'v Context<'c>,
    name: &'v str,
    names: &'static [&'static str],
}

impl<'de, 'v, 'c, A: MapAccess<'de>> Value<'v, 'c, A> {
    /// As serde reads it; null is absence.
    pub(crate) fn get<T: Deserialize<'de> + Default>(self) -> Result<T, A::Error> {
        self.map.next_value::<Option<T>>().map(Option::unwrap_or_default)
    }

    fn text(self) -> Result<Option<Text<'de>>, A::Error> {
        self.map.next_value()
    }

    /// A whole number that every JSON reader keeps exactly and `T` can hold. `None`: null.
    pub(crate) fn integer<T: Whole>(self) -> Result<Option<T>, A::Error> {
        self.map.next_value_seed(WholeSeed { context: self.context, name: self.name, number: PhantomData })
    }

    pub(crate) fn version(self) -> Result<Option<ResourceVersion>, A::Error> {
        let (context, name) = (self.context, self.name);
        let text = self.text()?;
        text.map(|Text(text)| text.parse().map_err(|error| context.refuse(Error::bad_parameter(name, error))))
            .transpose()
    }

    /// A duration in milliseconds: a text with its unit, or a number of seconds.
    pub(crate) fn duration(self) -> Result<Option<u64>, A::Error> {
        let (context, name) = (self.context, self.name);
        let Some(text) = self.scalar()? else { return Ok(None) };
        parse_duration_ms(&text).map(Some).map_err(|error| context.refuse(Error::bad_parameter(name, error)))
    }

    /// The value of the enum that has this name in JSON. `None`: null.
    pub(crate) fn one_of<E: Copy>(self, names: &[(&str, E)]) -> Result<Option<E>, A::Error> {
        let (context, member) = (self.context, self.name);
        let Some(Text(text)) = self.text()? else { return Ok(None) };
        let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            context.refuse(Error::bad_parameter(member, format_args!("expected one of `{}`", known.join("`, `"))))
        })
    }

    /// As [`Value::one_of`], but `None` also for a name of a later version.
    pub(crate) fn known<E: Copy>(self, names: &[(&str, E)]) -> Result<Option<E>, A::Error> {
        let text = self.text()?;
        Ok(text.and_then(|Text(text)| names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)))
    }

    /// Any value as the bytes that it was written with, a slice of the source where there is one.
    pub(crate) fn raw(self) -> Result<Bytes, A::Error> {
        match self.context.source {
            Some(source) => {
                let raw: &'de RawValue = self.map.next_value()?;
                Ok(source.slice_ref(raw.get().as_bytes()))
            }
            None => {
                let raw: Box<RawValue> = self.map.next_value()?;
                Ok(Bytes::from(String::from(Box::<str>::from(raw))))
            }
        }
    }

    /// The text of a string, number or boolean, as a query string would give it. `None`: null.
    pub(crate) fn scalar(self) -> Result<Option<String>, A::Error> {
        let (context, name) = (self.context, self.name);
        let raw: Box<RawValue> = self.map.next_value()?;
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map(Some).map_err(A::Error::custom),
            Some(b'{' | b'[') => {
                Err(context.refuse(Error::malformed(format_args!("`{name}` is not a string, number or boolean"))))
            }
            Some(b'n') => Ok(None),
            _ => Ok(Some(text.to_owned())),
        }
    }

    /// An object, or null for none.
    pub(crate) fn object<T: Members>(self) -> Result<Option<T>, A::Error> {
        self.map.next_value_seed(OptionSeed(Seed::new(self.context)))
    }

    pub(crate) fn objects<T: Members>(self, count_max: usize) -> Result<Vec<T>, A::Error> {
        let (context, name) = (self.context, self.name);
        self.map.next_value_seed(ListSeed { context, name, count_max, item: PhantomData })
    }

    /// The list of events or members that a node sent.
    pub(crate) fn items<T: Members>(self) -> Result<Vec<T>, A::Error> {
        let count_max = self.context.items_max();
        self.objects(count_max)
    }

    /// Refuses the member, or skips it where reading is lenient.
    pub(crate) fn unknown(self) -> Result<(), A::Error> {
        if self.context.is_strict {
            return Err(self.context.refuse(Error::unknown_parameter(self.name, self.names.iter().copied())));
        }
        self.map.next_value::<IgnoredAny>().map(|_| ())
    }

    /// Keeps the reason and gives serde the word to stop.
    pub(crate) fn refuse(self, error: Error) -> A::Error {
        self.context.refuse(error)
    }

    /// Outlives the value, which is taken when it is read.
    pub(crate) fn context(&self) -> &'v Context<'c> {
        self.context
    }
}

impl Context<'_> {
    pub(crate) fn refuse<E: serde::de::Error>(&self, error: Error) -> E {
        let stop = E::custom(&error.message);
        self.refusal.replace(Some(error));
        stop
    }

    /// The member that reading stopped in. Those around it come later, and know less.
    fn blame(&self, name: &str) {
        self.blamed.borrow_mut().get_or_insert_with(|| name.to_owned());
    }
}

/// Reads one object.
pub(crate) struct Seed<'s, 'c, T> {
    context: &'s Context<'c>,
    object: PhantomData<T>,
}

impl<'s, 'c, T> Seed<'s, 'c, T> {
    pub(crate) fn new(context: &'s Context<'c>) -> Self {
        Self { context, object: PhantomData }
    }
}

impl<'de, T: Members> DeserializeSeed<'de> for Seed<'_, '_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Members> Visitor<'de> for Seed<'_, '_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut object = T::default();
        let mut seen = 0_u64;
        while let Some(Text(name)) = map.next_key()? {
            if let Some(index) = T::NAMES.iter().position(|known| *known == name) {
                if seen >> index & 1 == 1 {
                    return Err(self
                        .context
                        .refuse(Error::malformed(format_args!("the member `{name}` stands twice"))));
                }
                if let Some(other) = alias::<T>(&name, seen)
                    && let Some(error) = Error::given_twice(other, &name, T::ALIASES)
                {
                    return Err(self.context.refuse(error));
                }
                seen |= 1 << index;
            }
            let value = Value { map: &mut map, context: self.context, name: &name, names: T::NAMES };
            object.read(&name, value).inspect_err(|_| self.context.blame(&name))?;
        }
        Ok(object)
    }
}

/// What a member was already given as, under another of its names.
fn alias<T: Members>(name: &str, seen: u64) -> Option<&'static str> {
    let names = T::ALIASES.iter().find(|names| names.contains(&name))?;
    let is_seen =
        |other: &&&str| T::NAMES.iter().position(|known| known == *other).is_some_and(|at| seen >> at & 1 == 1);
    names.iter().find(is_seen).copied()
}

struct OptionSeed<'s, 'c, T>(Seed<'s, 'c, T>);

impl<'de, T: Members> DeserializeSeed<'de> for OptionSeed<'_, '_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Members> Visitor<'de> for OptionSeed<'_, '_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}

struct ListSeed<'s, 'c, T> {
    context: &'s Context<'c>,
    name: &'s str,
    count_max: usize,
    item: PhantomData<T>,
}

impl<'de, T: Members> DeserializeSeed<'de> for ListSeed<'_, '_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Members> Visitor<'de> for ListSeed<'_, '_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Seed::new(self.context))? {
            if items.len() == self.count_max {
                let error = Error::bad_parameter(self.name, format_args!("at most {} at once", self.count_max));
                return Err(self.context.refuse(error));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// A text that is borrowed from the input unless it has escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}
