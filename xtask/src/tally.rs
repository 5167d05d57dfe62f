//! How many tests ran, read from the closing lines of the runners: `test result: …` of cargo, and
//! `# pass N` (or `ℹ pass N`) of node. Only whole closing lines count, so a test that prints the
//! word "pass" adds nothing.

/// Whose closing lines to look for.
#[derive(Clone, Copy)]
pub(crate) enum Runner {
    Cargo,
    Node,
}

/// Tests counted so far, over all runners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Tests that passed.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Tests that failed, or were cancelled before they could.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// Tests that a runner was told not to run.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What was counted since `before` was taken.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            passed: self.passed - before.passed,
            failed: self.failed - before.failed,
            skipped: self.skipped - before.skipped,
        }
    }

    /// Reads one line of a runner.
    pub(crate) fn read(&mut self, runner: Runner, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        match runner {
            Runner::Cargo => self.read_cargo(line),
            Runner::Node => self.read_node(line),
        }
    }

    /// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s`
    fn read_cargo(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let Some((_, counts)) = result.split_once(". ") else {
            return;
        };
        for part in counts.split("; ") {
            if let Some((count, word)) = part.split_once(' ') {
                self.add(word, count);
            }
        }
    }

    /// `# pass 7`, one line for each word
    fn read_node(&mut self, line: &str) {
        let Some(closing) = line.strip_prefix("# ").or(line.strip_prefix("ℹ ")) else {
            return;
        };
        if let Some((word, count)) = closing.split_once(' ') {
            self.add(word, count);
        }
    }

    fn add(&mut self, word: &str, count: &str) {
        let Ok(count) = count.parse::<u64>() else {
            return;
        };
        match word {
            "passed" | "pass" => self.passed += count,
            "failed" | "fail" | "cancelled" => self.failed += count,
            "ignored" | "skipped" | "todo" => self.skipped += count,
            _ => {}
        }
    }
}

/// Drops terminal colour sequences (`ESC [ … m`), which runners put inside their closing lines.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, tail)| tail);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(runner: Runner, lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(runner, line);
        }
        tally
    }

    #[test]
    fn closing_lines_of_cargo_add_up_over_its_binaries() {
        let tally = tally_of(
            Runner::Cargo,
            &[
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n",
                "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            ],
        );
        assert_eq!(tally, Tally { passed: 15, failed: 2, skipped: 1 });
    }

    #[test]
    fn closing_lines_of_node_are_read_in_both_its_styles() {
        let tap = ["# tests 9", "# suites 1", "# pass 7", "# fail 1", "# cancelled 1", "# skipped 2", "# todo 0"];
        assert_eq!(tally_of(Runner::Node, &tap), Tally { passed: 7, failed: 2, skipped: 2 });
        assert_eq!(tally_of(Runner::Node, &["ℹ pass 7", "ℹ fail 0"]), Tally { passed: 7, failed: 0, skipped: 0 });
    }

    #[test]
    fn colours_inside_a_closing_line_do_not_hide_it() {
        let line = "test result: \u{1b}[32mok\u{1b}[0m. 4 passed; 0 failed; 0 ignored";
        assert_eq!(tally_of(Runner::Cargo, &[line]).passed(), 4);
        assert_eq!(tally_of(Runner::Node, &["\u{1b}[34mℹ pass 2\u{1b}[39m"]).passed(), 2);
    }

    #[test]
    fn a_test_that_prints_the_words_adds_nothing() {
        let lines = ["test resume ... ok", "pass 3", "# pass all of it", "12 passed; 0 failed", "# Subtest: pass 3"];
        assert_eq!(tally_of(Runner::Cargo, &lines), Tally::default());
        assert_eq!(tally_of(Runner::Node, &lines), Tally::default());
        assert_eq!(tally_of(Runner::Cargo, &["# pass 3"]), Tally::default());
    }
}
