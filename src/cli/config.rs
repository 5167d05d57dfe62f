//! `fanfare config`: what is wrong with a file, and what one looks like.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use fanfare_engine::config::{Config as Checked, File, Sources, example};

/// Check a configuration file, or print an example of one.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Say what is wrong with a file, and at which line.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print a commented file with every key and its default.
    Example,
}

impl Config {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Check { file } => check(&file),
            Self::Example => Ok(io::stdout().write_all(example().as_bytes())?),
        }
    }
}

/// Reads a file without judging it.
pub(super) fn read(path: &Path) -> Result<File> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the configuration `{name}`"))?;
    Ok(File { name, text })
}

fn check(path: &Path) -> Result<()> {
    let file = read(path)?;
    let name = file.name.clone();
    let config = Checked::load(Sources { file: Some(file), ..Sources::default() })?;
    let mut out = io::stdout();
    writeln!(out, "{name}: nothing is wrong")?;
    if let Err(exposed) = config.exposure() {
        writeln!(out, "{name}: a node will not start with it by itself: {exposed}")?;
    }
    Ok(())
}
