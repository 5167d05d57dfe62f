//! Regular expressions of `matches`, in RE2's syntax as CEL has it, found anywhere in the text.
//!
//! They are made into tables when the filter is compiled, so that a match takes one look-up per byte, whatever the pattern. An
//! engine that keeps the pattern small and works at match time can be made to take microseconds per byte.

use regex_automata::Input;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

/// The table of one pattern. Common patterns take 0.2 to 4 KiB; those that need more are the ones that grow without end.
const TABLE_BYTES_MAX: usize = 32 * 1024;

/// Patterns of one filter. Each takes its table, and its time when the filter is compiled.
pub(super) const PATTERN_COUNT_MAX: usize = 8;

/// What compiling may take beside it. Bounds its time too: about a millisecond.
const COMPILER_BYTES_MAX: usize = 64 * 1024;

/// Why a pattern cannot be used.
#[derive(Debug)]
pub(super) enum BadPattern {
    /// No pattern, for this reason.
    Syntax(String),
    /// Its table would be too large.
    TooLarge,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    table: dense::DFA<Vec<u32>>,
}

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Self, BadPattern> {
        let table = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(TABLE_BYTES_MAX))
            .determinize_size_limit(Some(COMPILER_BYTES_MAX));
        let steps = thompson::Config::new()
            .nfa_size_limit(Some(COMPILER_BYTES_MAX))
            .which_captures(thompson::WhichCaptures::None);
        let built = dense::Builder::new()
            .configure(table)
            .thompson(steps)
            .syntax(syntax::Config::new().utf8(false).nest_limit(32))
            .build(&with_ascii_classes(pattern));
        built.map(|table| Self { table }).map_err(|error| {
            let reason = reason(&error);
            if error.is_size_limit_exceeded() || reason.contains("size limit") || reason.contains("limit of") {
                BadPattern::TooLarge
            } else {
                BadPattern::Syntax(reason)
            }
        })
    }

    /// Whether it occurs. Takes a step per byte.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.table.try_search_fwd(&Input::new(text).earliest(true)).is_ok_and(|found| found.is_some())
    }
}

/// The innermost reason, on one line.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

/// `\d`, `\w`, `\s`, `\b` and their opposites mean ASCII in RE2. Over Unicode they would fill the table by themselves.
fn with_ascii_classes(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some('d') => text.push_str("[0-9]"),
            Some('D') => text.push_str("[^0-9]"),
            Some('w') => text.push_str("[0-9A-Za-z_]"),
            Some('W') => text.push_str("[^0-9A-Za-z_]"),
            Some('s') => text.push_str(r"[\t\n\x0C\r ]"),
            Some('S') => text.push_str(r"[^\t\n\x0C\r ]"),
            Some('b') => text.push_str(r"(?-u:\b)"),
            Some('B') => text.push_str(r"(?-u:\B)"),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}
