//! The summary that ends a run: what ran against what, the figures, what arrived, and what spoils it all.

use std::fmt::{self, Write};
use std::io::{self, IsTerminal};

use super::date::moment;
use super::number::{compact, duration, figure, grouped, with_unit};
use super::sparkline::sparkline;
use crate::bench::{Deliveries, Latency, Report, Series};

/// Columns that labels of the head take.
const LABEL_COLUMNS: usize = 12;
/// Columns after which a list goes on in the next line.
const LINE_COLUMNS: usize = 100;
/// Columns of a sparkline: two runs fit one above the other beside their names.
const SPARKLINE_COLUMNS: usize = 40;

/// Whether escape sequences may colour the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Coloured,
}

impl Ink {
    /// Coloured for someone who looks, unless `NO_COLOR` (see no-color.org) or `TERM=dumb` asks for none.
    pub(crate) fn of_stdout() -> Self {
        let variable = |name: &str| std::env::var_os(name).unwrap_or_default();
        let is_refused = !variable("NO_COLOR").is_empty() || variable("TERM") == "dumb";
        if io::stdout().is_terminal() && !is_refused { Self::Coloured } else { Self::Plain }
    }

    fn paint(self, colour: Colour, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
        }
    }
}

/// By their numbers in a "select graphic rendition" sequence.
#[derive(Clone, Copy)]
enum Colour {
    Bold = 1,
    Faint = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// The summary, with the end of its last line.
pub(crate) fn terminal(report: &Report, ink: Ink) -> String {
    let mut text = String::new();
    Summary { report, ink, out: &mut text }.write().expect("a string takes all that is written");
    text
}

struct Summary<'a> {
    report: &'a Report,
    ink: Ink,
    out: &'a mut String,
}

impl Summary<'_> {
    fn write(&mut self) -> fmt::Result {
        let report = self.report;
        self.head()?;
        self.figures()?;
        if report.deliveries != Deliveries::default() {
            self.deliveries(report.deliveries)?;
        }
        if let Some(latency) = &report.latency {
            self.latency(latency)?;
        }
        self.series()?;
        for warning in &report.warnings {
            let kind = self.ink.paint(Colour::Yellow, "warning");
            writeln!(self.out, "\n{kind}: {}", Tame(warning))?;
        }
        Ok(())
    }

    fn head(&mut self) -> fmt::Result {
        let Report { scenario, target, guarantees, settings, machine, seconds, publications, .. } = self.report;
        let title = self.ink.paint(Colour::Bold, &format!("fanfare bench {scenario}"));
        writeln!(self.out, "{title} · {}\n", moment(self.report.began_at_ms))?;
        self.labelled("target", Tame(target))?;
        self.labelled("guarantees", Tame(guarantees))?;
        let cores = if machine.cores == 1 { "core" } else { "cores" };
        let parts = [
            machine.processor.clone(),
            format!("{} {cores}", machine.cores),
            machine.kernel.clone(),
            format!("load from fanfare {}", machine.version),
        ];
        self.labelled("machine", Tame(&parts.join(" · ")))?;
        let settings: Vec<String> =
            settings.iter().map(|setting| format!("{} {}", setting.name, Tame(&setting.value))).collect();
        let indent = " ".repeat(LABEL_COLUMNS);
        self.labelled("settings", wrapped(&settings, LINE_COLUMNS - LABEL_COLUMNS, &indent))?;
        let published = match publications {
            0 => String::new(),
            count => format!(" · {} publications", grouped(*count)),
        };
        self.labelled("measured", format!("{} s{published}", figure(*seconds)))
    }

    fn labelled(&mut self, label: &str, text: impl fmt::Display) -> fmt::Result {
        let label = self.ink.paint(Colour::Faint, &format!("{label:<LABEL_COLUMNS$}"));
        writeln!(self.out, "{label}{text}")
    }

    /// A name and a figure a line, the figures above each other by their points.
    fn figures(&mut self) -> fmt::Result {
        let figures = &self.report.figures;
        let numbers: Vec<String> = figures.iter().map(|one| figure(one.value)).collect();
        let whole = |number: &str| number.split('.').next().unwrap_or_default().chars().count();
        let rest = |number: &str| number.chars().count() - whole(number);
        let names = figures.iter().map(|one| one.name.chars().count()).max().unwrap_or_default();
        let wholes = numbers.iter().map(|number| whole(number)).max().unwrap_or_default();
        let rests = numbers.iter().map(|number| rest(number)).max().unwrap_or_default();
        writeln!(self.out)?;
        for (one, number) in figures.iter().zip(&numbers) {
            let before = " ".repeat(wholes - whole(number));
            let after = if one.unit.is_empty() { 0 } else { rests - rest(number) + 1 };
            let number = self.ink.paint(Colour::Bold, number);
            writeln!(self.out, "{:<names$}  {before}{number}{:after$}{}", one.name, "", one.unit)?;
        }
        Ok(())
    }

    fn deliveries(&mut self, deliveries: Deliveries) -> fmt::Result {
        let label = self.ink.paint(Colour::Faint, "deliveries  ");
        let colour = if deliveries.is_exact() { Colour::Green } else { Colour::Red };
        writeln!(self.out, "\n{label}{}", self.ink.paint(colour, &verdict(deliveries)))
    }

    fn latency(&mut self, latency: &Latency) -> fmt::Result {
        let columns = latency.columns();
        let heads: String = columns.iter().map(|(name, _)| format!("{name:>10}")).collect();
        let cells: String = columns.iter().map(|(_, value)| format!("{:>10}", duration(*value as f64))).collect();
        writeln!(self.out, "\n{}", self.ink.paint(Colour::Faint, &format!("latency{heads}")))?;
        writeln!(self.out, "       {cells}")
    }

    fn series(&mut self) -> fmt::Result {
        let names = self.report.series.iter().map(|series| series.name.chars().count()).max().unwrap_or_default();
        if names > 0 {
            writeln!(self.out)?;
        }
        for series in &self.report.series {
            let line = sparkline(&series.points, SPARKLINE_COLUMNS);
            writeln!(self.out, "{:<names$}  {line:<SPARKLINE_COLUMNS$}  {}", series.name, range(series))?;
        }
        Ok(())
    }
}

