//! One run for itself: its figures, what arrived, its plots and latencies.

use super::bars;
use super::curves::{Named, plots};
use super::markup::Markup;
use crate::bench::print::number::{duration, figure};
use crate::bench::print::terminal::verdict;
use crate::bench::{Deliveries, Latency, Report};

/// `id` tells its plots from others of the page.
pub(super) fn write(id: &str, run: Named<'_>, out: &mut Markup) {
    figures(run.report, out);
    if run.report.deliveries != Deliveries::default() {
        let tone = if run.report.deliveries.is_exact() { "verdict good" } else { "verdict bad" };
        out.within("p", &[("class", &tone)], |out| {
            out.element("strong", &[], "Deliveries");
            out.text(format_args!(" {}", verdict(run.report.deliveries)));
        });
    }
    if let Some(latency) = &run.report.latency {
        latencies(latency, out);
    }
    out.within("div", &[("class", &"plots")], |out| plots(id, &[run]).iter().for_each(|plot| plot.write(out)));
    out.within("div", &[("class", &"panels")], |out| bars::of_memory(run, out));
}

fn figures(report: &Report, out: &mut Markup) {
    out.within("dl", &[("class", &"figures")], |out| {
        for one in &report.figures {
            out.within("div", &[("class", &"panel")], |out| {
                out.element("dt", &[], one.name);
                out.within("dd", &[], |out| {
                    out.text(figure(one.value));
                    if !one.unit.is_empty() {
                        out.element("small", &[], format_args!(" {}", one.unit));
                    }
                });
            });
        }
    });
}

fn latencies(latency: &Latency, out: &mut Markup) {
    let columns = latency.columns();
    out.within("div", &[("class", &"panel latencies")], |out| {
        out.element("h3", &[], "Latency");
        out.within("dl", &[], |out| {
            for (name, micros) in columns {
                out.within("div", &[], |out| {
                    out.element("dt", &[], name);
                    out.element("dd", &[], duration(micros as f64));
                });
            }
        });
    });
}
