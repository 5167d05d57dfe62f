//! One step of `cargo xtask test`: a name to select it by, a sentence to announce it with, what must
//! have run before, and what it does. Knows nothing of any particular step.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::project::Project;
use crate::tally::Tally;

/// A gate or a suite.
pub(crate) struct Step {
    /// Selects it: `--only NAME`.
    pub(crate) name: &'static str,
    /// What it makes sure of.
    pub(crate) title: &'static str,
    /// Steps whose results it uses; selected along with it.
    pub(crate) needs: &'static [&'static str],
    /// Does it; test runners report into the tally.
    pub(crate) action: fn(&Project, &mut Tally) -> Result<()>,
}

/// How a step went.
pub(crate) enum Verdict {
    Passed,
    Failed,
    NotRun,
}

/// A row of the summary.
pub(crate) struct Outcome {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
    tests: Tally,
}

impl Outcome {
    /// The row of a step that was left out because an earlier one failed.
    pub(crate) fn not_run(step: &Step) -> Self {
        let (took, tests) = (Duration::ZERO, Tally::default());
        Self { name: step.name, verdict: Verdict::NotRun, took, tests }
    }

    /// Whether the step failed.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self.verdict, Verdict::Failed)
    }

    /// The step's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Passed => "ok",
            Verdict::Failed => "FAILED",
            Verdict::NotRun => return write!(f, "{:<12} not run", self.name),
        };
        write!(f, "{:<12} {verdict:<8} {:>8}", self.name, shown(self.took))?;
        if self.tests != Tally::default() {
            write!(f, "  {:>6} passed", self.tests.passed())?;
        }
        for (count, word) in [(self.tests.failed(), "failed"), (self.tests.skipped(), "skipped")] {
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        Ok(())
    }
}

impl Step {
    /// Announces the step, runs it, says how long it took and, if it failed, why.
    pub(crate) fn run(&self, project: &Project, tally: &mut Tally) -> Outcome {
        println!("\n== {}: {}", self.name, self.title);
        let before = tally.clone();
        let start = Instant::now();
        let result = (self.action)(project, tally);
        let took = start.elapsed();
        let verdict = match result {
            Ok(()) => Verdict::Passed,
            Err(error) => {
                println!("{}: {error:#}", self.name);
                Verdict::Failed
            }
        };
        let outcome = Outcome { name: self.name, verdict, took, tests: tally.since(&before) };
        println!("-- {outcome}");
        outcome
    }
}

/// The steps named in `only`, with all that they need, in their own order; every step when `only`
/// is empty.
pub(crate) fn select<'a>(steps: &'a [Step], only: &[String]) -> Result<Vec<&'a Step>> {
    if only.is_empty() {
        return Ok(steps.iter().collect());
    }
    let mut wanted: Vec<&str> = only.iter().map(String::as_str).collect();
    let mut next = 0;
    while let Some(name) = wanted.get(next) {
        let Some(step) = steps.iter().find(|step| step.name == *name) else {
            bail!("no step is called `{name}`: see `cargo xtask test --list`");
        };
        wanted.extend(step.needs);
        next += 1;
    }
    Ok(steps.iter().filter(|step| wanted.contains(&step.name)).collect())
}

/// A duration as people say it: `0.4 s`, `3 m 07 s`.
pub(crate) fn shown(took: Duration) -> String {
    if took < Duration::from_secs(60) {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} m {:02} s", took.as_secs() / 60, took.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, needs: &'static [&'static str]) -> Step {
        Step { name, title: "", needs, action: |_, _| Ok(()) }
    }

    fn names(only: &[&str]) -> Result<Vec<&'static str>> {
        let steps = [
            step("tools", &[]),
            step("build", &[]),
            step("lint", &[]),
            step("e2e", &["build", "bundle"]),
            step("bundle", &["tools"]),
        ];
        let only: Vec<String> = only.iter().map(ToString::to_string).collect();
        Ok(select(&steps, &only)?.iter().map(|step| step.name).collect())
    }

    #[test]
    fn a_selected_step_brings_what_it_needs_in_the_order_of_the_list() {
        assert_eq!(names(&["e2e"]).unwrap(), ["tools", "build", "e2e", "bundle"]);
        assert_eq!(names(&["lint"]).unwrap(), ["lint"]);
        assert_eq!(names(&[]).unwrap(), ["tools", "build", "lint", "e2e", "bundle"]);
    }

    #[test]
    fn an_unknown_step_is_refused_by_name() {
        assert!(names(&["lnt"]).unwrap_err().to_string().contains("`lnt`"));
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(shown(Duration::from_millis(420)), "0.4 s");
        assert_eq!(shown(Duration::from_secs(187)), "3 m 07 s");
    }
}
