//! Another commit, in a working copy of its own for as long as it is looked at.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::project::Project;

/// See the module.
pub(super) struct Revision<'p> {
    project: &'p Project,
    copy: Project,
    place: PathBuf,
    name: String,
}

impl<'p> Revision<'p> {
    /// Checks a commit out below `place`.
    pub(super) fn check_out(project: &'p Project, commit: &str, place: &Path) -> Result<Self> {
        let wanted = format!("{commit}^{{commit}}");
        let hash = project.tool("git", ["rev-parse", "--verify", "--quiet", "--short=12", &wanted]).output();
        let hash = hash.with_context(|| format!("`{commit}` names no commit of this working copy"))?;
        let name = String::from_utf8(hash)?.trim().to_owned();
        let place = place.join(&name);
        let revision = Self { project, copy: Project::elsewhere(place.clone()), place, name };
        // What a run that was killed left behind.
        revision.remove();
        let path = revision.place.to_str().context("a path of this project is no text")?;
        project.tool("git", ["worktree", "add", "--quiet", "--force", "--detach", path, &revision.name]).run()?;
        Ok(revision)
    }

    /// Its files.
    pub(super) fn copy(&self) -> &Project {
        &self.copy
    }

    /// Its short hash.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn remove(&self) {
        if let Some(path) = self.place.to_str().filter(|_| self.place.exists()) {
            // If it stays, the next run removes it.
            let _ = self.project.tool("git", ["worktree", "remove", "--force", path]).run();
        }
    }
}

impl Drop for Revision<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}
