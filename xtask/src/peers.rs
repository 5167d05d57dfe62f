//! `cargo xtask bench-peers`: Fanfare beside other servers, on equal terms. Each server has one core and the load generator
//! (`fanfare bench`) another one; they are measured in turn, A B A B, each run on a server that was just started; what comes
//! out are tables and plots. The servers are in `benches/peers/`.

mod goals;
mod install;
mod load;
mod page;
mod plot;
mod results;
mod roster;
mod server;
mod spread;
mod table;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::project::Project;
use install::Workshop;
use load::{Load, Outcome};
use roster::{PEERS, Peer};
use table::{PLOTS, Table};

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
    /// Only these loads, by name
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    loads: Vec<String>,
    /// How often each is measured [default: 3, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: Option<u16>,
}

/// Runs all and prints the table; a whole run puts it into `benches/RESULTS.md` too. Whether every server that was asked for
/// was there, and lost nothing.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let peers: Vec<&'static Peer> = chosen(&PEERS, |peer| peer.name, &options.only)?;
    let all = Load::all(options.quick);
    let loads = chosen(&all, |load| load.name, &options.loads)?;
    let cores = std::thread::available_parallelism().context("the number of cores is not known")?.get();
    ensure!(cores >= 2, "server and load need a core each: run this on a machine with at least two");
    let rounds = options.rounds.map_or(if options.quick { 1 } else { ROUNDS }, usize::from);
    let workshop = Workshop::new(project, options.quick)?;
    let mut table = Table::new(rounds, options.quick);
    let mut ready = Vec::new();
    for peer in peers {
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
    for load in &loads {
        for round in 1..=rounds {
            for (peer, prepared) in ready.iter().filter(|(peer, _)| peer.takes_part(load)) {
                println!("== {}, {round} of {rounds}: {}", load.title, peer.name);
                match load.run(&workshop, peer, prepared) {
                    Ok(outcome) => {
                        report(load, &outcome);
                        table.enter(peer, load, round, outcome);
                    }
                    Err(error) => {
                        println!("{}: {error:#}", peer.name);
                        table.failed(peer, load, &error);
                    }
                }
            }
        }
    }
    println!("== the bare cost of a send");
    for _ in 1..=rounds {
        table.enter_sends(workshop.loopback_sends()?);
    }
    let text = table.text(project, &loads)?;
    println!("\n{text}");
    let file = workshop.place().join("table.md");
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    table.plot(&loads, &workshop.place().join(PLOTS))?;
    if !options.quick && options.only.is_empty() && options.loads.is_empty() {
        table.plot(&loads, &project.path("benches").join(PLOTS))?;
        page::put_into(&project.path("benches/RESULTS.md"), &text)?;
    }
    Ok(table.is_whole())
}

/// Those that are named, in their own order; all when none is.
fn chosen<'a, T>(all: &'a [T], name: impl Fn(&T) -> &'static str, wanted: &[String]) -> Result<Vec<&'a T>> {
    for one in wanted {
        let names: Vec<&str> = all.iter().map(&name).collect();
        ensure!(names.contains(&one.as_str()), "nothing is called `{one}`: take some of {}", names.join(", "));
    }
    Ok(all.iter().filter(|item| wanted.is_empty() || wanted.iter().any(|one| one == name(item))).collect())
}

fn report(load: &Load, outcome: &Outcome) {
    for (column, value) in load.columns.iter().zip(&outcome.values) {
        let value = value.map_or("not measured".to_owned(), |value| format!("{value:.3}"));
        println!("   {}: {value}", column.title);
    }
    for warning in &outcome.warnings {
        println!("   {warning}");
    }
}
