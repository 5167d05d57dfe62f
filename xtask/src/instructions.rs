//! `cargo xtask instructions`: what the pure cores cost, in instructions, beside what `benches/instructions.toml` has recorded or
//! beside another commit. Instructions do not depend on what else the machine does: the same source gives the same counts,
//! so that five in a hundred more is a change of the code and no noise. The cases are those of `engine/benches/micro`.
//!
//! Counted under callgrind, which runs them on a processor of its own making: of its kind, but not of its speed. What chooses its
//! code by the processor (`memchr`, `crc32fast`, `memcpy` of the C library) chooses what that one can, which depends on whether the real one
//! has AVX2; the allocator is that of the C library. So a record is of the kind of machine and the tools that are named in it, and
//! on others it is shown and not held.

mod baseline;
mod comparison;
mod count;
mod revision;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::project::Project;
use baseline::Baseline;
use comparison::Comparison;
use count::{Build, Counts};
use revision::Revision;

/// What is recorded, in the working copy.
const RECORD: &str = "benches/instructions.toml";

/// What to compare with.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Record what is counted, instead of comparing it with the record
    #[arg(long)]
    write: bool,
    /// Compare with this commit, instead of with the record
    #[arg(long, value_name = "COMMIT", conflicts_with = "write")]
    against: Option<String>,
}

/// Whether the counts of this machine can be compared with recorded ones.
pub(crate) const fn is_countable() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// Counts and compares; whether nothing costs too much more.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    if !is_countable() {
        println!("instructions are counted on Linux on x86-64 alone: nothing to compare here");
        return Ok(true);
    }
    crate::install::valgrind(project)?;
    let place = project.target()?.join("instructions");
    std::fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    let record = project.path(RECORD);
    let here = Build::of(project, project, &place.join("here"))?;
    if let Some(commit) = &options.against {
        let revision = Revision::check_out(project, commit, &place)?;
        let there = Build::of(project, revision.copy(), &place.join("there"))?;
        let (there, here) = (Counts::of(project, &there)?, Counts::of(project, &here)?);
        return Ok(show(&Comparison::new(there.cases, here.cases), revision.name()));
    }
    let counts = Counts::of(project, &here)?;
    if options.write {
        Baseline::new(counts).write(&record)?;
        println!("{RECORD} is written: commit it together with what changed it");
        return Ok(true);
    }
    let baseline = Baseline::read(&record)?;
    let differences: Vec<String> = baseline.tools.differences(&counts.tools).collect();
    let is_good = show(&Comparison::new(baseline.cases, counts.cases), "recorded");
    if !differences.is_empty() {
        // Another compiler makes other counts of the same source, and would blame whoever changed nothing.
        println!("{}: nobody is held to this; `--against COMMIT` compares with these tools", differences.join(", "));
        return Ok(true);
    }
    if !is_good {
        println!(
            "if that is worth its price, run `cargo xtask instructions --write` and commit {RECORD} with it; where it is spent \
             tells `callgrind_annotate {}/CASE.out`",
            place.join("here").display()
        );
    }
    Ok(is_good)
}

fn show(comparison: &Comparison, before: &str) -> bool {
    println!("{}", comparison.table(before));
    comparison.is_good()
}