/// What arrived, in a sentence.
pub(super) fn verdict(deliveries: Deliveries) -> String {
    let Deliveries { expected, received, lost, doubled, reordered } = deliveries;
    if deliveries.is_exact() {
        return format!("{}: each came once and in its place", grouped(expected));
    }
    let faults = [(lost, "lost"), (doubled, "doubled"), (reordered, "reordered")];
    let faults: Vec<String> = faults
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    let sum = format!("{} of {} received", grouped(received), grouped(expected));
    if faults.is_empty() { sum } else { format!("{sum}: {}", faults.join(", ")) }
}

/// `6.1M to 7.3M, mean 7M`.
pub(super) fn range(series: &Series) -> String {
    let values = || series.points.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let mean = values().sum::<f64>() / values().count() as f64;
    with_unit(&format!("{} to {}, mean {}", compact(least), compact(most), compact(mean)), series.unit)
}

/// The items with dots between them, in lines of at most so many columns where they allow it.
fn wrapped(items: &[String], columns: usize, indent: &str) -> String {
    let mut text = String::new();
    let mut used = 0;
    for item in items {
        let width = item.chars().count();
        if used > 0 && used + 3 + width > columns {
            text.push_str(&format!("\n{indent}"));
            used = 0;
        } else if used > 0 {
            text.push_str(" · ");
            used += 3;
        }
        text.push_str(item);
        used += width;
    }
    text
}

/// Words of others without what a terminal obeys.
struct Tame<'a>(&'a str);

impl fmt::Display for Tame<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| out.write_char(if letter.is_control() { '\u{fffd}' } else { letter }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::print::sample;

    #[test]
    fn a_run_that_went_well_is_told_in_a_screen() {
        let expected = "\
fanfare bench fanout · 2026-11-03 14:22 UTC

target      fanfare 0.1.0
guarantees  history of 1,000, order and resume; ephemeral
machine     AMD EPYC 7B13 · 2 cores · Linux 6.12.8 · load from fanfare 0.1.0
settings    connections 1000 · in-flight 64 · payload-bytes 128 · duration 10s
measured    10.0 s · 70,000 publications

CPU of the server per delivery          0.138 µs
deliveries per second           7,000,000
memory of the server                   25.2   MiB

deliveries  70,000,000: each came once and in its place
";
        let text = terminal(&sample::fanout(), Ink::Plain);
        assert!(text.starts_with(expected), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= LINE_COLUMNS), "{text}");
        let latency = text.lines().skip_while(|line| !line.starts_with("latency")).take(2).collect::<Vec<_>>();
        assert!(latency[0].ends_with("p99.9       max") && latency[1].contains("410 µs") == latency[1].contains("410"));
        assert!(text.contains("▇") && text.contains("mean 6.9"), "{text}");
    }

    #[test]
    fn lost_doubled_and_reordered_are_told_by_number() {
        let text = terminal(&sample::spoilt(), Ink::Plain);
        let told = "deliveries  69,999,990 of 70,000,000 received: 12 lost, 2 doubled, 1 reordered\n";
        assert!(text.contains(told), "{text}");
        assert!(text.contains("\nwarning: the load generator was the bottleneck"), "{text}");
        assert!(text.ends_with("warning: the <b>clock</b> went back by 3 ms\n"), "{text}");
        let short = Deliveries { expected: 3, received: 2, ..Deliveries::default() };
        assert_eq!(verdict(short), "2 of 3 received");
    }

    #[test]
    fn a_scenario_without_deliveries_says_nothing_of_them() {
        let text = terminal(&sample::idle("fanfare 0.1.0", 1.84), Ink::Plain);
        assert!(!text.contains("deliveries") && !text.contains("latency") && !text.contains("publications"), "{text}");
    }

    #[test]
    fn what_others_say_commands_no_terminal() {
        let text = terminal(&sample::spoilt(), Ink::Plain);
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let plain = terminal(&sample::spoilt(), Ink::Plain);
        let coloured = terminal(&sample::spoilt(), Ink::Coloured);
        assert!(coloured.contains("\x1b[31m69,999,990 of"), "{coloured:?}");
        let codes = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];
        assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
    }

    #[test]
    fn many_settings_go_on_below() {
        let items = vec!["a-setting of-some-length".to_owned(); 5];
        let lines = wrapped(&items, 60, "  ");
        assert_eq!(lines.lines().count(), 3);
        assert!(lines.lines().skip(1).all(|line| line.starts_with("  a-setting")));
    }
}
