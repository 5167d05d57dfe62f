//! `cargo xtask crash`: power cuts and kills under the real binary, as many as a release has to survive. Among the other
//! tests a few run; these take some twenty minutes. Their tables are printed as they are done.

use anyhow::Result;
use clap::Args;

use crate::project::Project;
use crate::tally::{Runner, Tally};

/// How much is to be survived.
#[derive(Args)]
pub(crate) struct Options {
    /// Power cuts
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    points: u32,
    /// Kills of the process
    #[arg(long, value_name = "COUNT", default_value_t = 30)]
    kills: u32,
    /// Where chance begins: another seed strikes at other places
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs both; fails when a promise was broken, and when a test is not found by its name any more.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let seed = options.seed.to_string();
    let mut tally = Tally::default();
    for (variable, count, test) in [
        ("FANFARE_CRASH_POINTS", options.points, "reordered_by_a_power_cut"),
        ("FANFARE_CRASH_KILLS", options.kills, "reordered_by_a_kill"),
    ] {
        let tests = project.cargo(["test", "--test", "crash", test, "--", "--nocapture"]);
        let tests = tests.env(variable, count.to_string()).env("FANFARE_CRASH_SEED", &seed);
        tests.count(Runner::Cargo, &mut tally)?;
    }
    Ok(())
}
