//! The words about each key: the doc comment of its field, taken from the source that the compiler reads. So the
//! reference for operators, `config example` and the documentation of the code are one text.

/// A section: a struct and its keys, in the order of its fields.
#[derive(Debug)]
pub(super) struct Section {
    /// As it is written in the file: `server.tls`.
    pub(super) path: &'static str,
    /// What it is about.
    pub(super) about: String,
    /// Its keys, nested sections among them.
    pub(super) keys: Vec<Key>,
}

/// A key and what is said about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) about: String,
}

/// Section, struct, and the source that has it.
const SOURCES: [(&str, &str, &str); 8] = [
    ("server", "ServerConfig", include_str!("server.rs")),
    ("server.tls", "TlsConfig", include_str!("server.rs")),
    ("limits", "Limits", include_str!("../limit/mod.rs")),
    ("delivery", "Delivery", include_str!("../hub/settings.rs")),
    ("idempotency", "Idempotency", include_str!("idempotency.rs")),
    ("storage", "StorageConfig", include_str!("storage.rs")),
    ("telemetry", "TelemetryConfig", include_str!("telemetry.rs")),
    (NAMESPACE, "Namespace", include_str!("namespace.rs")),
];

/// The section that is a list.
pub(super) const NAMESPACE: &str = "namespace";

/// All sections, in the order of the reference.
pub(super) fn sections() -> Vec<Section> {
    let section = |(path, name, source)| {
        let (about, keys) = fields(source, name).unwrap_or_default();
        Section { path, about, keys }
    };
    SOURCES.into_iter().map(section).collect()
}

/// The doc comment of a struct, and of each of its public fields.
fn fields(source: &str, name: &str) -> Option<(String, Vec<Key>)> {
    let mut docs = String::new();
    let head = format!("pub struct {name} {{");
    let mut lines = source.lines().map(str::trim);
    loop {
        let line = lines.next()?;
        if line == head {
            break;
        }
        gather(line, &mut docs);
    }
    let about = std::mem::take(&mut docs);
    let mut keys = Vec::new();
    for line in lines.take_while(|line| *line != "}") {
        if let Some((name, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(':')) {
            keys.push(Key { name: name.to_owned(), about: std::mem::take(&mut docs) });
        } else {
            gather(line, &mut docs);
        }
    }
    Some((about, keys))
}

/// Adds a line of a doc comment; any other line but an attribute ends the comment.
fn gather(line: &str, docs: &mut String) {
    if let Some(text) = line.strip_prefix("///") {
        if !docs.is_empty() {
            docs.push(' ');
        }
        docs.push_str(text.trim());
    } else if !line.starts_with("#[") {
        docs.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use toml::Value;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn the_words_of_a_field_are_its_doc_comment() {
        let source = "/// Other.\npub struct A {}\n\n/// One\n/// two.\n#[derive(Debug)]\npub struct B {\n    /// Three.\n    #[serde(x)]\n    pub c: u8,\n    pub d: u8,\n}";
        let (about, keys) = fields(source, "B").unwrap();
        assert_eq!(about, "One two.");
        let key = |name: &str, about: &str| Key { name: name.to_owned(), about: about.to_owned() };
        assert_eq!(keys, [key("c", "Three."), key("d", "")]);
        assert_eq!(fields(source, "C"), None);
    }

    #[test]
    fn every_key_has_words_and_no_words_are_about_no_key() {
        let mut known = BTreeSet::new();
        keys(&Value::Table(Settings::default().table()), "", &mut known);
        let mut told = BTreeSet::new();
        for section in sections() {
            assert!(section.about.ends_with('.'), "{}", section.path);
            for key in section.keys {
                assert!(key.about.ends_with('.'), "{}.{}", section.path, key.name);
                assert!(!key.about.contains("[`"), "a link means nothing outside the code: {}", key.name);
                told.insert(format!("{}.{}", section.path, key.name));
            }
        }
        assert_eq!(told, known);
    }

    fn keys(value: &Value, path: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Table(table) => {
                for (key, value) in table {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    if value.is_table() && path.contains('.') {
                        into.insert(path.clone());
                    }
                    keys(value, &path, into);
                }
            }
            Value::Array(items) if path == NAMESPACE => keys(&items[0], path, into),
            _ => drop(into.insert(path.to_owned())),
        }
    }
}
