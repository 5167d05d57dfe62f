//! Where the project lies, and what its parts are called.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::tool::Tool;

/// The working copy.
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// The working copy that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned);
        let root = root.filter(|root| root.join("Cargo.lock").is_file());
        let root = root.context("the project has moved since xtask was built: touch xtask/src/main.rs")?;
        Ok(Self { root })
    }

    /// Another working copy, of another commit.
    pub(crate) fn elsewhere(root: PathBuf) -> Self {
        Self { root }
    }

    /// A path of the working copy.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo puts what it makes.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let metadata = self.cargo(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        let metadata: serde_json::Value =
            serde_json::from_slice(&metadata).context("cargo metadata printed no JSON")?;
        metadata["target_directory"].as_str().map(PathBuf::from).context("cargo metadata names no target directory")
    }

    /// The binary that all tests share, as the build step leaves it.
    pub(crate) fn binary(&self) -> Result<PathBuf> {
        let name = format!("fanfare{}", std::env::consts::EXE_SUFFIX);
        let binary = self.target()?.join("debug").join(name);
        if !binary.is_file() {
            bail!("{} is missing: run `cargo xtask test --only build`", binary.display());
        }
        Ok(binary)
    }

    /// A cargo command, run by the same cargo that runs us.
    pub(crate) fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Tool {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Tool::new("cargo", &cargo, &self.root, args)
    }

    /// An npm command inside `sdk-ts`.
    pub(crate) fn npm<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Tool {
        Tool::new("npm", "npm".as_ref(), &self.path("sdk-ts"), args)
    }

    /// Any other command, at the root.
    pub(crate) fn tool<'a>(&self, name: &str, args: impl IntoIterator<Item = &'a str>) -> Tool {
        Tool::new(name, name.as_ref(), &self.root, args)
    }
}
