//! Which plots a set of reports gives: one for each series by name, and one of latencies by percentile.

use super::axis::Axis;
use super::plot::{Curve, Plot};
use crate::bench::print::number::{compact, duration};
use crate::bench::print::terminal::range;
use crate::bench::print::thinned::thinned;
use crate::bench::{Latency, Report, Series};

/// Points of a curve over time: a plot is some 600 pixels wide.
const POINTS_MAX: usize = 300;
/// From so many times the least latency on, the scale of latencies is logarithmic: the low part would be a flat line.
const LOGARITHMIC_FROM: f64 = 30.0;

/// A report and what it is called beside others.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) report: &'a Report,
}

/// The plots of reports that belong together. `id` tells theirs from those of others on the page.
pub(super) fn plots<'a>(id: &str, runs: &[Named<'a>]) -> Vec<Plot<'a>> {
    let mut names: Vec<&'static str> = Vec::new();
    for series in runs.iter().flat_map(|run| &run.report.series) {
        if !names.contains(&series.name) {
            names.push(series.name);
        }
    }
    let over_time = names.iter().enumerate().filter_map(|(place, name)| of_series(format!("{id}-{place}"), name, runs));
    over_time.chain(of_latency(format!("{id}-latency"), runs)).collect()
}

fn of_series<'a>(id: String, name: &'static str, runs: &[Named<'a>]) -> Option<Plot<'a>> {
    let found: Vec<(usize, Named<'a>, &'a Series)> = runs
        .iter()
        .enumerate()
        .filter_map(|(place, run)| Some((place, *run, run.report.series.iter().find(|series| series.name == name)?)))
        .filter(|(_, _, series)| series.points.iter().any(|(_, value)| value.is_finite()))
        .collect();
    let (_, _, first) = found.first()?;
    let points = || found.iter().flat_map(|(_, _, series)| &series.points);
    let last = points().map(|(at, _)| *at).fold(0.0, f64::max);
    let most = points().map(|(_, value)| *value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let told = found.iter().map(|(_, run, series)| format!("{}: {}.", run.name, range(series)));
    Some(Plot {
        id,
        title: name,
        note: first.unit.to_owned(),
        description: format!("Over {}. {}", seconds(last), told.collect::<Vec<_>>().join(" ")),
        across: Axis::of_time(last, seconds),
        up: Axis::of_values(most, compact),
        curves: found
            .iter()
            .map(|(place, run, series)| Curve {
                name: run.name,
                place: *place,
                points: thinned(&series.points, POINTS_MAX),
            })
            .collect(),
        across_label: seconds,
        up_label: compact,
    })
}

fn of_latency<'a>(id: String, runs: &[Named<'a>]) -> Option<Plot<'a>> {
    let found: Vec<(usize, Named<'a>, &'a Latency)> = runs
        .iter()
        .enumerate()
        .filter_map(|(place, run)| Some((place, *run, run.report.latency.as_ref()?)))
        .filter(|(_, _, latency)| !latency.percentiles.is_empty())
        .collect();
    let across = Axis::of_percentiles(found.iter().map(|(_, _, latency)| latency.count).max()?);
    let last = across.value(1.0);
    // What lies beyond the axis must not stretch the other one.
    let shown = |latency: &Latency| -> Vec<(f64, f64)> {
        let points = latency.percentiles.iter().map(|&(percentile, micros)| (percentile, micros as f64));
        points.filter(|(percentile, _)| *percentile <= last + 1e-9).collect()
    };
    let curves: Vec<Curve<'a>> = found
        .iter()
        .map(|(place, run, latency)| Curve { name: run.name, place: *place, points: shown(latency) })
        .collect();
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|(_, micros)| *micros);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let is_logarithmic = most > least.max(1.0) * LOGARITHMIC_FROM;
    let told = found.iter().map(|(_, run, latency)| {
        let [median, high, highest] = [latency.p50, latency.p99, latency.max].map(|micros| duration(micros as f64));
        format!("{}: median {median}, 99 % within {high}, at most {highest}.", run.name)
    });
    Some(Plot {
        id,
        title: "latency by percentile",
        note: if is_logarithmic { "both axes logarithmic" } else { "" }.to_owned(),
        description: told.collect::<Vec<_>>().join(" "),
        across,
        up: if is_logarithmic { Axis::of_magnitudes(least, most, duration) } else { Axis::of_values(most, duration) },
        curves,
        across_label: percentile,
        up_label: duration,
    })
}

fn seconds(at: f64) -> String {
    format!("{} s", compact(at))
}

/// With as many nines as it takes.
fn percentile(value: f64) -> String {
    let nines = -(1.0 - value / 100.0).log10();
    format!("{value:.*} %", (nines - 0.5).clamp(0.0, 4.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::print::sample;

    fn named(reports: &[Report]) -> Vec<Named<'_>> {
        reports.iter().map(|report| Named { name: &report.target, report }).collect()
    }

    #[test]
    fn each_series_and_the_latency_give_a_plot_with_a_curve_for_each_report_that_has_it() {
        let mut reports = vec![sample::fanout(), sample::of_a_peer("peer", "none", 0.5, 900)];
        reports[0].series.remove(1);
        let runs = named(&reports);
        let plots = plots("a", &runs);
        let told: Vec<(&str, Vec<usize>)> =
            plots.iter().map(|plot| (plot.title, plot.curves.iter().map(|curve| curve.place).collect())).collect();
        let expected = [
            ("deliveries per second", vec![0, 1]),
            ("CPU of the server", vec![1]),
            ("latency by percentile", vec![0, 1]),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_series_without_a_number_and_a_report_without_latency_give_none() {
        let mut report = sample::fanout();
        report.latency = None;
        report.series.truncate(1);
        report.series[0].points = vec![(1.0, f64::NAN), (2.0, f64::INFINITY)];
        assert!(plots("a", &named(&[report])).is_empty());
    }

    #[test]
    fn the_last_percentile_does_not_stretch_the_plot() {
        let mut report = sample::fanout();
        report.latency.as_mut().unwrap().percentiles.push((100.0, 60_000_000));
        let runs = [report];
        let runs = named(&runs);
        let plots = plots("a", &runs);
        let top = plots.last().unwrap().up.ticks.last().unwrap().label.clone();
        assert!(top.ends_with("ms"), "{top}");
    }

    #[test]
    fn a_percentile_shows_its_nines() {
        assert_eq!([50.0, 90.0, 98.7, 99.9, 99.99].map(percentile), ["50 %", "90 %", "98.7 %", "99.90 %", "99.990 %"]);
    }
}
