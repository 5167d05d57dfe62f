//! `cargo xtask bundle`: builds the pages that the binary embeds. The result is committed, so that
//! `cargo run` needs nothing but Rust; `--check` builds it a second time beside it and compares.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::project::Project;

/// The committed bundle.
const COMMITTED: &str = "engine/assets";
/// Where `--check` builds; ignored by git.
const SCRATCH: &str = "target/xtask-bundle";

/// Builds the committed bundle anew.
pub(crate) fn write(project: &Project) -> Result<()> {
    build(project, &project.path(COMMITTED))
}

/// Fails when the committed bundle is not what the source builds to.
pub(crate) fn check(project: &Project) -> Result<()> {
    let scratch = project.path(SCRATCH);
    build(project, &scratch)?;
    let differences = differences(&project.path(COMMITTED), &scratch)?;
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "{COMMITTED} is not what the source builds to: run `cargo xtask bundle` and commit it ({})",
        differences.join(", ")
    );
}

/// Empties `out` first: a file that the source no longer builds must not stay.
fn build(project: &Project, out: &Path) -> Result<()> {
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let out = out.to_str().context("the path of the project is not UTF-8")?;
    project.npm(["run", "--silent", "bundle", "--", "--out", out]).run()
}

/// One short remark for each file that is not the same on both sides.
fn differences(committed: &Path, built: &Path) -> Result<Vec<String>> {
    let (committed, built) = (files(committed)?, files(built)?);
    if built.is_empty() {
        bail!("the source builds to no file at all");
    }
    let mut remarks = Vec::new();
    for (path, content) in &built {
        match committed.get(path) {
            None => remarks.push(format!("{} is missing", path.display())),
            Some(other) if other != content => remarks.push(format!("{} differs", path.display())),
            Some(_) => {}
        }
    }
    for path in committed.keys().filter(|path| !built.contains_key(*path)) {
        remarks.push(format!("{} is no longer built", path.display()));
    }
    Ok(remarks)
}

/// Every file below `dir` by its relative path.
fn files(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(current) = pending.pop() {
        let entries = fs::read_dir(&current).with_context(|| format!("cannot read {}", current.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.insert(path.strip_prefix(dir)?.to_owned(), content);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two directories in cargo's scratch space for this package, of the given files.
    fn compare(name: &str, committed: &[(&str, &str)], built: &[(&str, &str)]) -> Result<Vec<String>> {
        let base = std::env::temp_dir().join(format!("fanfare-xtask-{}-{name}", std::process::id()));
        for (side, files) in [("committed", committed), ("built", built)] {
            fs::create_dir_all(base.join(side))?;
            for (path, content) in files {
                let path = base.join(side).join(path);
                fs::create_dir_all(path.parent().unwrap())?;
                fs::write(path, content)?;
            }
        }
        let remarks = differences(&base.join("committed"), &base.join("built"));
        fs::remove_dir_all(base)?;
        remarks
    }

    #[test]
    fn equal_bundles_have_no_differences() {
        let files = [("demo/chat/index.html", "a"), ("sdk.js", "b")];
        assert_eq!(compare("equal", &files, &files).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_changed_a_missing_and_a_leftover_file_are_each_named() {
        let committed = [("a.js", "old"), ("gone/c.js", "c")];
        let built = [("a.js", "new"), ("b.js", "b")];
        let remarks = compare("changed", &committed, &built).unwrap();
        assert_eq!(remarks, ["a.js differs", "b.js is missing", "gone/c.js is no longer built"]);
    }

    #[test]
    fn a_build_of_nothing_is_no_match_for_nothing() {
        assert!(compare("nothing", &[], &[]).is_err());
    }
}
