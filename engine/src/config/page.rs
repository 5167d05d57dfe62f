//! The page of the reference, `docs/configuration.md`.

use toml::{Table, Value};

use super::example::{table, written};
use super::later::LATER;
use super::namespace::Namespace;
use super::prose::{self, NAMESPACE};
use super::settings::Settings;
use crate::log::Kind;

const HEAD: &str = "\
# Configuration

<!-- Made by `fanfare_engine::config::configuration_md` from the doc comments in `engine/src/`; a test says how to renew it. -->

A node needs none: `fanfare serve` listens on 127.0.0.1:8000 and declares the namespaces of its demos. Otherwise, what comes
later wins:

1. the defaults below,
2. one TOML file: `fanfare serve --config fanfare.toml`,
3. the environment: `FANFARE_SECTION__KEY`, in capitals, with two underscores between section and key
   (`FANFARE_SERVER__LISTEN=127.0.0.1:9000`, `FANFARE_SERVER__TLS__TERMINATED_BY_PROXY=true`); lists with commas,
4. the command line: `--listen`, `--data-dir`.

`fanfare config example` prints this page as a commented file, `fanfare config check FILE` says what is wrong with one and at
which line. Unknown keys are errors that name the known one that was likely meant. Everything is read once, when the node starts, and the
result is logged.

Names end in their unit: `_ms` milliseconds, `_bytes`, `_max` a bound. Zero is refused everywhere: it neither switches a bound
off nor stands for a default.
";

const NAMESPACES: &str = "\
One section for each namespace; only `name` must be given. The environment cannot declare namespaces. A new data directory
begins with those of the file; from then on the node itself holds them, and `fanfare namespace apply FILE` changes them while it
runs. What the file says differently is told when the node starts. Without a file these are declared for the demos:
";

/// The page.
#[must_use]
pub fn configuration_md() -> String {
    let tree = Settings::default().table();
    let mut out = HEAD.to_owned();
    for section in prose::sections() {
        let is_list = section.path == NAMESPACE;
        let title = if is_list { format!("[[{}]]", section.path) } else { format!("[{}]", section.path) };
        out.push_str(&format!("\n## `{title}`\n\n{}\n", section.about));
        if is_list {
            out.push_str(&format!("\n{NAMESPACES}\n"));
            demos(&tree, &mut out);
        }
        out.push_str("\n| key | default | meaning |\n| --- | --- | --- |\n");
        let declared = is_list.then(|| Table::try_from(Namespace::new("", Kind::Stream)).ok()).flatten();
        let values = declared.as_ref().or_else(|| table(&tree, section.path));
        for key in &section.keys {
            let shown = match values.and_then(|values| values.get(&key.name)) {
                Some(Value::Table(_)) => format!("[`[{}.{}]`](#{}{})", section.path, key.name, section.path, key.name),
                Some(_) if is_list && key.name == "name" => "–".to_owned(),
                Some(value) => format!("`{}`", written(value)),
                None => "–".to_owned(),
            };
            out.push_str(&format!("| `{}` | {shown} | {} |\n", key.name, key.about));
        }
    }
    out.push_str("\n## Known, but not of this version\n\nTo give one of these is an error, so that nobody believes it holds.\n\n");
    out.push_str("| key | meaning | instead |\n| --- | --- | --- |\n");
    for later in LATER {
        out.push_str(&format!("| `{}` | {} | {} |\n", later.path, later.about, later.instead));
    }
    out
}

fn demos(tree: &Table, out: &mut String) {
    out.push_str("| namespace | differs from the defaults |\n| --- | --- |\n");
    let Some(Value::Array(demos)) = tree.get(NAMESPACE) else { return };
    for demo in demos.iter().filter_map(Value::as_table) {
        let name = demo.get("name").and_then(Value::as_str).unwrap_or_default();
        let Ok(defaults) = Table::try_from(Namespace::new(name, Kind::Stream)) else { continue };
        let differs = |(key, value): (&String, &Value)| {
            (defaults.get(key) != Some(value)).then(|| format!("`{key} = {}`", written(value)))
        };
        let differences: Vec<String> = demo.iter().filter_map(differs).collect();
        let differences = if differences.is_empty() { "–".to_owned() } else { differences.join(", ") };
        out.push_str(&format!("| `{name}` | {differences} |\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");

    /// With `FANFARE_WRITE_DOCS=1` it writes the page instead of comparing it.
    #[test]
    fn the_page_in_docs_is_what_the_code_says() {
        if std::env::var_os("FANFARE_WRITE_DOCS").is_some() {
            std::fs::write(PAGE, configuration_md()).unwrap();
        }
        let page = std::fs::read_to_string(PAGE).unwrap();
        assert!(
            page == configuration_md(),
            "renew docs/configuration.md: FANFARE_WRITE_DOCS=1 cargo test -p fanfare-engine the_page_in_docs"
        );
    }
}
