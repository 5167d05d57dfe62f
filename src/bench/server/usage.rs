//! What a process takes, as Linux tells it in `/proc`. A figure that cannot be read counts as nothing: its process has ended.

use std::fs;
use std::path::Path;

/// Places of figures in `/proc/PID/stat`, counted from the state of the process.
const USER: usize = 11;
const SYSTEM: usize = 12;
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;

/// What they count in: a hundredth of a second on every Linux.
const NANOS_PER_TICK: u64 = 10_000_000;

/// CPU time, user and system, that a process has taken with all that it started, in nanoseconds. Children count because Redis
/// rewrites its file in one.
pub(crate) fn cpu_nanos(pid: u32) -> u64 {
    let reaped = ticks(pid, [CHILDREN_USER, CHILDREN_SYSTEM]);
    own_cpu_nanos(pid) + reaped + children(pid).into_iter().map(cpu_nanos).sum::<u64>()
}

/// The same of its own threads alone, those that have ended included.
pub(crate) fn own_cpu_nanos(pid: u32) -> u64 {
    clock_nanos(pid).unwrap_or_else(|| ticks(pid, [USER, SYSTEM]))
}

/// What the process's own clock says: exact, where ticks are a hundredth of a second.
#[cfg(target_os = "linux")]
fn clock_nanos(pid: u32) -> Option<u64> {
    use nix::time::{clock_getcpuclockid, clock_gettime};
    use nix::unistd::Pid;

    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
    let time = clock_gettime(clock).ok()?;
    Some(u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn clock_nanos(_: u32) -> Option<u64> {
    None
}

/// How long the threads of a process were ready to run while something else had their core, in nanoseconds.
pub(crate) fn runqueue_nanos(pid: u32) -> u64 {
    schedstat(pid, 1)
}

/// CPU time of the thread that asks, and how long it was ready to run while something else had its core, in nanoseconds.
pub(crate) fn thread_nanos() -> (u64, u64) {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let mut columns = text.split_whitespace().map(number);
    (columns.next().unwrap_or_default(), columns.next().unwrap_or_default())
}

/// The resident set, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).map(number).unwrap_or_default() * 1024
}

/// The same with all that it has started: the workers of a server are processes of their own with some.
pub(crate) fn family_resident_bytes(pid: u32) -> u64 {
    resident_bytes(pid) + children(pid).into_iter().map(family_resident_bytes).sum::<u64>()
}

/// The sum of two figures of `/proc/PID/stat`, in nanoseconds.
fn ticks(pid: u32, places: [usize; 2]) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may hold spaces.
    let fields: Vec<u64> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(number).collect();
    places.iter().filter_map(|place| fields.get(*place)).sum::<u64>() * NANOS_PER_TICK
}

/// A column of `schedstat`, summed over the threads.
fn schedstat(pid: u32, column: usize) -> u64 {
    let figure = |task: &Path| {
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split_whitespace().nth(column).map(number).unwrap_or_default()
    };
    tasks(pid, figure).into_iter().sum()
}

fn children(pid: u32) -> Vec<u32> {
    let of_task = |task: &Path| fs::read_to_string(task.join("children")).unwrap_or_default();
    let texts = tasks(pid, of_task);
    texts.iter().flat_map(|text| text.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

fn tasks<T>(pid: u32, each: impl Fn(&Path) -> T) -> Vec<T> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.map(|task| each(&task.path())).collect()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
