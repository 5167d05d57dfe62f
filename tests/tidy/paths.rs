//! The paths that Rust code names, in `use` lines and in place, read from its tokens. Not a parser: a
//! path that a macro builds from pieces escapes it.

use crate::blank::{Language, blanked, is_identifier, line_of, without_inline_tests};
use crate::tree::File;

/// A path that Rust code names, and the line where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// What a source names outside its inline tests.
pub(crate) fn named(file: &File) -> Vec<Named> {
    paths(&blanked(without_inline_tests(&file.text), Language::Rust))
}

/// Every path of at least two parts that blanked Rust code names, and all that `use` brings in, its
/// groups taken apart: `use a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(blanked: &str) -> Vec<Named> {
    let tokens = tokens(blanked);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (position, token) = tokens[at];
        let line = line_of(blanked, position);
        if token == "use" && tokens.get(at + 1).is_some_and(|next| next.1 != "<") {
            let end = (at..tokens.len()).find(|next| tokens[*next].1 == ";").unwrap_or(tokens.len());
            let names: Vec<&str> = tokens[at + 1..end].iter().map(|(_, token)| *token).collect();
            expand(&names, &mut 0, "", &mut |path| found.push(Named { line, path }));
            at = end + 1;
        } else if token == "crate" && at > 0 && tokens[at - 1].1 == "extern" {
            let name = tokens.get(at + 1).map_or("", |(_, name)| *name);
            found.push(Named { line, path: name.to_owned() });
            at += 2;
        } else if token.starts_with(is_identifier) && tokens.get(at + 1).is_some_and(|next| next.1 == "::") {
            let start = at;
            at += 2;
            while tokens.get(at).is_some_and(|next| next.1.starts_with(is_identifier))
                && tokens.get(at + 1).is_some_and(|next| next.1 == "::")
            {
                at += 2;
            }
            let last = tokens.get(at).filter(|next| next.1.starts_with(is_identifier));
            at += usize::from(last.is_some());
            let parts = tokens[start..at].iter().map(|(_, token)| *token);
            found.push(Named { line, path: parts.collect::<String>().trim_end_matches("::").to_owned() });
        } else {
            at += 1;
        }
    }
    found
}

/// Takes a use-tree apart. `as` and the new name are dropped.
fn expand(tokens: &[&str], at: &mut usize, prefix: &str, each: &mut impl FnMut(String)) {
    let mut path = prefix.to_owned();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match *token {
            "::" if path.is_empty() => {}
            "::" => path.push_str("::"),
            "{" => {
                while tokens.get(*at).is_some_and(|next| *next != "}") {
                    expand(tokens, at, &path, each);
                }
                *at += 1;
                // What followed the group, if anything, is the caller's comma.
                if tokens.get(*at).is_some_and(|next| *next == ",") {
                    *at += 1;
                }
                return;
            }
            "as" => *at += 1,
            "," => break,
            "}" => {
                *at -= 1;
                break;
            }
            name => path.push_str(name),
        }
    }
    each(path.trim_end_matches("::").to_owned());
}

/// Identifiers, `::` and single characters of punctuation.
fn tokens(blanked: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = blanked;
    while let Some(first) = rest.chars().next() {
        let length = if is_identifier(first) {
            rest.find(|c| !is_identifier(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            found.push((blanked.len() - rest.len(), &rest[..length]));
        }
        rest = &rest[length..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        paths(&blanked(source, Language::Rust)).into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        let source = r##"
            // use tokio::net
            /* a /* nested */ tokio::net */
            //! actix::Actor
            let a = "tokio::net \" tokio::net";
            let b = r#"tokio::net " tokio::net"#;
            let c = b"tokio::net"; let d = br"tokio::x"; let e = '"'; let f = '\''; let g = "tokio::x";
            fn h<'a>(x: &'a str) -> Seen::Once {}
        "##;
        assert_eq!(named(source), ["Seen::Once"]);
    }

    #[test]
    fn groups_of_a_use_are_taken_apart() {
        let source = "use std::{time::{Duration, Instant as Now}, fmt}; use tokio; pub use ::actix::Addr; \
                      use {bytes::Bytes, crate::log::{self, Log}}; use super::actor::*;";
        let expected = [
            "std::time::Duration",
            "std::time::Instant",
            "std::fmt",
            "tokio",
            "actix::Addr",
            "bytes::Bytes",
            "crate::log::self",
            "crate::log::Log",
            "super::actor::*",
        ];
        assert_eq!(named(source), expected);
    }

    #[test]
    fn paths_in_code_are_listed_with_their_lines() {
        let source = "fn f() {\n    let now = std::time::Instant::now();\n    Vec::<u8>::new()\n}\nextern crate tokio;";
        let found = paths(source);
        let expected = [(2, "std::time::Instant::now"), (3, "Vec"), (5, "tokio")];
        let expected = expected.map(|(line, path)| Named { line, path: path.to_owned() });
        assert_eq!(found, expected);
    }
}
