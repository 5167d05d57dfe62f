//! The cases of the pure cores, each over and over: no socket, no thread, no clock but the one that times them.
//!
//! `cargo bench -p fanfare-engine --features micro --profile micro` tells how long a round takes on this machine.
//! `micro CASE TIMES` runs one case and prints nothing: that is what `cargo xtask instructions` counts, once and twice as
//! many times, so that what starting and preparing takes is in both and drops out of the difference. That asks nothing of
//! the tool that counts but one total, and nothing of the cases but that a round costs what the one before did.
//!
//! Why not gungraun (once iai-callgrind): it wants a runner program of its own version installed on every machine first, and
//! debug symbols. What it does beyond this, we do not need.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use fanfare_engine::micro::{Case, cases};

/// Each is timed so often; the shortest counts, because what is in the way only adds.
const TIMED: u32 = 15;

/// About how long one of them takes.
const SPELL: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["--list"] => cases().for_each(|case| println!("{} {}", case.name, case.rounds)),
        [name, times] => {
            let (Some(case), Ok(times)) = (cases().find(|case| case.name == name), times.parse()) else {
                eprintln!("no case is called `{name}`, or `{times}` is no number: see --list");
                return ExitCode::FAILURE;
            };
            run(&mut (case.prepare)(), times);
        }
        [part] => time(|case| case.name.contains(part)),
        _ => time(|_| true),
    }
    ExitCode::SUCCESS
}

fn run(body: &mut impl FnMut(), times: u64) {
    for _ in 0..times {
        body();
    }
}

fn time(wanted: impl Fn(&Case) -> bool) {
    for case in cases().filter(wanted) {
        let mut body = (case.prepare)();
        let mut spell = |times| {
            let start = Instant::now();
            run(&mut body, times);
            start.elapsed()
        };
        let round = spell(case.rounds).as_nanos() / u128::from(case.rounds);
        let times = u64::try_from(SPELL.as_nanos() / round.max(1)).unwrap_or(u64::MAX).max(1);
        let shortest = (0..TIMED).map(|_| spell(times)).min().unwrap_or_default();
        println!("{:<28} {:>12.1} ns", case.name, shortest.as_nanos() as f64 / times as f64);
    }
}
