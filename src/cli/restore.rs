//! `fanfare restore`: the directory of a node, of a backup.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fanfare_engine::backup::{self, Contents, Restored};

/// Restore a backup into an empty directory, for `fanfare serve --data-dir`.
///
/// Topics keep their versions' offsets and begin new epochs: whoever comes back with a version of before is told that, and
/// takes a snapshot. Nothing of the directory can be used before all of the backup is restored and verified.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// What `fanfare backup` wrote.
    file: PathBuf,
    /// Where to: empty, or not there.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: PathBuf,
}

impl Restore {
    pub(super) fn run(self) -> Result<()> {
        crate::logging::of_a_client()?;
        let Restored { contents, topics, publications, namespaces } = backup::restore(&self.file, &self.data_dir)?;
        let Contents { bytes, version, .. } = contents;
        let dir = self.data_dir.display();
        writeln!(
            io::stdout(),
            "{dir}: {topics} topics with {publications} publications, {namespaces} namespaces, of {bytes} bytes that Fanfare {version} wrote"
        )?;
        Ok(())
    }
}
