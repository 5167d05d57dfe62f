//! A report for programs. Its names are a promise, written down in docs/benchmarking.md: members are added, never renamed.

use crate::bench::Report;

/// One object, in one line without its end. A figure that is no number is `null`.
pub(crate) fn json(report: &Report) -> String {
    serde_json::to_string(report).expect("a report holds nothing that JSON has no form for")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::bench::print::sample;

    fn members(value: &Value) -> Vec<&str> {
        let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_names_are_those_that_are_documented() {
        let report: Value = serde_json::from_str(&json(&sample::fanout())).unwrap();
        let top = [
            "beganAtMs",
            "deliveries",
            "figures",
            "guarantees",
            "latencyUs",
            "machine",
            "publications",
            "scenario",
            "seconds",
            "series",
            "settings",
            "target",
            "warnings",
        ];
        assert_eq!(members(&report), top);
        assert_eq!(members(&report["deliveries"]), ["doubled", "expected", "lost", "received", "reordered"]);
        assert_eq!(members(&report["machine"]), ["cores", "kernel", "processor", "version"]);
        let latency = ["count", "max", "min", "p50", "p90", "p99", "p999", "percentiles"];
        assert_eq!(members(&report["latencyUs"]), latency);
        assert_eq!(members(&report["figures"][0]), ["name", "unit", "value"]);
        assert_eq!(members(&report["series"][0]), ["name", "points", "unit"]);
        assert_eq!(members(&report["settings"][0]), ["name", "value"]);

        let page = include_str!("../../../docs/benchmarking.md");
        let undocumented: Vec<&str> =
            top.into_iter().chain(latency).filter(|name| !page.contains(&format!("`{name}`"))).collect();
        assert!(undocumented.is_empty(), "{undocumented:?}");
    }

    #[test]
    fn it_is_one_line_and_what_is_no_number_is_null() {
        let mut report = sample::fanout();
        report.guarantees = "one line\nand another".to_owned();
        report.figures[0].value = f64::NAN;
        let text = json(&report);
        assert!(!text.contains('\n'));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(value["figures"][0]["value"].is_null());
        assert_eq!(value["guarantees"], "one line\nand another");
    }
}
