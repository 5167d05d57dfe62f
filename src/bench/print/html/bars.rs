//! Bars that lie: a name, a length, a number. The number is a text of its own, so nobody needs to see the bar.

use super::curves::Named;
use super::markup::Markup;
use super::plot::colour;
use crate::bench::Figure;
use crate::bench::print::number::{figure, with_unit};

/// Units of memory, whose figures of a run are worth a look beside each other.
const MEMORY_UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];

/// A bar.
struct Bar<'a> {
    name: &'a str,
    /// Of the report, for its colour.
    place: usize,
    figure: &'a Figure,
}

/// For each figure in which they differ, a panel with a bar for each report that has it.
pub(super) fn across(runs: &[Named<'_>], out: &mut Markup) {
    for name in shared(runs) {
        let bars: Vec<Bar<'_>> = runs
            .iter()
            .enumerate()
            .filter_map(|(place, run)| {
                let figure = run.report.figures.iter().find(|figure| figure.name == name)?;
                Some(Bar { name: run.name, place, figure })
            })
            .collect();
        if bars.iter().any(|bar| bar.figure.value != bars[0].figure.value) {
            panel(name, &bars, out);
        }
    }
}

/// For each unit of memory in which the report has several figures, a panel with a bar for each of them.
pub(super) fn of_memory(run: Named<'_>, out: &mut Markup) {
    for unit in MEMORY_UNITS {
        let figures = run.report.figures.iter().filter(|figure| figure.unit == unit);
        let bars: Vec<Bar<'_>> = figures.map(|figure| Bar { name: figure.name, place: 0, figure }).collect();
        if bars.len() > 1 {
            panel("memory", &bars, out);
        }
    }
}

/// Names of figures that several reports have, in the order in which they come.
pub(super) fn shared(runs: &[Named<'_>]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for figure in runs.iter().flat_map(|run| &run.report.figures) {
        let has = |run: &&Named<'_>| run.report.figures.iter().any(|other| other.name == figure.name);
        if !names.contains(&figure.name) && runs.iter().filter(has).count() > 1 {
            names.push(figure.name);
        }
    }
    names
}

fn panel(title: &str, bars: &[Bar<'_>], out: &mut Markup) {
    let most = bars.iter().map(|bar| bar.figure.value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    out.within("figure", &[("class", &"panel")], |out| {
        out.within("figcaption", &[], |out| out.element("h3", &[], title));
        out.within("dl", &[("class", &"bars")], |out| {
            for bar in bars {
                out.within("div", &[], |out| bar.write(most, out));
            }
        });
    });
}

impl Bar<'_> {
    fn write(&self, most: f64, out: &mut Markup) {
        let Figure { value, unit, .. } = *self.figure;
        let share = Some(value / most).filter(|share| share.is_finite()).unwrap_or_default();
        let width = format!("{:.2}%", share.clamp(0.0, 1.0) * 100.0);
        out.element("dt", &[], self.name);
        out.within("dd", &[], |out| {
            out.element("span", &[], with_unit(&figure(value), unit));
            out.within("svg", &[("aria-hidden", &"true")], |out| {
                out.empty("rect", &[("class", &"rail"), ("width", &"100%"), ("height", &"100%")]);
                out.empty("rect", &[("class", &colour(self.place)), ("width", &width), ("height", &"100%")]);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Report;
    use crate::bench::print::sample;

    fn drawn(reports: &[Report], draw: impl Fn(&[Named<'_>], &mut Markup)) -> String {
        let runs: Vec<Named<'_>> = reports.iter().map(|report| Named { name: &report.target, report }).collect();
        let mut out = Markup::default();
        draw(&runs, &mut out);
        out.into_string()
    }

    #[test]
    fn the_longest_bar_is_the_greatest_figure() {
        let mut reports = vec![sample::idle("a", 2.0), sample::idle("b", 25.0), sample::idle("c", f64::NAN)];
        for report in &mut reports {
            report.figures.truncate(1);
        }
        let html = drawn(&reports, across);
        let widths: Vec<&str> = html.split("width=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
        assert_eq!(widths, ["100%", "8.00%", "100%", "100.00%", "100%", "0.00%"]);
        assert!(html.contains("<span>2 KiB</span>") && html.contains("<span>– KiB</span>"), "{html}");
    }

    #[test]
    fn a_figure_in_which_all_are_alike_gives_no_panel() {
        let html = drawn(&[sample::idle("a", 2.0), sample::idle("b", 25.0)], across);
        assert!(html.contains("process memory") && !html.contains("kernel memory"), "{html}");
    }

    #[test]
    fn a_figure_that_only_one_has_gives_no_panel() {
        let html = drawn(&[sample::fanout(), sample::idle("a", 2.0)], across);
        assert_eq!(html, "");
    }

    #[test]
    fn a_report_shows_its_memory_where_it_has_parts_of_it() {
        let one = |runs: &[Named<'_>], out: &mut Markup| of_memory(runs[0], out);
        assert_eq!(drawn(&[sample::fanout()], one), "");
        let html = drawn(&[sample::idle("a", 2.0)], one);
        assert_eq!(html.matches("<dt>").count(), 2, "{html}");
    }
}
