//! How kinds and durabilities are spelt in files and answers: by the names that the log gives them.

/// `stream`, `state`, `document`.
pub(super) mod kind {
    use serde::{Deserializer, Serializer};

    use super::named;
    use crate::log::Kind;

    const ALL: [Kind; 3] = [Kind::Stream, Kind::State, Kind::Document];

    pub(in crate::config) fn serialize<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.as_str())
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        named(deserializer, &ALL.map(|kind| (kind.as_str(), kind)))
    }
}

/// `replicated`, `ephemeral`.
pub(super) mod durability {
    use serde::{Deserializer, Serializer};

    use super::named;
    use crate::log::Durability;

    pub(in crate::config) fn serialize<S: Serializer>(durability: &Durability, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(durability.as_str())
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Durability, D::Error> {
        named(deserializer, &Durability::ALL.map(|durability| (durability.as_str(), durability)))
    }
}

fn named<'de, D, T>(deserializer: D, known: &[(&'static str, T)]) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Copy,
{
    use serde::Deserialize;
    use serde::de::Error;

    let name = String::deserialize(deserializer)?;
    let value = known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    value.ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
        D::Error::custom(format_args!("unknown variant `{name}`, expected one of {}", names.join(", ")))
    })
}
