//! How one member looks in JSON: a form for each way of writing a field, and `json_form!`, which makes of a table of members the
//! reading and the writing of a message. Messages that are not plain tables implement `ToJson` and `Members` by hand.

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, MapAccess};

use super::whole::Whole;
use super::{Members, Object, ToJson, Value};
use crate::wire::ResourceVersion;

/// How a field of type `T` is written and read.
pub(super) trait Form<T> {
    /// Writes the member, or leaves it out.
    fn write(&self, object: &mut Object<'_>, name: &str, field: &T);
    /// Reads the member; an absent one leaves the field as it is.
    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<T, A::Error>;
}

/// A string, number, boolean or list of them that is always there.
pub(super) struct Always;

impl<T: Serialize + DeserializeOwned + Default> Form<T> for Always {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &T) {
        object.scalar(name, field);
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<T, A::Error> {
        value.get()
    }
}

/// The same where absence means something, and null is absence.
pub(super) struct Optional;

impl<T: Serialize + DeserializeOwned> Form<Option<T>> for Optional {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &Option<T>) {
        object.optional(name, field.as_ref());
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<Option<T>, A::Error> {
        value.get()
    }
}

/// A whole number of at most 2^53 − 1, or of what fits into the field.
pub(super) struct Integer;

impl<T: Whole + Serialize + Default> Form<T> for Integer {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &T) {
        object.scalar(name, field);
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<T, A::Error> {
        value.integer().map(Option::unwrap_or_default)
    }
}

impl<T: Whole + Serialize> Form<Option<T>> for Integer {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &Option<T>) {
        object.optional(name, field.as_ref());
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<Option<T>, A::Error> {
        value.integer()
    }
}

/// Written only when it is not the default: `false`, or no element.
pub(super) struct UnlessDefault;

impl<T: Serialize + DeserializeOwned + Default + PartialEq> Form<T> for UnlessDefault {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &T) {
        if *field != T::default() {
            object.scalar(name, field);
        }
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<T, A::Error> {
        value.get()
    }
}

/// `EPOCH.OFFSET`.
pub(super) struct Version;

impl Form<Option<ResourceVersion>> for Version {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &Option<ResourceVersion>) {
        object.version(name, *field);
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<Option<ResourceVersion>, A::Error> {
        value.version()
    }
}

/// Any JSON inline.
pub(super) struct Inline;

impl Form<Option<Bytes>> for Inline {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &Option<Bytes>) {
        // Empty is no JSON value: leaving it out keeps the document whole.
        if let Some(json) = field.as_ref().filter(|json| !json.is_empty()) {
            object.raw(name, json);
        }
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<Option<Bytes>, A::Error> {
        value.raw().map(Some)
    }
}

/// One of the names of an enum. `requests` refuse other names; what a node says may have one of a later version, which reads as unspecified.
pub(super) struct Named<E: 'static> {
    names: &'static [(&'static str, E)],
    is_open: bool,
}

impl<E> Named<E> {
    /// In a request.
    pub(super) const fn closed(names: &'static [(&'static str, E)]) -> Self {
        Self { names, is_open: false }
    }

    /// In what a node says.
    pub(super) const fn open(names: &'static [(&'static str, E)]) -> Self {
        Self { names, is_open: true }
    }
}

impl<E: Copy + Into<i32>> Form<i32> for Named<E> {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &i32) {
        let named = self.names.iter().find(|(_, value)| (*value).into() == *field);
        if let Some((text, _)) = named {
            object.scalar(name, text);
        }
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<i32, A::Error> {
        if self.is_open {
            value.known(self.names).map(|named| named.map_or(0, Into::into))
        } else {
            value.one_of(self.names).map(|named| named.map_or(0, Into::into))
        }
    }
}

/// An object within.
pub(super) struct Child;

impl<T: ToJson + Members> Form<Option<T>> for Child {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &Option<T>) {
        object.object(name, field.as_ref());
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<Option<T>, A::Error> {
        value.object()
    }
}

/// A list of events or members, which only a node sends.
pub(super) struct Items;

impl<T: ToJson + Members> Form<Vec<T>> for Items {
    fn write(&self, object: &mut Object<'_>, name: &str, field: &Vec<T>) {
        object.objects(name, field);
    }

    fn read<'de, A: MapAccess<'de>>(&self, value: Value<'_, '_, A>) -> Result<Vec<T>, A::Error> {
        value.items()
    }
}

/// `json_form!(Message { "member": field = Form, … })`: reading and writing, in this order, and serde on top of them.
macro_rules! json_form {
    ($message:ident { $($name:literal: $field:ident = $form:expr,)* }) => {
        impl $crate::json::ToJson for $message {
            #[allow(unused_variables, reason = "some messages are empty")]
            fn write(&self, object: &mut $crate::json::Object<'_>) {
                $($crate::json::form::Form::write(&$form, object, $name, &self.$field);)*
            }
        }

        impl $crate::json::Members for $message {
            const NAMES: &'static [&'static str] = &[$($name),*];

            fn read<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                name: &str,
                value: $crate::json::Value<'_, '_, A>,
            ) -> Result<(), A::Error> {
                match name {
                    $($name => self.$field = $crate::json::form::Form::read(&$form, value)?,)*
                    _ => value.unknown()?,
                }
                Ok(())
            }
        }

        $crate::json::serde_impls::serde_impls!($message);
    };
}

pub(super) use json_form;
