//! `cargo xtask bench-peers`: Fanfare beside other servers, on equal terms. Each server has one core and the load generator
//! (`fanfare bench`) another one; they are measured in turn, A B A B, each run on a server that was just started; what comes
//! out is a table. The servers are in `benches/peers/`.

mod install;
mod load;
mod roster;
mod server;
mod table;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::project::Project;
use install::Workshop;
use load::{Load, Outcome};
use roster::PEERS;
use table::Table;

/// Fewer runs than this say nothing of their spread.
const ROUNDS: usize = 3;

/// What is measured, and how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Small and short, with the debug build: whether all of it runs, not what it costs
    #[arg(long)]
    quick: bool,
    /// Only these, by name
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each is measured [default: 3, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: Option<u16>,
}

/// Runs all and prints the table; a whole run puts it into `benches/RESULTS.md` too. Whether every server that was asked for
/// was there, and lost nothing.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    for name in &options.only {
        let names: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
        ensure!(names.contains(&name.as_str()), "no server is called `{name}`: take some of {}", names.join(", "));
    }
    let cores = std::thread::available_parallelism().context("the number of cores is not known")?.get();
    ensure!(cores >= 2, "server and load need a core each: run this on a machine with at least two");
    let rounds = options.rounds.map_or(if options.quick { 1 } else { ROUNDS }, usize::from);
    let workshop = Workshop::new(project, options.quick)?;
    let mut table = Table::new(rounds, options.quick);
    let mut ready = Vec::new();
    for peer in PEERS.iter().filter(|peer| options.only.is_empty() || options.only.iter().any(|name| name == peer.name))
    {
        println!("== {}: is made ready", peer.name);
        match workshop.prepare(peer) {
            Ok(prepared) => {
                table.row(peer, prepared.version.clone());
                ready.push((peer, prepared));
            }
            Err(error) => {
                println!("{}: {error:#}", peer.name);
                table.missing(peer, &error);
            }
        }
    }
    for load in Load::all(options.quick) {
        for round in 1..=rounds {
            for (peer, prepared) in ready.iter().filter(|(peer, _)| peer.takes_part(&load)) {
                println!("== {}, {round} of {rounds}: {}", load.title, peer.name);
                match load.run(&workshop, peer, prepared) {
                    Ok(outcome) => {
                        report(&load, &outcome);
                        table.enter(peer, &load, outcome);
                    }
                    Err(error) => {
                        println!("{}: {error:#}", peer.name);
                        table.failed(peer, &load, &error);
                    }
                }
            }
        }
    }
    let sends = workshop.loopback_sends().inspect_err(|error| println!("the bare cost of a send: {error:#}"));
    let text = table.text(project, &sends.unwrap_or_default())?;
    println!("\n{text}");
    let file = workshop.place().join("table.md");
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    if !options.quick && options.only.is_empty() {
        table::put_into(&project.path("benches/RESULTS.md"), &text)?;
    }
    Ok(table.is_whole())
}

fn report(load: &Load, outcome: &Outcome) {
    for (figure, value) in load.figures.iter().zip(&outcome.values) {
        let value = value.map_or("not measured".to_owned(), |value| format!("{value:.3}"));
        println!("   {}: {value}", figure.name);
    }
    for warning in &outcome.warnings {
        println!("   {warning}");
    }
}
