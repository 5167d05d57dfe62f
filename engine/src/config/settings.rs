//! The tree of all settings, and the same tree checked.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::check::{self, Contradiction};
use super::idempotency::Idempotency;
use super::namespace::Namespace;
use super::server::ServerConfig;
use super::storage::StorageConfig;
use super::telemetry::TelemetryConfig;
use crate::hub::Delivery;
use crate::limit::Limits;
use crate::log::{Kind, Policies, Policy};

/// All settings, each with a value, whether they fit together or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[server]`
    pub server: ServerConfig,
    /// `[limits]`
    pub limits: Limits,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[idempotency]`
    pub idempotency: Idempotency,
    /// `[storage]`
    pub storage: StorageConfig,
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
    /// `[[namespace]]`
    #[serde(rename = "namespace")]
    pub namespaces: Vec<Namespace>,
}

/// What a node without a file runs with: the demos' namespaces among it.
impl Default for Settings {
    fn default() -> Self {
        Self { namespaces: Namespace::demos(), ..Self::bare() }
    }
}

impl Settings {
    /// What a file adds to: no namespace is declared.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            server: ServerConfig::default(),
            limits: Limits::default(),
            delivery: Delivery::default(),
            idempotency: Idempotency::default(),
            storage: StorageConfig::default(),
            telemetry: TelemetryConfig::default(),
            namespaces: Vec::new(),
        }
    }

    /// Checks that the values fit together.
    ///
    /// # Errors
    /// All that do not.
    pub fn check(self) -> Result<Config, Vec<Contradiction>> {
        let contradictions = check::contradictions(&self);
        if contradictions.is_empty() { Ok(Config(self)) } else { Err(contradictions) }
    }

    /// As TOML, every key with its value.
    pub(super) fn table(&self) -> toml::Table {
        toml::Table::try_from(self)
            .expect("every number of a file or a default fits TOML, and `check` refuses greater ones")
    }
}

/// Settings that fit together. Made by [`Settings::check`] or [`Config::load`](Self::load), and never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(Settings);

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

impl Config {
    /// The policies of the declared namespaces, and of `default` if it is none of them: what a new cluster begins with.
    #[must_use]
    pub fn declared(&self) -> Vec<Policy> {
        let is_default = |namespace: &Namespace| namespace.name == Policies::DEFAULT;
        let default =
            (!self.namespaces.iter().any(is_default)).then(|| Namespace::new(Policies::DEFAULT, Kind::Stream));
        self.namespaces.iter().chain(&default).map(|namespace| namespace.policy(self.idempotency)).collect()
    }

    /// The same, for whoever looks a namespace up.
    #[must_use]
    pub fn policies(&self) -> Policies {
        Policies::new(self.declared())
    }

    /// The whole tree on one line, as it is logged at the start. Secrets are masked.
    #[must_use]
    pub fn effective(&self) -> String {
        let mut tree = toml::Value::Table(self.table());
        mask(&mut tree);
        tree.to_string()
    }
}

/// Keys whose values no log shows, wherever in the tree they stand.
const SECRETS: [&str; 4] = ["secret", "password", "token", "private_key"];

fn mask(value: &mut toml::Value) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                if SECRETS.contains(&key.as_str()) {
                    *value = "********".into();
                } else {
                    mask(value);
                }
            }
        }
        toml::Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_together() {
        assert_eq!(Settings::default().check(), Ok(Config::default()));
        assert!(Settings::bare().check().is_ok());
    }

    #[test]
    fn the_demos_have_their_kinds_without_a_file() {
        let policies = Config::default().policies();
        let kinds = ["chat", "typing", "ticks", "fleet", "doc", "other"].map(|name| policies.of(name).kind.as_str());
        assert_eq!(kinds, ["stream", "state", "state", "state", "document", "stream"]);
    }

    #[test]
    fn what_is_not_declared_has_the_idempotency_of_the_file_too() {
        let mut settings = Settings::bare();
        settings.idempotency.window_ms = 7;
        let config = settings.clone().check().unwrap();
        assert_eq!(config.policies().of("other").idempotency.window_ms, 7);
        settings.namespaces = vec![Namespace { topics_max: 3, ..Namespace::new("default", Kind::State) }];
        let declared = settings.check().unwrap().declared();
        assert_eq!(
            declared.iter().map(|policy| (policy.name.as_str(), policy.topics_max)).collect::<Vec<_>>(),
            [("default", 3)]
        );
    }

    #[test]
    fn the_effective_tree_is_one_line_and_names_every_section() {
        let effective = Config::default().effective();
        assert_eq!(effective.lines().count(), 1);
        for part in ["listen = \"127.0.0.1:8000\"", "frame_bytes_max = 1048576", "name = \"chat\"", "data_dir = "] {
            assert!(effective.contains(part), "{part} in {effective}");
        }
    }

    #[test]
    fn secrets_are_masked_at_any_depth() {
        let mut tree: toml::Value =
            toml::from_str("[cluster]\nsecret = \"s3cret\"\nlist = [{ token = \"s3cret\" }]").unwrap();
        mask(&mut tree);
        let shown = tree.to_string();
        assert!(!shown.contains("s3cret") && shown.contains("********"), "{shown}");
    }
}
