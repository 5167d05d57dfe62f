//! The project's own commands, `cargo xtask …`: everything a contributor or CI runs, in one place.
//!
//! One file per command; [`step`] is what `test` is made of, [`tool`] starts what it needs and
//! [`tally`] counts what the runners report. Nothing here is part of the product.

mod bundle;
mod codegen;
mod crash;
mod install;
mod instructions;
mod peers;
mod project;
mod size;
mod step;
mod steps;
mod tally;
mod test;
mod tool;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::project::Project;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, run every gate and every test
    Test(test::Options),
    /// Write the files that are generated from the catalogues
    Codegen(Mode),
    /// Build the pages that the binary embeds, into engine/assets
    Bundle(Mode),
    /// Measure what a browser loads against its limit
    Size,
    /// Cut the power and kill the process under load, at full size
    Crash(crash::Options),
    /// Count what the pure cores cost, beside what is recorded or another commit
    Instructions(instructions::Options),
    /// Measure Fanfare beside other servers
    BenchPeers(peers::Options),
}

#[derive(Args)]
struct Mode {
    /// Write nothing, fail if something is not up to date
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well; what is not has been said by then.
fn run(command: Command) -> Result<bool> {
    let project = Project::find()?;
    match command {
        Command::Test(options) => return test::run(&project, &options),
        Command::Instructions(options) => return instructions::run(&project, &options),
        Command::BenchPeers(options) => return peers::run(&project, &options),
        Command::Codegen(Mode { check: true }) => codegen::check(&project)?,
        Command::Codegen(Mode { check: false }) => codegen::write(&project)?,
        Command::Bundle(Mode { check: true }) => bundle::check(&project)?,
        Command::Bundle(Mode { check: false }) => bundle::write(&project)?,
        Command::Size => size::run(&project)?,
        Command::Crash(options) => crash::run(&project, &options)?,
    }
    Ok(true)
}
