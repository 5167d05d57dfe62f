//! `cargo xtask size`: what a browser has to load, gzipped, against the limits that `sdk-ts` states.

use anyhow::Result;

use crate::project::Project;

/// Measures; fails when a limit is exceeded.
pub(crate) fn run(project: &Project) -> Result<()> {
    project.npm(["run", "--silent", "size"]).run()
}
