//! What is generated, from what, and whether the committed file still says the same.

use std::fs;

use anyhow::{Context, Result, bail};

use super::{docs, sources, typescript};
use crate::project::Project;

/// A file that is made, never edited.
struct Generated {
    path: &'static str,
    text: String,
}

/// Writes every generated file that is not up to date.
pub(crate) fn write(project: &Project) -> Result<()> {
    for file in all(project)? {
        let path = project.path(file.path);
        if fs::read_to_string(&path).is_ok_and(|old| old == file.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, file.text).with_context(|| format!("cannot write {}", file.path))?;
        println!("wrote {}", file.path);
    }
    Ok(())
}

/// Fails when a generated file is not what its source says.
pub(crate) fn check(project: &Project) -> Result<()> {
    let mut stale = Vec::new();
    for file in all(project)? {
        let old = fs::read_to_string(project.path(file.path)).unwrap_or_default();
        stale.extend(first_difference(&old, &file.text).map(|line| format!("{}:{line}", file.path)));
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("out of date: {}: run `cargo xtask codegen` and commit the result", stale.join(", "));
}

/// Every generated file as it should be.
fn all(project: &Project) -> Result<Vec<Generated>> {
    let codes: sources::Codes = sources::catalogue(project, "codes")?;
    let rows = codes.code.iter().map(|code| typescript::CodeRow {
        number: code.number,
        name: &code.name,
        message: &code.message,
    });
    Ok(vec![
        Generated { path: "docs/errors.md", text: docs::errors_md() },
        Generated { path: "docs/metrics.md", text: docs::metrics_md() },
        Generated { path: "sdk-ts/src/generated/codes.ts", text: typescript::codes_ts(rows) },
        Generated {
            path: "sdk-ts/src/generated/messages.ts",
            text: typescript::messages_ts(&sources::descriptors(project)?),
        },
    ])
}

/// The line at which two texts part, from 1; none when they are equal.
fn first_difference(old: &str, new: &str) -> Option<usize> {
    if old == new {
        return None;
    }
    let same = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_text_is_found_at_the_line_where_it_parts() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\nb\n", "a\n"), Some(2));
        assert_eq!(first_difference("a", "a\n"), Some(2));
    }
}
