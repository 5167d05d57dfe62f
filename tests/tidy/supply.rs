//! Where foreign code comes from and why: manifests, locks, and `docs/dependencies.md`, which has one
//! table row for each direct dependency.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use toml::{Table, Value};

use crate::blank::{Language, blanked, words};
use crate::tree::{Breach, File, Tree};

/// The page that gives each dependency its reason.
const PAGE: &str = "docs/dependencies.md";
/// The one source that a Rust lock may name.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A dependency as a manifest declares it.
pub(crate) struct Dependency {
    /// The package's name.
    pub(crate) name: String,
    /// The name by which code calls it.
    pub(crate) key: String,
}

/// Every dependency of every kind that a manifest declares; none when there is no such file.
pub(crate) fn dependencies(tree: &Tree, manifest: &str) -> Vec<Dependency> {
    let Some(table) = tree.file(manifest).map(parsed) else {
        return Vec::new();
    };
    let mut found = kinds(&table);
    for target in table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values) {
        found.extend(target.as_table().map(kinds).unwrap_or_default());
    }
    found
}

fn kinds(table: &Table) -> Vec<Dependency> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()).flat_map(declared).collect()
}

fn declared(table: &Table) -> Vec<Dependency> {
    let one = |(key, value): (&String, &Value)| {
        let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
        Dependency { name: package.to_owned(), key: key.replace('-', "_") }
    };
    table.iter().map(one).collect()
}

fn parsed(file: &File) -> Table {
    file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

fn manifests(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files().filter(|file| file.name() == "Cargo.toml")
}

/// Locks whose packages come from elsewhere than crates.io, or that name an address at all (npm's
/// `resolved`): a mirror's address would bind everyone to one machine's configuration.
pub(crate) fn locks(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.files().filter(|file| ["Cargo.lock", "package-lock.json"].contains(&file.name())) {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim();
            let source = line.strip_prefix("source = ").map(|source| source.trim_matches('"'));
            if let Some(source) = source.filter(|source| *source != CRATES_IO) {
                breaches.push(Breach::new(&file.path, index + 1, format!("`{source}` is not crates.io")));
            }
            if line.starts_with("\"resolved\"") {
                breaches.push(Breach::new(&file.path, index + 1, "names an address: npm needs only the hash"));
            }
        }
    }
    if tree.file("Cargo.lock").is_none() {
        breaches.push(Breach::new("Cargo.lock", 0, "the lock is missing"));
    }
    breaches
}

/// Dependencies without a row in `docs/dependencies.md`, rows without a dependency, and workspace
/// dependencies that no crate takes.
pub(crate) fn documented(tree: &Tree) -> Vec<Breach> {
    let page = tree.file(PAGE).map(|file| file.text.as_str()).unwrap_or_default();
    let mut breaches = Vec::new();
    for (section, declared) in [("## Rust", rust_names(tree)), ("## npm", npm_names(tree))] {
        let rows = rows(page, section);
        for name in declared.difference(&rows) {
            breaches.push(Breach::new(PAGE, 0, format!("`{name}` has no row under `{section}`")));
        }
        for name in rows.difference(&declared) {
            breaches.push(Breach::new(PAGE, 0, format!("`{name}` under `{section}` is no dependency")));
        }
    }
    let offered = tree.file("Cargo.toml").map(parsed).unwrap_or_default();
    let offered = offered.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    for Dependency { name, .. } in offered.and_then(Value::as_table).map(declared).unwrap_or_default() {
        let taken = manifests(tree).flat_map(|file| dependencies(tree, &file.path)).any(|taken| taken.name == name);
        if !taken {
            breaches.push(Breach::new("Cargo.toml", 0, format!("no crate takes the workspace dependency `{name}`")));
        }
    }
    breaches
}

fn rust_names(tree: &Tree) -> BTreeSet<String> {
    let all = manifests(tree).flat_map(|file| dependencies(tree, &file.path)).map(|dependency| dependency.name);
    all.filter(|name| !name.starts_with("fanfare-")).collect()
}

fn npm_names(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in tree.files().filter(|file| file.name() == "package.json") {
        let manifest: Json = serde_json::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        for kind in ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"] {
            names.extend(manifest[kind].as_object().into_iter().flat_map(|kind| kind.keys().cloned()));
        }
    }
    names
}

