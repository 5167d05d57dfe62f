//! Runs of one scenario beside each other: a table with ratios against the first, and curves that lie over each other.

use super::bars;
use super::curves::{Named, plots};
use super::markup::{Attributes, Markup};
use super::plot::colour;
use crate::bench::print::number::{NONE, duration, figure};
use crate::bench::{Deliveries, Report};

/// What is compared: a heading, and each report's value with its text.
struct Column {
    heading: String,
    unit: &'static str,
    cells: Vec<Option<(f64, String)>>,
}

/// `id` tells its plots from others of the page.
pub(super) fn write(id: &str, runs: &[Named<'_>], out: &mut Markup) {
    table(id, runs, out);
    out.within("div", &[("class", &"panels")], |out| bars::across(runs, out));
    out.within("ul", &[("class", &"legend")], |out| {
        runs.iter().enumerate().for_each(|(place, run)| out.within("li", &[], |out| name(place, *run, out)));
    });
    out.within("div", &[("class", &"plots")], |out| plots(id, runs).iter().for_each(|plot| plot.write(out)));
}

/// What a run is called, after the coloured dot that stands for it.
pub(super) fn name(place: usize, run: Named<'_>, out: &mut Markup) {
    let dot: Attributes<'_> = &[("class", &"dot"), ("viewBox", &"0 0 10 10"), ("aria-hidden", &"true")];
    out.within("span", &[("class", &"name")], |out| {
        out.within("svg", dot, |out| {
            out.empty("circle", &[("class", &colour(place)), ("cx", &"5"), ("cy", &"5"), ("r", &"4")]);
        });
        out.element("span", &[], run.name);
    });
}

fn table(id: &str, runs: &[Named<'_>], out: &mut Markup) {
    let columns = columns(runs);
    let has_deliveries = runs.iter().any(|run| run.report.deliveries != Deliveries::default());
    // Wider than a phone, so it scrolls by itself, also from the keyboard.
    let label = format!("{id}-table");
    let scroller: Attributes<'_> =
        &[("class", &"panel scroller"), ("role", &"region"), ("aria-labelledby", &label), ("tabindex", &"0")];
    out.within("div", scroller, |out| {
        out.within("table", &[], |out| {
            let caption = "Each beside the first: a ratio of 2× is twice as much.";
            out.element("caption", &[("id", &label)], caption);
            out.within("thead", &[], |out| {
                out.within("tr", &[], |out| {
                    out.element("th", &[("scope", &"col")], "run");
                    for column in &columns {
                        out.within("th", &[("scope", &"col")], |out| {
                            out.text(&column.heading);
                            if !column.unit.is_empty() {
                                out.element("small", &[], format_args!(" {}", column.unit));
                            }
                        });
                    }
                    if has_deliveries {
                        out.element("th", &[("scope", &"col")], "deliveries");
                    }
                });
            });
            out.within("tbody", &[], |out| {
                for (place, run) in runs.iter().enumerate() {
                    out.within("tr", &[], |out| {
                        head(place, *run, out);
                        columns.iter().for_each(|column| cell(column, place, out));
                        if has_deliveries {
                            arrived(run.report, out);
                        }
                    });
                }
            });
        });
    });
}

fn head(place: usize, run: Named<'_>, out: &mut Markup) {
    out.within("th", &[("scope", &"row")], |out| {
        name(place, run, out);
        out.element("small", &[], &run.report.guarantees);
    });
}

fn cell(column: &Column, place: usize, out: &mut Markup) {
    out.within("td", &[], |out| {
        let Some((value, text)) = &column.cells[place] else { return out.text(NONE) };
        out.text(text);
        let first = column.cells[0].as_ref().map(|(first, _)| *first);
        if let Some(ratio) = first.map(|first| value / first).filter(|ratio| ratio.is_finite()) {
            out.element("small", &[], times(ratio));
        }
    });
}

/// `1.09×`, `16.4×`, `0.053×`: to the hundredth where a few of them count.
fn times(ratio: f64) -> String {
    if (0.1..10.0).contains(&ratio) { format!("{ratio:.2}×") } else { format!("{}×", figure(ratio)) }
}

fn arrived(report: &Report, out: &mut Markup) {
    let Deliveries { expected, received, lost, doubled, reordered } = report.deliveries;
    if report.deliveries.is_exact() {
        let text = if expected == 0 { NONE } else { "exact" };
        return out.element("td", &[("class", &"good")], text);
    }
    let faults = [(lost, "lost"), (doubled, "doubled"), (reordered, "reordered")];
    let faults: Vec<String> =
        faults.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let text = if faults.is_empty() { format!("{received} of {expected}") } else { faults.join(", ") };
    out.element("td", &[("class", &"bad")], text);
}

fn columns(runs: &[Named<'_>]) -> Vec<Column> {
    let mut columns: Vec<Column> = bars::shared(runs).into_iter().map(|name| of_figure(name, runs)).collect();
    if runs.iter().any(|run| run.report.latency.is_some()) {
        let of_latency = |heading: &str, at: fn(&crate::bench::Latency) -> u64| Column {
            heading: heading.to_owned(),
            unit: "",
            cells: runs
                .iter()
                .map(|run| run.report.latency.as_ref().map(|latency| at(latency) as f64))
                .map(|micros| micros.map(|micros| (micros, duration(micros))))
                .collect(),
        };
        columns.push(of_latency("latency p50", |latency| latency.p50));
        columns.push(of_latency("latency p99", |latency| latency.p99));
        columns.push(of_latency("latency p99.9", |latency| latency.p999));
    }
    columns
}

fn of_figure(name: &'static str, runs: &[Named<'_>]) -> Column {
    let found = |run: &Named<'_>| run.report.figures.iter().find(|figure| figure.name == name).cloned();
    let unit = runs.iter().find_map(found).map_or("", |figure| figure.unit);
    let cells = runs.iter().map(found).map(|one| one.map(|one| (one.value, figure(one.value)))).collect();
    Column { heading: name.to_owned(), unit, cells }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::print::sample;

    fn written(reports: &[Report]) -> String {
        let runs: Vec<Named<'_>> = reports.iter().map(|report| Named { name: &report.target, report }).collect();
        let mut out = Markup::default();
        table("a", &runs, &mut out);
        out.into_string()
    }

    #[test]
    fn ratios_are_against_the_first() {
        let html = written(&[sample::of_a_peer("a", "-", 0.25, 100), sample::of_a_peer("b", "-", 0.5, 300)]);
        assert!(html.contains("<td>0.250<small>1.00×</small></td>"), "{html}");
        assert!(html.contains("<td>0.500<small>2.00×</small></td>"), "{html}");
        assert!(html.contains("<td class=\"good\">exact</td>"), "{html}");
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        let mut unmeasured = sample::of_a_peer("a", "-", 0.25, 100);
        unmeasured.figures[0].value = f64::NAN;
        let html = written(&[unmeasured, sample::of_a_peer("b", "-", 0.5, 300)]);
        assert!(html.contains("<td>–</td>") && html.contains("<td>0.500</td>"), "{html}");
    }

    #[test]
    fn lost_deliveries_stand_in_the_table() {
        let html = written(&[sample::fanout(), sample::spoilt()]);
        assert!(html.contains("<td class=\"bad\">12 lost, 2 doubled, 1 reordered</td>"), "{html}");
    }
}
