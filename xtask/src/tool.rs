//! How the project's tools are started. Every child gets no standard input (a gate that asks a
//! question would hang CI) and none of the variables that `cargo run` sets for us alone: build
//! scripts watch some of them, and would build again what a plain `cargo test` has built.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use crate::tally::{Runner, Tally};

/// Set by `cargo run` for the program it starts, and wrong for any cargo below it.
const CARGO_RUN_PREFIXES: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// A command about to be run.
pub(crate) struct Tool {
    shown: String,
    command: Command,
}

impl Tool {
    /// A command with its arguments, to run in `dir`; `name` is what people call it.
    pub(crate) fn new<'a>(name: &str, program: &OsStr, dir: &Path, args: impl IntoIterator<Item = &'a str>) -> Self {
        let mut shown = name.to_owned();
        let mut command = Command::new(program);
        for arg in args {
            shown.push(' ');
            shown.push_str(arg);
            command.arg(arg);
        }
        command.current_dir(dir).stdin(Stdio::null());
        for (key, _) in std::env::vars_os() {
            let known = key.to_string_lossy();
            if CARGO_RUN_PREFIXES.iter().any(|prefix| known.starts_with(prefix)) {
                command.env_remove(&key);
            }
        }
        Self { shown, command }
    }

    /// Adds a variable to the command's environment.
    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Runs it with its output going straight to ours.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status().map_err(|error| self.cannot_start(&error))?;
        self.judge(status)
    }

    /// Runs it silently and returns what it wrote to its standard output.
    pub(crate) fn output(mut self) -> Result<Vec<u8>> {
        self.command.stderr(Stdio::inherit());
        let output = self.command.output().map_err(|error| self.cannot_start(&error))?;
        self.judge(output.status)?;
        Ok(output.stdout)
    }

    /// Runs a test runner: its lines go on to our standard output as they come, and its closing
    /// lines into `tally`. A runner that ends well but reports no test is a failure: nothing ran.
    pub(crate) fn count(self, runner: Runner, tally: &mut Tally) -> Result<()> {
        self.count_into(runner, tally, &mut std::io::stdout().lock())
    }

    fn count_into(mut self, runner: Runner, tally: &mut Tally, out: &mut impl Write) -> Result<()> {
        self.command.stdout(Stdio::piped());
        let mut child = self.command.spawn().map_err(|error| self.cannot_start(&error))?;
        let lines = child.stdout.take().context("a piped child has a standard output")?;
        let before = tally.clone();
        let streamed = stream(BufReader::new(lines), out, |line| tally.read(runner, line));
        let status = child.wait().with_context(|| format!("cannot wait for `{}`", self.shown))?;
        streamed.with_context(|| format!("cannot read the output of `{}`", self.shown))?;
        self.judge(status)?;
        if tally.failed() > before.failed() {
            bail!("`{}` reports failures but ended well", self.shown);
        }
        if tally.passed() == before.passed() {
            bail!("`{}` ran no test", self.shown);
        }
        Ok(())
    }

    fn judge(&self, status: ExitStatus) -> Result<()> {
        if status.success() { Ok(()) } else { Err(anyhow!("`{}` failed: {status}", self.shown)) }
    }

    fn cannot_start(&self, error: &std::io::Error) -> anyhow::Error {
        let program = self.shown.split(' ').next().unwrap_or_default();
        let remedy = match (error.kind(), program) {
            (ErrorKind::NotFound, "npm" | "node") => "install Node.js 20 or later, with npm",
            (ErrorKind::NotFound, "python3") => "install Python 3.11 or later, with venv",
            (ErrorKind::NotFound, _) => "install it",
            _ => "see the cause",
        };
        anyhow!("cannot start `{program}` ({error}): {remedy}")
    }
}

/// Copies lines as they come, showing each to `read`. Bytes are copied as they are: a test may print
/// what is not UTF-8.
fn stream(mut from: impl BufRead, to: &mut impl Write, mut read: impl FnMut(&str)) -> std::io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool<'a>(program: &str, args: impl IntoIterator<Item = &'a str>) -> Tool {
        Tool::new(program, program.as_ref(), Path::new("."), args)
    }

    /// Counts into a buffer: printed, these lines would be counted by whoever counts this test.
    fn count(script: &str) -> (Result<()>, Tally) {
        let mut tally = Tally::default();
        let result = tool("sh", ["-c", script]).count_into(Runner::Node, &mut tally, &mut Vec::new());
        (result, tally)
    }

    #[test]
    fn a_runner_that_passes_is_counted() {
        let (result, tally) = count("echo '# pass 3'; echo '# fail 0'");
        assert!(result.is_ok());
        assert_eq!(tally.passed(), 3);
    }

    #[test]
    fn a_runner_that_ran_no_test_is_a_failure() {
        let (result, _) = count("echo '# pass 0'; echo '# fail 0'");
        assert!(result.unwrap_err().to_string().contains("ran no test"));
    }

    #[test]
    fn failures_are_counted_and_fail_whatever_the_exit_status() {
        let (result, tally) = count("echo '# pass 1'; echo '# fail 2'");
        assert!(result.unwrap_err().to_string().contains("reports failures"));
        assert_eq!(tally.failed(), 2);
        let (result, tally) = count("echo '# pass 1'; echo '# fail 2'; exit 1");
        assert!(result.is_err());
        assert_eq!((tally.passed(), tally.failed()), (1, 2));
    }

    #[test]
    fn a_runner_that_dies_before_its_closing_lines_is_a_failure() {
        assert!(count("echo 'ok 1'; exit 9").0.is_err());
    }

    #[test]
    fn a_missing_program_is_named_with_the_remedy() {
        let error = tool("no-such-program", []).run().unwrap_err().to_string();
        assert!(error.contains("`no-such-program`") && error.contains("install it"), "{error}");
    }

    #[test]
    fn a_child_sees_nothing_of_what_cargo_run_set_for_us() {
        let tool = tool("sh", ["-c", "env | grep -c '^CARGO_\\(PKG\\|MANIFEST\\)_' || true"]);
        assert_eq!(String::from_utf8(tool.output().unwrap()).unwrap().trim(), "0");
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets it for tests");
    }
}
