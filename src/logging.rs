//! Where log lines go: to standard error, as text on a terminal and as JSON otherwise. Standard output is for answers.

use std::io::{self, IsTerminal};

use anyhow::{Context, Result};
use fanfare_engine::config::{LogFormat, LogLevel, TelemetryConfig};
use tracing_subscriber::EnvFilter;

/// Filters as tracing-subscriber knows them (`info,fanfare_engine::hub=debug`); wins over the configuration.
const VARIABLE: &str = "FANFARE_LOG";

/// What actix reports as its own errors is what peers send that is no HTTP: they are told so by a 400, and nobody here
/// can act on it, while anyone who reaches the port could fill the log with it.
const HUSHED: &str = "actix_http::h1::dispatcher=off,actix_http::h1::decoder=off";

/// For a node. Tells in which form lines are written.
pub(crate) fn of_a_node(telemetry: &TelemetryConfig) -> Result<LogFormat> {
    let level = telemetry.log_level;
    // Of the libraries below us nobody needs more than what may need someone to act.
    let others = if level == LogLevel::Error { LogLevel::Error } else { LogLevel::Warn };
    let filter = filter(&format!("{},fanfare={},{HUSHED}", others.as_str(), level.as_str()))?;
    let format = match telemetry.log_format {
        LogFormat::Auto if io::stderr().is_terminal() => LogFormat::Text,
        LogFormat::Auto => LogFormat::Json,
        chosen => chosen,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text | LogFormat::Auto => lines.with_ansi(io::stderr().is_terminal()).init(),
    }
    Ok(format)
}

/// For a command that asks a node: silent unless the variable says otherwise, for its errors are its output.
pub(crate) fn of_a_client() -> Result<()> {
    let lines = tracing_subscriber::fmt().with_env_filter(filter("off")?).with_writer(io::stderr);
    lines.log_internal_errors(false).with_ansi(io::stderr().is_terminal()).init();
    Ok(())
}

fn filter(default: &str) -> Result<EnvFilter> {
    let directives = match std::env::var(VARIABLE) {
        Ok(directives) if !directives.is_empty() => directives,
        _ => default.to_owned(),
    };
    EnvFilter::try_new(&directives).with_context(|| {
        format!("{VARIABLE}: `{directives}` is not a filter, write it as `info` or `info,fanfare_engine::hub=debug`")
    })
}
