//! What was counted when someone last looked, kept in the tree: whoever makes something dearer says so in the same commit.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::comparison::Cases;
use super::count::{Counts, Tools};

const HEAD: &str = "\
# What the pure cores cost: instructions a round of each case of engine/benches/micro. Written by
# `cargo xtask instructions --write`; compared in every run of `cargo xtask test`, which fails when a case costs more than
# 5 % more. A commit that makes one dearer changes this file too, and says why.

";

/// The record.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    pub(super) tools: Tools,
    pub(super) cases: Cases,
}

impl Baseline {
    /// Of what was counted, to a tenth of an instruction.
    pub(super) fn new(counts: Counts) -> Self {
        let Counts { tools, mut cases } = counts;
        cases.values_mut().for_each(|count| *count = (*count * 10.0).round() / 10.0);
        Self { tools, cases }
    }

    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}: write it with `--write`", file.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = self.text()?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    fn text(&self) -> Result<String> {
        Ok(format!("{HEAD}{}", toml::to_string(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Tools {
        let [rustc, valgrind, libc, processor] = ["rustc 1", "valgrind-3", "2", "fast"].map(str::to_owned);
        Tools { rustc, valgrind, libc, processor }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let tools = tools();
        let cases = [("a/b".to_owned(), 12.34), ("c/d-10".to_owned(), 5.0)].into();
        let text = Baseline::new(Counts { tools: tools.clone(), cases }).text().unwrap();
        let read: Baseline = toml::from_str(&text).unwrap();
        assert_eq!(read.cases, [("a/b".to_owned(), 12.3), ("c/d-10".to_owned(), 5.0)].into());
        assert_eq!(read.tools.differences(&tools).count(), 0);
    }

    #[test]
    fn another_compiler_is_told() {
        let tools = tools();
        let later = Tools { rustc: "rustc 2".to_owned(), ..tools.clone() };
        let told: Vec<String> = tools.differences(&later).collect();
        assert_eq!(told, ["recorded with `rustc 1`, counted with `rustc 2`"]);
    }
}
