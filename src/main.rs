//! The binary: the command line and the wiring of a node. Decides nothing itself.

mod bench;
mod cli;
mod demo;
mod logging;

use std::process::ExitCode;

/// Keeps many small, long-lived connections compact; glibc's allocator fragments under them.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
