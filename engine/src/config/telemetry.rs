//! The section `[telemetry]`: what the node says about itself.

use serde::{Deserialize, Serialize};

/// What the node says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The least important lines that are logged: `error`, `warn`, `info`, `debug` or `trace`. `info` says what an
    /// operator may want to know later and nothing per request. The variable `FANFARE_LOG` wins over it and takes
    /// targets too (`info,fanfare_engine::hub=debug`).
    pub log_level: LogLevel,
    /// How lines look: `text`, `json`, or `auto`, which is text on a terminal and JSON otherwise.
    pub log_format: LogFormat,
}

/// See [`TelemetryConfig::log_level`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What needs someone to act.
    Error,
    /// What may need someone to act later.
    Warn,
    /// Starts, stops and changes.
    #[default]
    Info,
    /// What a developer asks for.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Its name in configuration and in filters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// See [`TelemetryConfig::log_format`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}
