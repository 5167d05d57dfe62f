//! `docs/errors.md` and `docs/metrics.md`, written from the catalogues in `protocol/`.

use std::fmt::Write as _;

use fanfare_protocol::metric::{self, Metric};
use fanfare_protocol::{Class, Code};

const NOTICE: &str = "<!-- Written by `cargo xtask codegen` from protocol/catalogue: edit there. -->";

/// The page of all error codes: a section for each class, an anchor for each name.
pub(crate) fn errors_md() -> String {
    let mut page = format!(
        "{NOTICE}\n\n# Errors\n\nWhoever gets an error gets its `code` (a number), its `name`, a `message` and its `class`, and where they apply \
         `retryAfterMs`, `topic`,\n`oldest`, `current`, `expected`, `parameter` and `nearest`: over a session as `ERROR`, over HTTP as \
         `application/problem+json`.\nThe number alone tells the class, and the class tells what to do, also of codes that are newer than the \
         reader. The numbers are\nWebSocket close codes too. 4000 to 4999 are left to applications.\n\n| numbers | class | what to do \
         |\n| --- | --- | --- |\n"
    );
    for class in Class::ALL {
        let Guide { numbers, advice } = guide(class);
        put(&mut page, format_args!("| {numbers} | [`{class}`](#{class}) | {advice} |\n"));
    }
    for class in Class::ALL {
        let Guide { numbers, advice } = guide(class);
        put(&mut page, format_args!("\n## {class}\n\n{numbers}: {advice}.\n"));
        for code in Code::ALL.iter().filter(|code| code.class() == class) {
            put(
                &mut page,
                format_args!(
                    "\n### {}\n\n{} · HTTP {} · {}\n\n{}\n",
                    code.name(),
                    code.number(),
                    code.http_status(),
                    code.sentence(),
                    code.page()
                ),
            );
        }
    }
    page
}

/// The page of all metrics: one table, in the order of the catalogue.
pub(crate) fn metrics_md() -> String {
    let mut page = format!(
        "{NOTICE}\n\n# Metrics\n\n`GET /metrics` answers them in the text format of Prometheus. The second word of a name is the room of the \
         source that counts.\nNo label holds a topic, a key or a user.\n\n| metric | kind | unit | labels | means |\n| --- | --- | --- | --- | \
         --- |\n"
    );
    for Metric { name, kind, unit, labels, help } in metric::ALL {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        put(&mut page, format_args!("| `{name}` | {} | {unit} | {} | {help} |\n", kind.as_str(), labels.join(", ")));
    }
    page
}

struct Guide {
    numbers: &'static str,
    advice: &'static str,
}

fn guide(class: Class) -> Guide {
    let (numbers, advice) = match class {
        Class::Retry => ("3000 to 3099", "repeat, with backoff"),
        Class::Redirect => ("3100 to 3199", "go to another node, or to the slot that was told"),
        Class::Refresh => ("3200 to 3299", "fetch a new token first"),
        Class::Resync => ("3300 to 3399", "keep the connection, start this view anew"),
        Class::Wait => ("3400 to 3499", "wait for `retryAfterMs`, then repeat"),
        Class::Terminal => ("3500 to 3999", "repeating will not mend it"),
    };
    Guide { numbers, advice }
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(name: &str) -> String {
        let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("the page is committed")
    }

    /// Rule X2 of the protocol.
    #[test]
    fn the_page_of_errors_is_what_the_catalogue_says() {
        assert!(committed("errors.md") == errors_md(), "run `cargo xtask codegen`");
    }

    #[test]
    fn the_page_of_metrics_is_what_the_catalogue_says() {
        assert!(committed("metrics.md") == metrics_md(), "run `cargo xtask codegen`");
    }

    #[test]
    fn each_code_and_metric_has_its_place_on_the_page() {
        let (errors, metrics) = (errors_md(), metrics_md());
        assert!(Code::ALL.iter().all(|code| errors.contains(&format!("\n### {}\n\n{} ", code.name(), code.number()))));
        assert!(metric::ALL.iter().all(|metric| metrics.contains(&format!("\n| `{}` |", metric.name))));
    }
}
