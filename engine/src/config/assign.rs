//! One value for one key, and where it was given.

use super::problem::Place;

/// One value for one key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assignment {
    /// Section, key; more where sections nest.
    pub(super) path: Vec<String>,
    /// As it was given; of variables and options always a text.
    pub(super) value: toml::Value,
    /// Where it was given.
    pub(super) place: Place,
}

impl Assignment {
    /// The path as it is written: `server.tls.key`.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }
}
