//! What all runs told, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Error, Result};

use super::load::{Load, Outcome};
use super::roster::Peer;
use crate::project::Project;

/// The section of `benches/RESULTS.md`.
const HEADING: &str = "## Beside other servers";

/// See the module.
pub(super) struct Table {
    rounds: usize,
    is_quick: bool,
    rows: Vec<Row>,
    missing: Vec<String>,
    failed: Vec<String>,
    warnings: Vec<String>,
}

struct Row {
    name: &'static str,
    title: &'static str,
    promise: &'static str,
    version: String,
    /// What each round told, by load and figure.
    values: BTreeMap<(String, usize), Vec<f64>>,
}

impl Table {
    pub(super) fn new(rounds: usize, is_quick: bool) -> Self {
        Self { rounds, is_quick, rows: Vec::new(), missing: Vec::new(), failed: Vec::new(), warnings: Vec::new() }
    }

    /// Adds a server.
    pub(super) fn row(&mut self, peer: &Peer, version: String) {
        let Peer { name, title, promise, .. } = *peer;
        self.rows.push(Row { name, title, promise, version, values: BTreeMap::new() });
    }

    /// Names a server that could not be had.
    pub(super) fn missing(&mut self, peer: &Peer, error: &Error) {
        self.missing.push(format!("{}: {error:#}", peer.title));
    }

    /// Names a run that could not be done, or in which something was lost.
    pub(super) fn failed(&mut self, peer: &Peer, load: &Load, error: &Error) {
        self.failed.push(format!("{}, {}: {}", peer.title, load.title, first_line(&format!("{error:#}"))));
    }

    /// Takes what a run told.
    pub(super) fn enter(&mut self, peer: &Peer, load: &Load, outcome: Outcome) {
        for warning in outcome.warnings {
            self.warnings.push(format!("{}, {}: {warning}", peer.title, load.title));
        }
        let Some(row) = self.rows.iter_mut().find(|row| row.name == peer.name) else { return };
        for (index, value) in outcome.values.into_iter().enumerate() {
            row.values.entry((load.title.clone(), index)).or_default().extend(value);
        }
    }

    /// Whether every server was there and nothing failed.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.failed.is_empty()
    }

    /// The section. `sends` are records at once and the CPU time of each in µs.
    pub(super) fn text(&self, project: &Project, sends: &[(u32, f64)]) -> Result<String> {
        let mut text = format!("{HEADING}\n\n");
        let size = if self.is_quick { " --quick: too small and too short to mean anything" } else { "" };
        writeln!(text, "`cargo xtask bench-peers`{size}. {}\n", machine(project)?)?;
        writeln!(
            text,
            "Each run has a server that was just started, alone on core 0; the load generator, `fanfare bench`, is on core 1. \
             Loopback, payloads of 128 bytes, no TLS, no compression. Servers take turns within each round (A B A B), and \
             every delivery is counted. Minimum, median and maximum of {} rounds.\n",
            self.rounds
        )?;
        if !sends.is_empty() {
            let sends: Vec<String> =
                sends.iter().map(|(records, micros)| format!("{micros:.2} µs with {records} at once")).collect();
            writeln!(
                text,
                "A bare `send` of 150-byte records on loopback in the same run, per record: {}.\n",
                sends.join(", ")
            )?;
        }
        writeln!(text, "| server | version | promises |\n| --- | --- | --- |")?;
        for Row { title, version, promise, .. } in &self.rows {
            writeln!(text, "| {title} | {version} | {promise} |")?;
        }
        for load in Load::all(self.is_quick) {
            let command = load.arguments.join(" ");
            let titles: Vec<&str> = load.figures.iter().map(|figure| figure.title).collect();
            writeln!(text, "\n### {}\n\n`fanfare bench {command}`\n", load.title)?;
            writeln!(text, "| server | {} |\n| --- |{}", titles.join(" | "), " --- |".repeat(titles.len()))?;
            for row in &self.rows {
                let cell = |index| spread(row.values.get(&(load.title.clone(), index)).map_or(&[], Vec::as_slice));
                let cells: Vec<String> = (0..load.figures.len()).map(cell).collect();
                writeln!(text, "| {} | {} |", row.title, cells.join(" | "))?;
            }
        }
        for (title, lines) in [("Missing", &self.missing), ("Failed", &self.failed), ("Warnings", &self.warnings)] {
            if !lines.is_empty() {
                writeln!(text, "\n{title}:\n")?;
            }
            for (line, count) in counted(lines) {
                let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
                writeln!(text, "- {line}{times}")?;
            }
        }
        Ok(text)
    }
}

/// Puts a section into a page, in the place of the one with its heading, else at the end.
pub(super) fn put_into(page: &Path, section: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("{} is missing", page.display()))?;
    std::fs::write(page, placed(&text, section)).with_context(|| format!("cannot write {}", page.display()))
}

fn placed(page: &str, section: &str) -> String {
    let heading = format!("\n{HEADING}\n");
    let Some(begin) = page.find(&heading) else {
        return format!("{}\n\n{section}", page.trim_end());
    };
    let (before, from) = page.split_at(begin + 1);
    match from[1..].find("\n## ") {
        Some(end) => format!("{before}{section}\n{}", &from[end + 2..]),
        None => format!("{before}{section}"),
    }
}

/// Minimum, median and maximum.
fn spread(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted[..] {
        [] => "–".to_owned(),
        [value] => shown(value),
        [first, .., last] => format!("{}, {}, {}", shown(first), shown(sorted[(sorted.len() - 1) / 2]), shown(last)),
    }
}

/// With as many digits as mean something.
fn shown(value: f64) -> String {
    match value.abs() {
        tiny if tiny < 1.0 => format!("{value:.3}"),
        small if small < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

/// Each line once, in the order in which they came first, with how often it came.
fn counted(lines: &[String]) -> Vec<(&str, usize)> {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for line in lines {
        match counted.iter_mut().find(|(known, _)| known == line) {
            Some((_, count)) => *count += 1,
            None => counted.push((line, 1)),
        }
    }
    counted
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn machine(project: &Project) -> Result<String> {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = model.map_or("a processor without a name", |(_, name)| name);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism()?.get();
    let line = |said: Vec<u8>| first_line(&String::from_utf8_lossy(&said)).to_owned();
    let commit = line(project.tool("git", ["describe", "--always", "--dirty"]).output()?);
    let date = line(project.tool("date", ["-u", "+%-d %B %Y"]).output()?);
    let rustc = line(project.tool("rustc", ["--version"]).output()?);
    Ok(format!("Commit {commit}, {date}, {rustc}, {processor}, {cores} cores, Linux {}.", kernel.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_one_before_or_the_end() {
        let section = format!("{HEADING}\n\nnew\n");
        assert_eq!(placed("# R\n\n## A\n\na\n", &section), format!("# R\n\n## A\n\na\n\n{section}"));
        let page = format!("# R\n\n{HEADING}\n\nold\n\n### x\n\n## B\n\nb\n");
        assert_eq!(placed(&page, &section), format!("# R\n\n{section}\n## B\n\nb\n"));
        assert_eq!(placed(&format!("# R\n\n{HEADING}\n\nold\n"), &section), format!("# R\n\n{section}"));
    }

    #[test]
    fn a_spread_is_minimum_median_and_maximum() {
        assert_eq!(spread(&[]), "–");
        assert_eq!(spread(&[0.14159]), "0.142");
        assert_eq!(spread(&[300.4, 2.5, 20.25]), "2.50, 20.25, 300");
    }
}
