//! `Serialize` and `Deserialize` in the JSON form, for whoever puts messages into other documents: HTTP bodies, tools, tests.
//! Only for `serde_json`, because `data` is JSON already. Reading is lenient, as towards a node.

use serde::de::{DeserializeSeed as _, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Context, Members, Object, Seed, ToJson};
use crate::wire::ResourceVersion;

/// Implements serde's traits on top of `ToJson` and `Members`.
macro_rules! serde_impls {
    ($message:ident) => {
        impl serde::Serialize for $message {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::json::serde_impls::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $message {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::json::serde_impls::deserialize(deserializer)
            }
        }
    };
}

pub(super) use serde_impls;

pub(super) fn serialize<T: ToJson, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = Vec::new();
    Object::whole(message, &mut out);
    let text = String::from_utf8(out).map_err(S::Error::custom)?;
    // Checked again: `data` that is not JSON must not break the document around it.
    RawValue::from_string(text).map_err(S::Error::custom)?.serialize(serializer)
}

pub(super) fn deserialize<'de, T: Members, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Seed::new(&Context::default()).deserialize(deserializer)
}

impl Serialize for ResourceVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResourceVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
