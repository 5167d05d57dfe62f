//! The command line: one file per command. Exit status 0: done, 1: failed, 2: wrong usage. An error is one sentence on
//! standard error that says what to do.

mod backup;
mod bench;
mod config;
mod demo_feed;
mod namespace;
mod node;
mod output;
mod publish;
mod restore;
mod serve;
mod signals;
mod storage;
mod topics;
mod usage;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Self-hosted realtime engine: topics are versioned logs, to watch is to hold a cursor.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Watch(watch::Watch),
    Publish(publish::Publish),
    Topics(topics::Topics),
    #[command(subcommand)]
    Namespace(namespace::Namespace),
    #[command(subcommand)]
    Storage(storage::Storage),
    Backup(backup::Backup),
    Restore(restore::Restore),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Bench(bench::Bench),
    #[command(subcommand)]
    DemoFeed(demo_feed::DemoFeed),
}

/// Runs what the arguments ask for.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Watch(watch) => watch.run(),
        Command::Publish(publish) => publish.run(),
        Command::Topics(topics) => topics.run(),
        Command::Namespace(namespace) => namespace.run(),
        Command::Storage(storage) => storage.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Config(config) => config.run(),
        Command::Bench(bench) => bench.run(),
        Command::DemoFeed(feed) => feed.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            for sentence in output::sentence(&error).lines() {
                output::tell("error", sentence);
            }
            let is_usage = error.downcast_ref::<usage::WrongUsage>().is_some();
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_described() {
        use clap::CommandFactory;

        Cli::command().debug_assert();
    }
}
