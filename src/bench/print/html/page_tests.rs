//! What must be so of every page, whatever stands in its reports.

use std::collections::HashSet;
use std::fs;

use super::*;
use crate::bench::print::sample;

/// All sorts of pages, by the name under which tests of the browser find them.
fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("fanout", html(&[sample::fanout()])),
        ("spoilt", html(&[sample::spoilt()])),
        ("idle", html(&[sample::idle("fanfare 0.1.0", 1.84)])),
        ("pair", html(&[sample::fanout(), sample::spoilt()])),
        ("peers", html(&sample::side_by_side())),
        ("none", html(&[])),
    ]
}

/// The browser's tests (`sdk-ts/e2e/bench_report.test.ts`) open them beside the binary: `target/debug/bench-report/`.
#[test]
fn sample_pages_are_written_for_the_browser() {
    let executable = std::env::current_exe().unwrap();
    let profile = executable.parent().and_then(|deps| deps.parent()).unwrap();
    let folder = profile.join("bench-report");
    fs::create_dir_all(&folder).unwrap();
    for (name, page) in pages() {
        fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
}

#[test]
fn nothing_that_a_report_holds_becomes_markup() {
    let page = html(&[sample::fanout(), sample::spoilt()]);
    for planted in ["<script", "<img", "<b>clock", "\u{1b}", " onerror=alert(1)>"] {
        assert!(!page.contains(planted), "{planted}");
    }
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;co&#39;"));
}

#[test]
fn it_needs_nothing_but_itself() {
    for (name, page) in pages() {
        // The one address is the name of SVG, which nobody fetches.
        let text = page.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "url(", "@import", " src=\"", "<script", " style=\"", "//"] {
            assert!(!text.contains(outside), "{name}: {outside}");
        }
    }
}

#[test]
fn every_id_is_unique_and_every_reference_leads_to_one() {
    for (name, page) in pages() {
        let of = |attribute: &str| -> Vec<String> {
            let start = format!(" {attribute}=\"");
            page.split(&start).skip(1).filter_map(|part| Some(part.split_once('"')?.0.to_owned())).collect()
        };
        let ids = of("id");
        let unique: HashSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{name}: {ids:?}");
        for reference in [of("aria-labelledby"), of("aria-describedby")].concat() {
            assert!(ids.contains(&reference), "{name}: {reference}");
        }
    }
}

#[test]
fn every_colour_that_is_used_is_named() {
    let own = [REPORT, PLOTS].concat();
    let sheets = [LOOK, &own].concat();
    let used = own.split("var(--").skip(1).filter_map(|part| part.split([')', ',']).next());
    let unnamed: Vec<&str> = used.filter(|name| !sheets.contains(&format!("--{name}: "))).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn one_run_is_shown_by_itself_and_several_are_compared() {
    let alone = html(&[sample::fanout()]);
    assert!(alone.contains("class=\"figures\"") && !alone.contains("<table"));
    let several = html(&sample::side_by_side());
    assert_eq!(several.matches("Each beside the first").count(), 2);
    assert!(several.contains(">fanout</h2>") && several.contains(">idle</h2>"));
}

#[test]
fn no_number_of_a_plot_is_none() {
    let mut report = sample::fanout();
    report.series[0].points = vec![(f64::NAN, f64::NAN), (1.0, f64::INFINITY), (2.0, 3.0)];
    report.series[1].points.clear();
    report.figures[0].value = f64::NEG_INFINITY;
    report.seconds = f64::NAN;
    let latency = report.latency.as_mut().unwrap();
    latency.percentiles = vec![(0.0, 0), (50.0, 0), (100.0, u64::MAX)];
    let page = html(&[report]);
    let drawn = page.split_once("<body>").unwrap().1;
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
}

#[test]
fn a_sheet_loses_its_comments_and_keeps_its_rules() {
    assert_eq!(without_comments("/* a */\n:root {\n  --x: 1; /* b */\n}\n"), ":root {\n--x: 1;\n}\n");
}
