//! The files that the checks look at: all text of the working copy that git does not ignore, or, in
//! the checks' own tests, a few planted files.

use std::fmt;
use std::path::{Path, PathBuf};

/// One text file.
pub(crate) struct File {
    /// From the root, with `/` between the parts.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

impl File {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the name ends in `.` and one of these.
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = self.name().rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| extensions.contains(&extension))
    }

    /// Tests and their helpers: they may be long, print, and name any path.
    pub(crate) fn is_test(&self) -> bool {
        let folders = ["tests/", "benches/"];
        let inside = |folder: &str| self.path.starts_with(folder) || self.path.contains(&format!("/{folder}"));
        let names = [".test.ts", ".test.tsx", ".test.mjs", "_test.rs", "_tests.rs"];
        folders.iter().any(|folder| inside(folder))
            || ["sdk-ts/test/", "sdk-ts/e2e/"].iter().any(|folder| self.path.starts_with(folder))
            || self.name() == "tests.rs"
            || names.iter().any(|name| self.name().ends_with(name))
    }

    /// Files that a tool writes. A generated source says so in its first lines.
    pub(crate) fn is_generated(&self) -> bool {
        let locks = ["Cargo.lock", "package-lock.json"];
        locks.contains(&self.name())
            || self.path.starts_with("engine/assets/")
            || self.text.lines().take(3).any(|line| line.contains("do not edit"))
    }
}

/// A breach of a rule, with the place to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub(crate) path: String,
    /// From 1; 0 when it is about the file as a whole.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Breach {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// A set of files, by path.
pub(crate) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// The working copy.
    pub(crate) fn of_project() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ignored = std::fs::read_to_string(root.join(".gitignore")).expect("there is a .gitignore");
        let ignored: Vec<&str> = ignored.lines().filter(|line| !line.is_empty()).collect();
        let mut files = Vec::new();
        let mut pending = vec![PathBuf::new()];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(root.join(&folder)).expect("a listed folder can be read") {
                let entry = entry.expect("a folder's entries can be read");
                let relative = folder.join(entry.file_name());
                let path = relative.to_str().expect("paths are UTF-8").replace('\\', "/");
                if path == ".git" || is_ignored(&ignored, &path) {
                    continue;
                }
                if entry.path().is_dir() {
                    pending.push(relative);
                } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                    files.push(File { path, text });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// A tree of the given paths and texts.
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: path.to_string(), text: text.to_string() };
        Self { files: files.iter().map(file).collect() }
    }

    /// All files, or those of the tree.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The file at this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Rust sources below a folder (`""` for all).
    pub(crate) fn rust_below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a File> {
        self.files().filter(move |file| file.path.starts_with(folder) && file.has_extension(&["rs"]))
    }
}

/// Whether git ignores the path: the two forms that our `.gitignore` uses, `/path/from/root` and
/// a bare name at any depth.
fn is_ignored(ignored: &[&str], path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ignored.iter().any(|rule| match rule.strip_prefix('/') {
        Some(anchored) => path == anchored.trim_end_matches('/'),
        None => name == rule.trim_end_matches('/'),
    })
}

#[test]
fn what_git_ignores_is_not_looked_at() {
    let ignored = ["/target", "node_modules", "/sdk-ts/dist"];
    for path in ["target", "sdk-ts/node_modules", "sdk-ts/dist"] {
        assert!(is_ignored(&ignored, path), "{path}");
    }
    for path in ["src/target", "sdk-ts", "dist", "sdk-ts/node_modules_of_ours"] {
        assert!(!is_ignored(&ignored, path), "{path}");
    }
}

#[test]
fn the_working_copy_is_read_without_its_ignored_folders() {
    let tree = Tree::of_project();
    assert!(tree.file("Cargo.toml").is_some());
    assert!(tree.file("tests/tidy/tree.rs").is_some());
    assert!(tree.files().all(|file| !file.path.starts_with("target/")));
    assert!(tree.files().all(|file| !file.path.contains("node_modules/")));
}

#[test]
fn tests_and_generated_files_are_told_from_sources() {
    let tree = Tree::planted(&[
        ("engine/src/topic/tests.rs", ""),
        ("tests/harness/mod.rs", ""),
        ("sdk-ts/src/watch.test.ts", ""),
        ("sdk-ts/e2e/chat.mjs", ""),
    ]);
    assert!(tree.files().all(File::is_test));
    let tree = Tree::planted(&[("engine/src/topic/tail.rs", ""), ("sdk-ts/src/watch.ts", "")]);
    assert!(!tree.files().any(File::is_test));
    let tree =
        Tree::planted(&[("sdk-ts/src/code.ts", "// Generated from codes.toml; do not edit.\n"), ("Cargo.lock", "")]);
    assert!(tree.files().all(File::is_generated));
    assert!(!tree.files().any(File::is_test));
}