/// The backticked names in the first cells of a section's table rows.
fn rows(page: &str, section: &str) -> BTreeSet<String> {
    let inside = page.lines().skip_while(|line| *line != section).skip(1).take_while(|line| !line.starts_with("## "));
    inside.filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

/// Dependencies that no source of their package names; `exceptions` are needed for another reason.
pub(crate) fn unused(tree: &Tree, exceptions: &[(&str, &str)]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for manifest in manifests(tree) {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        let nested = |file: &&File| {
            folder.is_empty() && !["src/", "tests/", "benches/"].iter().any(|own| file.path.starts_with(own))
        };
        let texts: Vec<String> = tree
            .rust_below(folder)
            .filter(|file| !nested(file))
            .map(|file| blanked(&file.text, Language::Rust))
            .collect();
        let named: BTreeSet<&str> = texts.iter().flat_map(|text| words(text)).map(|(_, word)| word).collect();
        for Dependency { name, key } in dependencies(tree, &manifest.path) {
            let excused = exceptions.iter().any(|(excused, _)| *excused == name);
            if !named.contains(key.as_str()) && !excused {
                breaches.push(Breach::new(&manifest.path, 0, format!("no source names `{key}`: drop it")));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(breaches: &[Breach]) -> String {
        breaches.iter().map(|breach| format!("{breach}\n")).collect()
    }

    #[test]
    fn sources_other_than_the_public_registry_are_found_in_locks() {
        let lock = format!(
            "source = \"{CRATES_IO}\"\nsource = \"registry+https://mirror.example/index\"\nsource = \"git+https://example.org/x\"\n"
        );
        let npm = "  \"resolved\": \"https://mirror.example/x.tgz\",\n  \"integrity\": \"sha512-x\"\n";
        let breaches = locks(&Tree::planted(&[("Cargo.lock", &lock), ("sdk-ts/package-lock.json", npm)]));
        let lines: Vec<usize> = breaches.iter().map(|breach| breach.line).collect();
        assert_eq!(lines, [2, 3, 1], "{}", texts(&breaches));
        assert_eq!(locks(&Tree::planted(&[])).len(), 1, "a missing lock is a breach");
    }

    #[test]
    fn dependencies_without_a_row_and_rows_without_a_dependency_are_found() {
        let page = "## Rust\n| crate | why |\n| `bytes` | buffers |\n| `old` | gone |\n\n## npm\n| `ws` | sockets |\n";
        let tree = Tree::planted(&[
            (PAGE, page),
            (
                "Cargo.toml",
                "[workspace.dependencies]\nbytes = \"1\"\nidle = \"1\"\nfanfare-engine = \"1\"\n[dependencies]\nfanfare-engine.workspace = true",
            ),
            ("engine/Cargo.toml", "[dependencies]\nbytes.workspace = true\n[dev-dependencies]\nnew = \"1\""),
            ("sdk-ts/package.json", "{\"devDependencies\": {\"typescript\": \"6\"}}"),
        ]);
        let found = texts(&documented(&tree));
        for expected in
            ["`new` has no row", "`old` under", "`typescript` has no row", "`ws` under", "dependency `idle`"]
        {
            assert!(found.contains(expected), "{expected} in:\n{found}");
        }
        assert_eq!(found.lines().count(), 5, "{found}");
    }

    #[test]
    fn a_dependency_that_no_source_names_is_found_in_its_own_package() {
        let tree = Tree::planted(&[
            ("Cargo.toml", "[dependencies]\ntokio-util = \"1\"\nactix = \"1\""),
            ("src/main.rs", "use tokio_util::codec; // actix"),
            ("engine/Cargo.toml", "[dependencies]\nactix = \"1\"\nslab = \"1\"\nquiet = \"1\""),
            ("engine/src/a.rs", "#[derive(actix::Message)] struct A;"),
        ]);
        let found = texts(&unused(&tree, &[("quiet", "a test")]));
        assert_eq!(
            found,
            "Cargo.toml: no source names `actix`: drop it\nengine/Cargo.toml: no source names `slab`: drop it\n"
        );
    }
}
