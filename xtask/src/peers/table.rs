//! What all runs told, as Markdown, with a plot beside each table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Error, Result};

use super::goals::GOALS;
use super::load::{Load, Outcome};
use super::plot::{Bar, Hue, drawn};
use super::results::Results;
use super::roster::{Kind, Peer};
use super::spread::Spread;
use crate::project::Project;

/// Where its plots are, beside the page.
pub(super) const PLOTS: &str = "plots";

/// See the module.
pub(super) struct Table {
    rounds: usize,
    is_quick: bool,
    rows: Vec<Row>,
    results: Results,
    /// What a `send` of so many records cost for each of them in each round.
    sends: Vec<(u32, Vec<f64>)>,
    missing: Vec<String>,
    failed: Vec<String>,
    warnings: Vec<String>,
}

struct Row {
    peer: &'static Peer,
    version: String,
}

impl Table {
    pub(super) fn new(rounds: usize, is_quick: bool) -> Self {
        let (rows, results, sends) = (Vec::new(), Results::default(), Vec::new());
        let (missing, failed, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Self { rounds, is_quick, rows, results, sends, missing, failed, warnings }
    }

    /// Adds a server.
    pub(super) fn row(&mut self, peer: &'static Peer, version: String) {
        self.rows.push(Row { peer, version });
    }

    /// Names a server that could not be had.
    pub(super) fn missing(&mut self, peer: &Peer, error: &Error) {
        self.missing.push(format!("{}: {error:#}", peer.title));
    }

    /// Names a run that could not be done, or in which something was lost.
    pub(super) fn failed(&mut self, peer: &Peer, load: &Load, error: &Error) {
        self.failed.push(format!("{}, {}: {}", peer.title, load.name, first_line(&format!("{error:#}"))));
    }

    /// Takes what a run told.
    pub(super) fn enter(&mut self, peer: &'static Peer, load: &Load, round: usize, outcome: Outcome) {
        for warning in outcome.warnings {
            self.warnings.push(format!("{}, {}: {warning}", peer.title, load.name));
        }
        self.results.enter(peer.name, load, round, &outcome.values);
    }

    /// Takes what bare sends cost: records at once, and the CPU time of each in µs.
    pub(super) fn enter_sends(&mut self, sends: Vec<(u32, f64)>) {
        for (records, micros) in sends {
            match self.sends.iter_mut().find(|(known, _)| *known == records) {
                Some((_, rounds)) => rounds.push(micros),
                None => self.sends.push((records, vec![micros])),
            }
        }
    }

    /// Whether every server was there and nothing failed.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.failed.is_empty()
    }

