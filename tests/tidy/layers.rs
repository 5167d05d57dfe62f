//! Levels between crates: who may import whom, and what a crate must never see. Reads the manifests,
//! the `use` lines and the paths in code; tests are bound by the manifests alone.

use crate::paths::{Named, named};
use crate::supply::{Dependency, dependencies};
use crate::tree::{Breach, Tree};

/// One crate's place.
pub(crate) struct Layer {
    /// Where its manifest and its `src` lie; the root package is `src/`.
    pub(crate) folder: &'static str,
    /// Crates of the workspace that it may use.
    pub(crate) ours: &'static [&'static str],
    /// What it must never see.
    pub(crate) never: &'static [&'static str],
}

impl Layer {
    fn manifest(&self) -> String {
        if self.folder == "src/" { "Cargo.toml".to_owned() } else { format!("{}Cargo.toml", self.folder) }
    }

    fn sources(&self) -> String {
        if self.folder == "src/" { "src/".to_owned() } else { format!("{}src/", self.folder) }
    }
}

/// Breaches of the levels between crates. A layer without files is a breach too: it would never fail.
pub(crate) fn crates(tree: &Tree, layers: &[Layer], only_in: &[(&str, &str)]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for layer in layers {
        let (manifest, sources) = (layer.manifest(), layer.sources());
        for Dependency { name, .. } in dependencies(tree, &manifest) {
            if name.starts_with("fanfare-") && !layer.ours.contains(&name.as_str()) {
                breaches.push(Breach::new(&manifest, 0, format!("`{name}` is not below this crate")));
            }
            if layer.never.iter().any(|never| matches(never, &name)) {
                breaches.push(Breach::new(&manifest, 0, format!("this layer must never see `{name}`")));
            }
        }
        let mut files = tree.rust_below(&sources).peekable();
        if files.peek().is_none() {
            breaches.push(Breach::new(&sources, 0, "the table of layers names it, but there is nothing"));
        }
        for file in files.filter(|file| !file.is_test()) {
            for Named { line, path } in named(file) {
                let root = path.split("::").next().unwrap_or_default().replace('_', "-");
                if root.starts_with("fanfare-") && !layer.ours.contains(&root.as_str()) {
                    breaches.push(Breach::new(&file.path, line, format!("`{root}` is not below this crate")));
                }
                if layer.never.iter().any(|never| matches(never, &path)) {
                    breaches.push(Breach::new(&file.path, line, format!("this layer must never see `{path}`")));
                }
            }
        }
    }
    for (root, home) in only_in {
        for file in tree.rust_below("").filter(|file| !file.path.starts_with(home) && !file.is_test()) {
            for Named { line, path } in named(file).into_iter().filter(|named| matches(root, &named.path)) {
                breaches.push(Breach::new(&file.path, line, format!("only {home} may name `{path}`")));
            }
        }
    }
    breaches
}

/// Whether a crate's name or a path falls under a pattern: equal, below it, or `*` its beginning.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let path = path.replace('-', "_");
    let pattern = pattern.replace('-', "_");
    match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path.strip_prefix(&pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: [Layer; 2] = [
        Layer { folder: "protocol/", ours: &[], never: &["tokio*", "std::time::Instant"] },
        Layer { folder: "src/", ours: &["fanfare-protocol"], never: &[] },
    ];

    fn found_in_crates(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let clean = [("protocol/src/lib.rs", ""), ("src/main.rs", "")];
        let files: Vec<_> = clean
            .into_iter()
            .filter(|clean| files.iter().all(|file| file.0 != clean.0))
            .chain(files.iter().copied())
            .collect();
        let breaches = crates(&Tree::planted(&files), &LAYERS, &[("openraft", "cluster/src/raft/")]);
        breaches.into_iter().map(|breach| (breach.path, breach.line)).collect()
    }

    #[test]
    fn a_forbidden_crate_is_found_in_the_manifest() {
        let manifest = "[dependencies]\ntokio-util.workspace = true\n[dev-dependencies]\nfanfare-engine.workspace = true\n\
                        [target.'cfg(unix)'.dependencies]\nquick = { package = \"tokio\", version = \"1\" }";
        let found = found_in_crates(&[("protocol/Cargo.toml", manifest)]);
        assert_eq!(found, vec![("protocol/Cargo.toml".to_owned(), 0); 3]);
        assert_eq!(
            found_in_crates(&[("Cargo.toml", "[dependencies]\nfanfare-protocol.workspace = true\ntokio = \"1\"")]),
            []
        );
    }

    #[test]
    fn a_forbidden_path_is_found_in_the_code_of_its_layer_only() {
        let code = "//! tokio::net\nuse std::time::{Duration, Instant};\nfn f() { tokio::spawn(g()) }\n#[cfg(test)]\nmod tests { use tokio::x; }";
        let found = found_in_crates(&[("protocol/src/a.rs", code), ("src/main.rs", code)]);
        assert_eq!(found, [("protocol/src/a.rs".to_owned(), 2), ("protocol/src/a.rs".to_owned(), 3)]);
    }

    #[test]
    fn an_arrow_that_points_up_is_found_in_code() {
        let found = found_in_crates(&[("src/main.rs", "use fanfare_engine::Node;\nuse fanfare_protocol::Code;")]);
        assert_eq!(found, [("src/main.rs".to_owned(), 1)]);
    }

    #[test]
    fn a_crate_of_one_room_is_found_outside_it() {
        let found = found_in_crates(&[
            ("cluster/src/raft/a.rs", "use openraft::Raft;"),
            ("cluster/src/b.rs", "use openraft::Raft;"),
        ]);
        assert_eq!(found, [("cluster/src/b.rs".to_owned(), 1)]);
    }

    #[test]
    fn a_layer_without_files_is_a_breach() {
        let breaches = crates(&Tree::planted(&[("src/main.rs", "")]), &LAYERS, &[]);
        assert_eq!(breaches.len(), 1, "{breaches:?}");
    }
}
