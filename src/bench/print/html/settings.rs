//! On what, with what and when: what all runs have alike as a list, what sets them apart as a table. Their targets and what
//! those promise stand above already.

use super::comparison;
use super::curves::Named;
use super::markup::{Attributes, Markup};
use crate::bench::Report;
use crate::bench::print::date::moment;
use crate::bench::print::number::{NONE, figure, grouped};

/// Something that is so of a run.
struct Fact {
    name: &'static str,
    value: String,
    /// An option of the command, shown as it is typed.
    is_setting: bool,
}

/// `id` is unique on the page.
pub(super) fn write(id: &str, runs: &[Named<'_>], out: &mut Markup) {
    let facts: Vec<Vec<Fact>> = runs.iter().map(|run| facts(run.report)).collect();
    let mut names: Vec<(&'static str, bool)> = Vec::new();
    for fact in facts.iter().flatten() {
        if !names.contains(&(fact.name, fact.is_setting)) {
            names.push((fact.name, fact.is_setting));
        }
    }
    let values = |&(name, is_setting): &(&'static str, bool)| -> Vec<Option<&str>> {
        let of =
            |facts: &'_ Vec<Fact>| facts.iter().position(|fact| (fact.name, fact.is_setting) == (name, is_setting));
        facts.iter().map(|facts| of(facts).map(|at| facts[at].value.as_str())).collect()
    };
    let (alike, apart): (Vec<_>, Vec<_>) = names
        .into_iter()
        .map(|name| (name, values(&name)))
        .partition(|(_, values)| values.iter().all(|v| *v == values[0]));
    out.element("h3", &[("class", &"part"), ("id", &format!("{id}-settings"))], "Settings and machine");
    out.within("dl", &[("class", &"panel facts")], |out| {
        for ((name, is_setting), values) in &alike {
            out.within("div", &[], |out| {
                named("dt", name, *is_setting, out);
                out.element("dd", &[], values[0].unwrap_or(NONE));
            });
        }
    });
    if !apart.is_empty() {
        table(id, runs, &apart, out);
    }
}

type Apart<'a> = ((&'static str, bool), Vec<Option<&'a str>>);

fn table(id: &str, runs: &[Named<'_>], apart: &[Apart<'_>], out: &mut Markup) {
    let label = format!("{id}-apart");
    let scroller: Attributes<'_> =
        &[("class", &"panel scroller"), ("role", &"region"), ("aria-labelledby", &label), ("tabindex", &"0")];
    out.within("div", scroller, |out| {
        out.within("table", &[("class", &"apart")], |out| {
            out.element("caption", &[("id", &label)], "What sets the runs apart.");
            out.within("thead", &[], |out| {
                out.within("tr", &[], |out| {
                    out.element("th", &[("scope", &"col")], "run");
                    for ((name, is_setting), _) in apart {
                        out.within("th", &[("scope", &"col")], |out| named("span", name, *is_setting, out));
                    }
                });
            });
            out.within("tbody", &[], |out| {
                for (place, run) in runs.iter().enumerate() {
                    out.within("tr", &[], |out| {
                        out.within("th", &[("scope", &"row")], |out| comparison::name(place, *run, out));
                        apart.iter().for_each(|(_, values)| out.element("td", &[], values[place].unwrap_or(NONE)));
                    });
                }
            });
        });
    });
}

fn named(tag: &str, name: &str, is_setting: bool, out: &mut Markup) {
    out.within(tag, &[], |out| if is_setting { out.element("code", &[], name) } else { out.text(name) });
}

fn facts(report: &Report) -> Vec<Fact> {
    let machine = &report.machine;
    let of_run = [
        ("began", moment(report.began_at_ms)),
        ("measured for", format!("{} s", figure(report.seconds))),
        ("processor", machine.processor.clone()),
        ("cores", machine.cores.to_string()),
        ("kernel", machine.kernel.clone()),
        ("load generator", format!("fanfare {}", machine.version)),
    ];
    // Where nothing is published, a zero would only raise a question.
    let published = (report.publications > 0).then(|| ("publications", grouped(report.publications)));
    let of_run = of_run.into_iter().chain(published).map(|(name, value)| Fact { name, value, is_setting: false });
    let settings = report.settings.iter().map(|setting| Fact {
        name: setting.name,
        value: setting.value.clone(),
        is_setting: true,
    });
    settings.chain(of_run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::print::sample;

    fn written(reports: &[Report]) -> String {
        let runs: Vec<Named<'_>> = reports.iter().map(|report| Named { name: &report.target, report }).collect();
        let mut out = Markup::default();
        write("a", &runs, &mut out);
        out.into_string()
    }

    #[test]
    fn a_run_by_itself_has_a_list_and_no_table() {
        let html = written(&[sample::fanout()]);
        assert!(html.contains("<dt><code>connections</code></dt><dd>1000</dd>"), "{html}");
        assert!(html.contains("<dt>began</dt><dd>2026-11-03 14:22 UTC</dd>") && !html.contains("<table"), "{html}");
    }

    #[test]
    fn what_differs_stands_in_the_table_and_what_does_not_in_the_list() {
        let mut other = sample::fanout();
        other.settings[0].value = "100".to_owned();
        let html = written(&[sample::fanout(), other]);
        let (list, table) = html.split_once("<table").unwrap();
        assert!(list.contains("in-flight") && !list.contains("connections"), "{html}");
        assert!(table.contains("connections") && !table.contains("in-flight"), "{html}");
        assert!(table.contains("<td>1000</td>") && table.contains("<td>100</td>"), "{html}");
    }

    #[test]
    fn a_setting_that_only_one_has_is_told_as_missing_of_the_other() {
        let mut other = sample::fanout();
        other.settings.pop();
        let html = written(&[sample::fanout(), other]);
        assert!(html.contains("<td>10s</td>") && html.contains("<td>–</td>"), "{html}");
    }
}
