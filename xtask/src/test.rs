//! `cargo xtask test`: every gate and every test of the project, in the order that finds the cheapest
//! mistake first. Ends with a table of the steps and one line of totals.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::project::Project;
use crate::step::{Outcome, select, shown};
use crate::steps::STEPS;
use crate::tally::Tally;

/// What to run, and how far.
#[derive(Args)]
pub(crate) struct Options {
    /// Run this step and what it needs; may be repeated
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Run all steps even when one fails
    #[arg(long)]
    keep_going: bool,
    /// Show the steps and run none
    #[arg(long)]
    list: bool,
}

/// Runs the selected steps; whether all of them passed.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let selected = select(&STEPS, &options.only)?;
    if options.list {
        for step in selected {
            println!("{:<12} {}", step.name, step.title);
        }
        return Ok(true);
    }
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in selected {
        let stop = !options.keep_going && outcomes.iter().any(Outcome::is_failure);
        outcomes.push(if stop { Outcome::not_run(step) } else { step.run(project, &mut tally) });
    }
    println!("\n== summary");
    for outcome in &outcomes {
        println!("{outcome}");
    }
    println!("{:<12} {:<8} {:>8}\n", "total", "", shown(start.elapsed()));
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.is_failure()).collect();
    for outcome in &failed {
        println!("the step `{}` failed: its output above says why", outcome.name());
    }
    // The last line is for those who read only that.
    println!("{} passed, {} failed", tally.passed(), tally.failed());
    Ok(failed.is_empty())
}
