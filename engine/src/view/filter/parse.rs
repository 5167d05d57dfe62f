//! From the text of a filter to the tree of the crate `cel`, within bounds that hold before the parser sees it.
//!
//! Of the crate's two parsers this is the one written by hand. The other is generated: it is ten times slower, and keeps what it
//! learned from its inputs for ever.

use cel::IdedExpr;
use cel::parser::{ParseErrors, PrattParser};

use super::refusal::Refusal;

/// The text of a filter. Whatever else is bounded is bounded by it: a list of some thousand numbers, a polygon of some hundred points.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Levels of brackets.
const BRACKET_DEPTH_MAX: u16 = 32;

/// Opening parentheses: the parser copies what it has read so far for each call on it, and looks ahead for the end of each group.
const PARENTHESIS_COUNT_MAX: usize = 128;

/// Question marks: the parser goes one level deeper for each `a ? b : c` after another.
const QUESTION_COUNT_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<IdedExpr, Refusal> {
    if text.is_empty() {
        return Err(Refusal::Bad("expected an expression, such as `data.price > 100.0`".to_owned()));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::TooCostly(format!("longer than {TEXT_BYTES_MAX} bytes")));
    }
    // Counted without regard to strings: a lexer of our own that disagreed with the parser's would be no bound.
    for (char, name, count_max) in
        [('(', "parentheses", PARENTHESIS_COUNT_MAX), ('?', "question marks", QUESTION_COUNT_MAX)]
    {
        if text.matches(char).count() > count_max {
            return Err(Refusal::TooCostly(format!("more than {count_max} {name}")));
        }
    }
    let parse = || PrattParser::new().max_recursion_depth(BRACKET_DEPTH_MAX).parse(text);
    // Parsing holds no state of ours, so that a panic, of which none is known, leaves nothing half done.
    match std::panic::catch_unwind(parse) {
        Ok(Ok(expression)) => Ok(expression),
        Ok(Err(errors)) => Err(refusal(&errors)),
        Err(_) => Err(Refusal::Bad("the parser cannot read it".to_owned())),
    }
}

fn refusal(errors: &ParseErrors) -> Refusal {
    if errors.errors.iter().any(|error| error.msg.contains("recursion limit")) {
        return Refusal::TooCostly(format!("nested deeper than {BRACKET_DEPTH_MAX} levels"));
    }
    let Some(first) = errors.errors.first() else { return Refusal::Bad("no expression".to_owned()) };
    let (line, column) = first.pos;
    let message = first.msg.trim_start_matches("Syntax error: ");
    Refusal::Bad(if line > 0 { format!("line {line}, column {column}: {message}") } else { message.to_owned() })
}