    /// The section of a page.
    pub(super) fn text(&self, project: &Project, loads: &[&Load]) -> Result<String> {
        let mut text = String::from("## Beside other servers\n\n");
        self.introduction(project, &mut text)?;
        writeln!(text, "| server | version | promises | runs with |\n| --- | --- | --- | --- |")?;
        for Row { peer, version } in &self.rows {
            writeln!(text, "| {} | {version} | {} | {} |", peer.title, peer.promise, peer.settings())?;
        }
        self.overview(loads, &mut text)?;
        self.goals(&mut text)?;
        for load in loads {
            self.load(load, &mut text)?;
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

    fn introduction(&self, project: &Project, text: &mut String) -> Result<()> {
        let size = if self.is_quick { " --quick: too small and too short to mean anything" } else { "" };
        writeln!(text, "`cargo xtask bench-peers`{size}. {}\n", machine(project)?)?;
        writeln!(
            text,
            "Each run has a server that was just started, alone on core 0; the load generator, `fanfare bench`, is on core 1. \
             Loopback, payloads of 128 bytes, no TLS, no compression. Servers take turns within each round (A B A B), and \
             every delivery is counted. CPU is user and system time of the server with all its processes, publishing \
             included. Where three numbers stand they are minimum, median and maximum; rounds: {}.\n",
            self.rounds
        )?;
        if !self.sends.is_empty() {
            let told = |(records, micros): &(u32, Vec<f64>)| {
                let spread = Spread::of(micros.iter().copied())?;
                Some(format!("{spread} µs with {records} at once"))
            };
            let sends: Vec<String> = self.sends.iter().filter_map(told).collect();
            let what = "A bare `send` of 150-byte records on loopback in the same run, per record";
            writeln!(text, "{what}: {}.\n", sends.join("; "))?;
        }
        Ok(())
    }

    /// Medians of what is plotted, at a glance.
    fn overview(&self, loads: &[&Load], text: &mut String) -> Result<()> {
        let columns = || loads.iter().flat_map(|load| plotted(load));
        let titles: Vec<String> = columns().map(|(load, _, title)| format!("{}: {title}", load.name)).collect();
        writeln!(text, "\nMedians:\n\n| server | {} |\n| --- |{}", titles.join(" | "), " --- |".repeat(titles.len()))?;
        for Row { peer, .. } in &self.rows {
            let cell = |(load, column, _): (&Load, usize, &str)| {
                let spread = self.results.spread(peer.name, load.name, column);
                spread.map_or("–".to_owned(), |spread| super::spread::shown(spread.median))
            };
            writeln!(text, "| {} | {} |", peer.title, columns().map(cell).collect::<Vec<_>>().join(" | "))?;
        }
        Ok(())
    }

    fn goals(&self, text: &mut String) -> Result<()> {
        let reached: Vec<_> = GOALS.iter().filter_map(|goal| Some((goal, goal.reached(&self.results)?))).collect();
        if !reached.is_empty() {
            writeln!(text, "\n| Fanfare beside others, within each round | it is | target |\n| --- | --- | --- |")?;
        }
        for (goal, spread) in reached {
            let verdict = match spread.median <= goal.most {
                _ if self.is_quick => "",
                true => ": met",
                false => ": missed",
            };
            writeln!(text, "| {} | {spread} | ≤ {:.1}{verdict} |", goal.what, goal.most)?;
        }
        Ok(())
    }

    fn load(&self, load: &Load, text: &mut String) -> Result<()> {
        writeln!(text, "\n### {}\n\n`fanfare bench {}`\n", load.title, load.arguments.join(" "))?;
        for (_, column, title) in plotted(load) {
            if !self.bars(load, column).is_empty() {
                writeln!(text, "![{}: {title}]({PLOTS}/{})\n", load.title, file(load, column))?;
            }
        }
        let titles: Vec<&str> = load.columns.iter().map(|column| column.title).collect();
        writeln!(text, "| server | {} |\n| --- |{}", titles.join(" | "), " --- |".repeat(titles.len()))?;
        for Row { peer, .. } in self.rows.iter().filter(|row| row.peer.takes_part(load)) {
            let cell = |column| {
                self.results.spread(peer.name, load.name, column).map_or("–".to_owned(), |it| it.to_string())
            };
            let cells: Vec<String> = (0..load.columns.len()).map(cell).collect();
            writeln!(text, "| {} | {} |", peer.title, cells.join(" | "))?;
        }
        let Some(deliveries) = load.deliveries else { return Ok(()) };
        let cost = |replicated: f64, ephemeral: f64| (replicated - ephemeral) * deliveries as f64;
        if let Some(spread) =
            self.results.paired([("fanfare-replicated", load.name), ("fanfare-ephemeral", load.name)], 0, cost)
        {
            writeln!(text, "\nTo have it on disk costs Fanfare {spread} µs of CPU time more for each publication.")?;
        }
        Ok(())
    }

    /// Writes the plots into a directory.
    pub(super) fn plot(&self, loads: &[&Load], directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).with_context(|| format!("cannot write {}", directory.display()))?;
        for (load, column, title) in loads.iter().flat_map(|load| plotted(load)) {
            let bars = self.bars(load, column);
            if !bars.is_empty() {
                let path = directory.join(file(load, column));
                fs::write(&path, drawn(&load.title, title, bars))
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn bars(&self, load: &Load, column: usize) -> Vec<Bar<'static>> {
        let bar = |Row { peer, .. }: &Row| {
            let hue = match peer.kind {
                Kind::Fanfare(_) => Hue::Ours,
                Kind::C { .. } => Hue::Floor,
                _ => Hue::Theirs,
            };
            Some(Bar { name: peer.title, hue, spread: self.results.spread(peer.name, load.name, column)? })
        };
        self.rows.iter().filter_map(bar).collect()
    }
}

/// The columns of a load that have a plot, with their titles.
fn plotted(load: &Load) -> impl Iterator<Item = (&Load, usize, &'static str)> {
    let columns = load.columns.iter().enumerate();
    columns.filter(|(_, column)| column.plot.is_some()).map(move |(index, column)| (load, index, column.title))
}

fn file(load: &Load, column: usize) -> String {
    format!("{}{}.svg", load.name, load.columns[column].plot.unwrap_or_default())
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
