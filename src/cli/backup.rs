//! `fanfare backup`: a consistent copy of what a running node keeps.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use fanfare_engine::backup::{Contents, Reader};

use super::node::{Node, block_on};

/// Where a node gives it.
const PATH: &str = "/v1/admin/backup";

/// Take a backup of a running node, on the node's own machine.
///
/// It holds every topic and namespace with all that was acknowledged before the command was started, and is verified as it
/// comes. Publishing goes on meanwhile. Ephemeral topics are not part of it. `fanfare restore` makes a node of it.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Where to; written as FILE.partial until it is whole.
    file: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    node: Node,
}

impl Backup {
    pub(super) fn run(self) -> Result<()> {
        block_on(self.take())
    }

    async fn take(self) -> Result<()> {
        let Self { file, force, node } = self;
        if !force && exists(&file)? {
            bail!("`{}` is there already: name another file, or replace it with --force", file.display());
        }
        let partial = Partial::beside(&file)?;
        let contents = download(&node, &partial).await?;
        if !force && exists(&file)? {
            bail!("`{}` has come to be there meanwhile: name another file, or replace it with --force", file.display());
        }
        partial.become_whole(&file)?;
        writeln!(io::stdout(), "{}: {} bytes, {} shards", file.display(), contents.bytes, contents.shards)?;
        Ok(())
    }
}

async fn download(node: &Node, partial: &Partial) -> Result<Contents> {
    let mut response = node.download(PATH).await?;
    let mut reader = Reader::new();
    while let Some(bytes) = response.chunk().await.context("the node broke off in the middle; take it again")? {
        // First, so that the file tells more than the sentence.
        (&partial.file).write_all(&bytes).with_context(|| partial.failed("write"))?;
        reader.read(&bytes).context("what the node sends cannot be kept")?;
    }
    reader.finish().context("what the node sent cannot be kept")
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().with_context(|| format!("cannot look at `{}`", path.display()))
}

/// A file that is not whole yet, and nobody else's. Removed unless it becomes so.
struct Partial {
    path: PathBuf,
    file: File,
    is_whole: bool,
}

impl Partial {
    fn beside(file: &Path) -> Result<Self> {
        let mut path = file.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let opened = opened.with_context(|| format!("cannot create `{}`", path.display()))?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("`{}` is being written by another backup", path.display()),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
            }
        }
        // What an interrupted one left.
        opened.set_len(0).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path, file: opened, is_whole: false })
    }

    /// Durable when it returns.
    fn become_whole(mut self, file: &Path) -> Result<()> {
        self.file.sync_all().with_context(|| self.failed("sync"))?;
        fs::rename(&self.path, file).with_context(|| self.failed("rename"))?;
        self.is_whole = true;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.with_context(|| format!("cannot sync `{}`", folder.display()))
    }

    fn failed(&self, verb: &str) -> String {
        format!("cannot {verb} `{}`", self.path.display())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = fs::remove_file(&self.path);
        }
    }
}
