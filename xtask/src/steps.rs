//! The steps of `cargo xtask test`, cheapest mistake first, and so that nothing is compiled twice:
//! every cargo step has the whole workspace, one profile and no flags of its own; `build` makes the
//! binary and all test executables in one go, `rust` only runs them. Only `instructions` builds something else: the engine
//! as it is released, because nobody runs another. A new gate is a new row.

use anyhow::{Result, ensure};

use crate::project::Project;
use crate::step::Step;
use crate::tally::{Runner, Tally};
use crate::{bundle, codegen, install, instructions, size};

/// Names the binary that the tests of `sdk-ts` start.
const BINARY_VARIABLE: &str = "FANFARE_BIN";

/// Every step, in order.
pub(crate) const STEPS: [Step; 13] = [
    Step { name: "tools", title: "what the other steps need is installed", needs: &[], action: tools },
    Step { name: "format", title: "all code is formatted, TypeScript is linted", needs: &["tools"], action: format },
    Step { name: "codegen", title: "generated files are what the catalogues say", needs: &[], action: codegen },
    Step { name: "clippy", title: "no lint speaks up", needs: &[], action: clippy },
    Step { name: "build", title: "the binary and the test executables build", needs: &[], action: build },
    Step { name: "rust", title: "Rust tests, layering among them", needs: &["tools", "build"], action: rust },
    Step { name: "tsc", title: "TypeScript type checks", needs: &["tools"], action: tsc },
    Step { name: "unit", title: "TypeScript unit tests", needs: &["tools"], action: unit },
    Step {
        name: "binary",
        title: "the TypeScript SDK against the real binary",
        needs: &["tools", "build"],
        action: binary,
    },
    Step { name: "size", title: "what a browser loads stays within its limits", needs: &["tools"], action: size },
    Step {
        name: "bundle",
        title: "the committed pages are what the source builds to",
        needs: &["tools"],
        action: bundle,
    },
    Step { name: "browser", title: "the pages in a real Chromium", needs: &["tools", "build"], action: browser },
    Step {
        name: "instructions",
        title: "no pure core costs more than is recorded",
        needs: &["tools"],
        action: instructions,
    },
];

fn tools(project: &Project, _: &mut Tally) -> Result<()> {
    install::run(project)
}

fn format(project: &Project, _: &mut Tally) -> Result<()> {
    project.cargo(["fmt", "--all", "--check"]).run()?;
    project.npm(["run", "--silent", "lint"]).run()
}

fn codegen(project: &Project, _: &mut Tally) -> Result<()> {
    codegen::check(project)
}

fn clippy(project: &Project, _: &mut Tally) -> Result<()> {
    // With the cases of the micro benches, which nothing else here builds unoptimised.
    let what = ["clippy", "--workspace", "--all-targets", "--features", "fanfare-engine/micro"];
    project.cargo(what.into_iter().chain(["--", "-D", "warnings"])).run()
}

fn build(project: &Project, _: &mut Tally) -> Result<()> {
    project.cargo(["test", "--workspace", "--no-run"]).run()
}

fn rust(project: &Project, tally: &mut Tally) -> Result<()> {
    project.cargo(["test", "--workspace", "--no-fail-fast"]).count(Runner::Cargo, tally)
}

fn instructions(project: &Project, _: &mut Tally) -> Result<()> {
    ensure!(instructions::run(project, &instructions::Options::default())?, "some cost more, or are not recorded");
    Ok(())
}

fn tsc(project: &Project, _: &mut Tally) -> Result<()> {
    project.npm(["run", "--silent", "check"]).run()
}

fn unit(project: &Project, tally: &mut Tally) -> Result<()> {
    project.npm(["run", "--silent", "test"]).count(Runner::Node, tally)
}

fn binary(project: &Project, tally: &mut Tally) -> Result<()> {
    let tests = project.npm(["run", "--silent", "test:binary"]);
    tests.env(BINARY_VARIABLE, project.binary()?).count(Runner::Node, tally)
}

fn size(project: &Project, _: &mut Tally) -> Result<()> {
    size::run(project)
}

fn bundle(project: &Project, _: &mut Tally) -> Result<()> {
    bundle::check(project)
}

fn browser(project: &Project, tally: &mut Tally) -> Result<()> {
    // Pages that only Rust can make are put beside the binary by the test that makes them.
    project.cargo(["test", "--workspace", "--bins", "--", "sample_pages_are_written_for_the_browser"]).run()?;
    let mut tests = project.npm(["run", "--silent", "e2e"]).env(BINARY_VARIABLE, project.binary()?);
    if let Some(chromium) = install::chromium() {
        tests = tests.env(install::CHROMIUM_VARIABLE, chromium);
    }
    tests.count(Runner::Node, tally)
}
