//! The command line, run to its end.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_fanfare");

/// What a command has said.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub printed: String,
    pub error: String,
}

impl Said {
    /// What it printed; it has to have succeeded.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(self.error, "", "{self:?}");
        self.printed
    }

    /// Its error, which is one sentence; it has to have failed.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!(self.status, Some(1), "{self:?}");
        assert!(self.error.starts_with("error: ") && self.error.lines().count() == 1, "{self:?}");
        self.error
    }
}

/// Runs a command without variables of whoever runs the tests.
pub fn run(arguments: &[&str]) -> Said {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    let output = command.args(arguments).stdin(Stdio::null()).output().expect("the binary under test starts");
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Said { status: status.code(), printed: text(stdout), error: text(stderr) }
}

/// `storage check`.
pub fn check(data: &Path) -> Said {
    run(&["storage", "check", path(data)])
}

/// `restore`.
pub fn restore(file: &Path, data: &Path) -> Said {
    run(&["restore", path(file), "--data-dir", path(data)])
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
