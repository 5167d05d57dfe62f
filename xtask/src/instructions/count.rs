//! Builds the cases and counts the instructions of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::comparison::Cases;
use crate::project::Project;

/// What counts depend on, beside the source.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tools {
    pub(super) rustc: String,
    pub(super) valgrind: String,
    pub(super) libc: String,
    /// What code that chooses by the processor can choose under valgrind, which knows nothing above AVX2.
    pub(super) processor: String,
}

impl Tools {
    fn of(project: &Project) -> Result<Self> {
        let version = |name: &str, asked: &str| -> Result<String> {
            let said = String::from_utf8(project.tool(name, [asked]).output()?)?;
            Ok(said.trim().to_owned())
        };
        Ok(Self {
            rustc: version("rustc", "--version")?,
            valgrind: version("valgrind", "--version")?,
            libc: version("getconf", "GNU_LIBC_VERSION")?,
            processor: if has_avx2() { "with AVX2" } else { "without AVX2" }.to_owned(),
        })
    }

    /// What is not as it was, in a sentence each.
    pub(super) fn differences(&self, now: &Self) -> impl Iterator<Item = String> {
        let pairs = [
            (&self.rustc, &now.rustc),
            (&self.valgrind, &now.valgrind),
            (&self.libc, &now.libc),
            (&self.processor, &now.processor),
        ];
        let other = pairs.into_iter().filter(|(before, now)| before != now);
        other.map(|(before, now)| format!("recorded with `{before}`, counted with `{now}`"))
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// Nothing is counted elsewhere.
#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// The cases of one working copy, built.
pub(super) struct Build {
    program: PathBuf,
    place: PathBuf,
}

impl Build {
    /// Builds those of `copy`, into what `project` has built already, and keeps the program in `place`: that of
    /// another copy is built over it.
    pub(super) fn of(project: &Project, copy: &Project, place: &Path) -> Result<Self> {
        let target = project.target()?;
        let target = target.to_str().context("the target directory has a name that is no text")?;
        let what = ["bench", "--package", "fanfare-engine", "--bench", "micro", "--features", "micro"];
        let how = ["--profile", "micro", "--no-run", "--message-format", "json", "--target-dir", target];
        let built = copy.cargo(what.into_iter().chain(how)).output()?;
        let executable = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            let is_it = message["target"]["name"] == "micro";
            is_it.then(|| message["executable"].as_str().map(PathBuf::from))?
        };
        let built = String::from_utf8(built)?.lines().filter_map(executable).next_back();
        let built = built.context("cargo built no executable of the micro benches")?;
        std::fs::create_dir_all(place).with_context(|| format!("cannot create {}", place.display()))?;
        let program = place.join("micro");
        std::fs::copy(&built, &program).with_context(|| format!("cannot copy {}", built.display()))?;
        Ok(Self { program, place: place.to_owned() })
    }
}

/// What each case costs.
pub(super) struct Counts {
    pub(super) tools: Tools,
    pub(super) cases: Cases,
}

impl Counts {
    /// Counts all cases, as many at a time as there are cores: what else runs makes no difference.
    pub(super) fn of(project: &Project, build: &Build) -> Result<Self> {
        let list = String::from_utf8(project.tool(text(&build.program)?, ["--list"]).output()?)?;
        let cases: Vec<(String, u64)> = list.lines().map(listed).collect::<Result<_>>()?;
        ensure!(!cases.is_empty(), "the micro benches have no case");
        let (waiting, counted) = (Mutex::new(cases.iter()), Mutex::new(BTreeMap::new()));
        let work = || -> Result<()> {
            loop {
                let next = waiting.lock().map_or(None, |mut waiting| waiting.next());
                let Some((name, rounds)) = next else { return Ok(()) };
                let count = round(project, build, name, *rounds)?;
                if let Ok(mut counted) = counted.lock() {
                    counted.insert(name.clone(), count);
                }
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a worker has nothing to panic about"))
        })?;
        let counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { tools: Tools::of(project)?, cases: counted })
    }
}

/// `name rounds`.
fn listed(line: &str) -> Result<(String, u64)> {
    let (name, rounds) = line.split_once(' ').with_context(|| format!("`{line}` is no case"))?;
    Ok((name.to_owned(), rounds.parse().with_context(|| format!("`{line}` is no case"))?))
}

/// What twice as many rounds cost more, for each of them: what is the same in both runs is not of a round.
fn round(project: &Project, build: &Build, name: &str, rounds: u64) -> Result<f64> {
    let once = total(project, build, name, rounds)?;
    let twice = total(project, build, name, 2 * rounds)?;
    let more = twice.checked_sub(once).with_context(|| format!("`{name}` cost less the more often it ran"))?;
    Ok(more as f64 / rounds as f64)
}

/// All instructions of a run. What callgrind wrote of the last one stays, for `callgrind_annotate`.
fn total(project: &Project, build: &Build, name: &str, times: u64) -> Result<u64> {
    let out = build.place.join(format!("{}.out", name.replace('/', "-")));
    let file = format!("--callgrind-out-file={}", text(&out)?);
    let times = times.to_string();
    project.tool("valgrind", ["--tool=callgrind", "--quiet", &file, text(&build.program)?, name, &times]).output()?;
    let written = std::fs::read_to_string(&out).with_context(|| format!("cannot read {}", out.display()))?;
    sum(&written).with_context(|| format!("{} has no sum", out.display()))
}

/// Callgrind ends its file with the sum.
fn sum(written: &str) -> Option<u64> {
    written.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of this project is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_whole_run() {
        assert_eq!(sum("events: Ir\nsummary: 5\n\nfn=(1)\n12 34\n\ntotals: 123456\n"), Some(123_456));
        assert_eq!(sum("events: Ir\nfn=(1)\n12 34\n"), None);
    }

    #[test]
    fn a_case_is_listed_with_its_rounds() {
        assert_eq!(listed("a/b-c 1000").unwrap(), ("a/b-c".to_owned(), 1_000));
        assert!(listed("a/b").is_err() && listed("a/b x").is_err());
    }
}
