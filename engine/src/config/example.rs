//! The commented example: every key with its default.

use toml::{Table, Value};

use super::prose::{self, NAMESPACE, Section};
use super::settings::Settings;

/// Where comments break.
const COLUMNS: usize = 100;

const HEAD: &str = "\
Configuration of a Fanfare node. Every key stands here with its default: keep what you change. Each is also a variable \
of the environment, FANFARE_SECTION__KEY (FANFARE_SERVER__LISTEN), which wins over the file. Unknown keys are errors; \
`fanfare config check FILE` names them with their line.";

const NAMESPACES: &str = "\
These namespaces are declared for the demos when there is no file; with one, only those that it declares. They are what a \
new data directory begins with; afterwards `fanfare namespace apply FILE` changes them. Of each only the name is needed. \
The first shows all keys.";

/// The example, which says just what holds without a file.
#[must_use]
pub fn example() -> String {
    let tree = Settings::default().table();
    let mut out = String::new();
    comment(HEAD, &mut out);
    for section in prose::sections() {
        out.push('\n');
        if section.path == NAMESPACE {
            namespaces(&section, &tree, &mut out);
        } else {
            comment(&section.about, &mut out);
            out.push_str(&format!("[{}]\n", section.path));
            keys(&section, table(&tree, section.path), &mut out);
        }
    }
    out
}

/// The table of a section.
pub(super) fn table<'a>(tree: &'a Table, path: &str) -> Option<&'a Table> {
    path.split('.').try_fold(tree, |table, part| table.get(part)?.as_table())
}

/// A value as one writes it: long numbers in groups of three digits.
pub(super) fn written(value: &Value) -> String {
    let Value::Integer(number) = value else { return value.to_string() };
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

fn keys(section: &Section, values: Option<&Table>, out: &mut String) {
    for key in &section.keys {
        match values.and_then(|values| values.get(&key.name)) {
            // A section of its own.
            Some(Value::Table(_)) | None => {}
            Some(value) => {
                comment(&key.about, out);
                out.push_str(&format!("{} = {}\n", key.name, written(value)));
            }
        }
    }
}

fn namespaces(section: &Section, tree: &Table, out: &mut String) {
    comment(&section.about, out);
    comment(NAMESPACES, out);
    let Some(Value::Array(namespaces)) = tree.get(NAMESPACE) else { return };
    let mut namespaces = namespaces.iter().filter_map(Value::as_table);
    let Some(first) = namespaces.next() else { return };
    out.push_str("[[namespace]]\n");
    keys(section, Some(first), out);
    for namespace in namespaces {
        out.push_str("\n[[namespace]]\n");
        for key in &section.keys {
            let Some(value) = namespace.get(&key.name) else { continue };
            // The first has the defaults.
            if first.get(&key.name) != Some(value) {
                out.push_str(&format!("{} = {}\n", key.name, written(value)));
            }
        }
    }
}

fn comment(text: &str, out: &mut String) {
    let mut column = COLUMNS;
    for word in text.split_whitespace() {
        let width = word.chars().count() + 1;
        if column + width > COLUMNS {
            out.push_str(if out.is_empty() || out.ends_with('\n') { "#" } else { "\n#" });
            column = 1;
        }
        out.push(' ');
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, File, Sources};

    #[test]
    fn the_example_says_exactly_what_holds_without_a_file() {
        let file = File { name: "example".to_owned(), text: example() };
        let config = Config::load(Sources { file: Some(file), ..Sources::default() });
        assert_eq!(config, Ok(Config::default()));
    }

    #[test]
    fn the_example_fits_a_terminal_and_explains_every_key() {
        let example = example();
        for line in example.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        assert!(example.contains("\n# Address and port of HTTP and WebSocket."), "{example}");
        assert!(example.contains("\nframe_bytes_max = 1_048_576\n"), "{example}");
    }

    #[test]
    fn numbers_are_grouped() {
        let grouped = [0, 999, 1_000, 65_536, 1_048_576].map(|number| written(&Value::Integer(number)));
        assert_eq!(grouped, ["0", "999", "1_000", "65_536", "1_048_576"]);
    }
}
