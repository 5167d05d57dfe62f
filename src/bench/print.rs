//! A report as text and as JSON.

use std::io::{self, Write as _};

use super::Report;

/// Prints it for people.
pub(crate) fn terminal(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{} of {} in {:.2} s", report.scenario, report.target, report.seconds)?;
    for figure in &report.figures {
        writeln!(out, "{:<40} {:>14.3} {}", figure.name, figure.value, figure.unit)?;
    }
    if let Some(latency) = &report.latency {
        writeln!(out, "latency p50 {} p99 {} p99.9 {} µs", latency.p50, latency.p99, latency.p999)?;
    }
    for warning in &report.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    Ok(())
}

/// Prints it for programs: one JSON object.
pub(crate) fn json(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    writeln!(out)
}
