//! The page around the runs. It is content with the strictest policy: no script, no font, no image but its own icon.

use super::comparison;
use super::curves::Named;
use super::markup::{Attributes, Markup};
use super::names::names;
use super::{run, settings};
use crate::bench::Report;
use crate::bench::print::date::moment;

/// The look of every page of the project, whose colours and type these pages share.
const LOOK: &str = include_str!("../../../../sdk-ts/demo/look.css");
const REPORT: &str = include_str!("report.css");
const PLOTS: &str = include_str!("plots.css");
const ICON: &str = include_str!("../../../../sdk-ts/demo/favicon.svg");
/// Whoever serves the file may send the same: there are no attributes that hold style.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page of these runs. Those of one scenario stand beside each other, compared with the first of them.
pub(crate) fn html(reports: &[Report]) -> String {
    let scenarios = by_scenario(reports);
    let title = match &scenarios[..] {
        [(scenario, _)] => format!("fanfare bench {scenario}"),
        _ => "fanfare bench".to_owned(),
    };
    let mut out = Markup::default();
    out.raw("<!doctype html>\n");
    out.within("html", &[("lang", &"en")], |out| {
        out.within("head", &[], |out| head(&title, reports, out));
        out.raw("\n");
        out.within("body", &[], |out| {
            out.within("header", &[("class", &"top")], |out| {
                out.within("span", &[("class", &"brand")], |out| {
                    out.raw(ICON.trim());
                    out.text("Fanfare");
                });
            });
            out.raw("\n");
            out.within("main", &[], |out| {
                out.element("h1", &[], &title);
                out.element("p", &[("class", &"lead")], lead(reports));
                for (place, (scenario, reports)) in scenarios.iter().enumerate() {
                    section(place, scenario, reports, scenarios.len() == 1, out);
                }
            });
        });
    });
    out.raw("\n");
    out.into_string()
}

fn head(title: &str, reports: &[Report], out: &mut Markup) {
    out.empty("meta", &[("charset", &"utf-8")]);
    let metas = [
        ("viewport", "width=device-width, initial-scale=1, viewport-fit=cover"),
        ("color-scheme", "light dark"),
        ("robots", "noindex"),
    ];
    for (name, content) in metas {
        out.empty("meta", &[("name", &name), ("content", &content)]);
    }
    out.empty("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
    let of = if let [report] = reports { format!(": {}", report.target) } else { String::new() };
    out.element("title", &[], format_args!("{title}{of}"));
    let icon = format!("data:image/svg+xml,{}", percent_encoded(ICON.trim()));
    let attributes: Attributes<'_> = &[("rel", &"icon"), ("type", &"image/svg+xml"), ("href", &icon)];
    out.empty("link", attributes);
    out.within("style", &[], |out| {
        [LOOK, REPORT, PLOTS].iter().for_each(|sheet| out.raw(&without_comments(sheet)));
    });
}

/// What is shown, in a sentence.
fn lead(reports: &[Report]) -> String {
    match reports {
        [] => "No run is in this report.".to_owned(),
        [report] => {
            format!("{}: {}. Begun {}.", report.target, report.guarantees, moment(report.began_at_ms))
        }
        [first, ..] => {
            let last = reports.iter().map(|report| report.began_at_ms).max().unwrap_or_default();
            let on = format!("{} runs, the last of them begun {}.", reports.len(), moment(last));
            format!("{on} Where runs stand beside each other, ratios are against the first, {}.", first.target)
        }
    }
}

fn section(place: usize, scenario: &str, reports: &[&Report], is_alone: bool, out: &mut Markup) {
    let names = names(reports);
    let runs: Vec<Named<'_>> = names.iter().zip(reports).map(|(name, report)| Named { name, report }).collect();
    let id = format!("s{place}");
    out.raw("\n");
    out.within("section", &[("aria-labelledby", &id)], |out| {
        // Alone, the page's title has said it.
        let class = if is_alone { "visually-hidden" } else { "scenario" };
        out.element("h2", &[("id", &id), ("class", &class)], scenario);
        warnings(&runs, out);
        match &runs[..] {
            [only] => run::write(&id, *only, out),
            _ => comparison::write(&id, &runs, out),
        }
        settings::write(&id, &runs, out);
    });
}

fn warnings(runs: &[Named<'_>], out: &mut Markup) {
    if runs.iter().all(|run| run.report.warnings.is_empty()) {
        return;
    }
    out.within("ul", &[("class", &"warnings")], |out| {
        for run in runs {
            for warning in &run.report.warnings {
                let of = if runs.len() > 1 { format!("{}: ", run.name) } else { String::new() };
                out.element("li", &[], format_args!("{of}{warning}"));
            }
        }
    });
}

/// In the order in which the scenarios first come.
fn by_scenario(reports: &[Report]) -> Vec<(&str, Vec<&Report>)> {
    let mut scenarios: Vec<(&str, Vec<&Report>)> = Vec::new();
    for report in reports {
        match scenarios.iter_mut().find(|(scenario, _)| *scenario == report.scenario) {
            Some((_, reports)) => reports.push(report),
            None => scenarios.push((&report.scenario, vec![report])),
        }
    }
    scenarios
}

/// A sheet without its comments and indentation: they are for those who write it.
fn without_comments(sheet: &str) -> String {
    let mut parts = sheet.split("/*");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once("*/").map_or("", |(_, rest)| rest));
    let text = std::iter::once(first).chain(rest).collect::<String>();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).fold(String::new(), |text, line| text + line + "\n")
}

/// For an address of the kind `data:`.
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b':' | b'=' | b' ' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
