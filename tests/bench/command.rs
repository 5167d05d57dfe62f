//! The command, run to its end.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_fanfare");

/// What it has said.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub printed: String,
    pub error: String,
}

/// Runs it without variables of whoever runs the tests.
pub fn bench(arguments: &[&str]) -> Said {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    let output = command.arg("bench").args(arguments).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.expect("the binary under test starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Said { status: status.code(), printed: text(stdout), error: text(stderr) }
}

impl Said {
    /// The report, which it prints whatever was wrong with the deliveries.
    #[track_caller]
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.printed).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The report of a run in which nothing was wrong.
    #[track_caller]
    pub fn done(&self) -> Value {
        assert_eq!((self.status, self.error.as_str()), (Some(0), ""), "{self:?}");
        self.report()
    }
}

/// A figure of a report.
#[track_caller]
pub fn figure(report: &Value, name: &str) -> f64 {
    let figures = report["figures"].as_array().expect("a report has figures");
    let figure = figures.iter().find(|figure| figure["name"] == name);
    figure.and_then(|figure| figure["value"].as_f64()).unwrap_or_else(|| panic!("no figure `{name}`: {report:#}"))
}
