//! Makes sources fit for searching: comments and the insides of literals become blanks, lines stay
//! where they are. Not a parser: it knows literals and comments and nothing else.

/// Which rules of comments and literals hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    TypeScript,
}

/// The text with comments and the insides of string and character literals blanked.
pub(crate) fn blanked(text: &str, language: Language) -> String {
    let source: Vec<char> = text.chars().collect();
    let mut scan = Scan { source: &source, at: 0, out: String::with_capacity(text.len()), language };
    while scan.at < source.len() {
        scan.step();
    }
    scan.out
}

struct Scan<'a> {
    source: &'a [char],
    at: usize,
    out: String,
    language: Language,
}

impl Scan<'_> {
    fn step(&mut self) {
        let rust = self.language == Language::Rust;
        match self.source[self.at] {
            '/' if self.next_is('/') => self.blank_to_line_end(),
            '/' if self.next_is('*') => self.blank_comment(rust),
            '/' if !rust && self.operand_may_follow() => self.blank_quoted('/'),
            '"' => self.blank_quoted('"'),
            'r' if rust && !self.follows_identifier() && self.raw_hashes().is_some() => self.blank_raw(),
            'b' if rust && !self.follows_identifier() && self.next_is('r') => self.keep(1),
            '\'' if rust && self.is_lifetime() => self.keep(1),
            '\'' => self.blank_quoted('\''),
            '`' if !rust => self.blank_template(),
            _ => self.keep(1),
        }
    }

    fn next_is(&self, expected: char) -> bool {
        self.source.get(self.at + 1) == Some(&expected)
    }

    fn keep(&mut self, count: usize) {
        let end = self.source.len().min(self.at + count);
        self.out.extend(&self.source[self.at..end]);
        self.at = end;
    }

    fn blank(&mut self) {
        self.out.push(if self.source[self.at] == '\n' { '\n' } else { ' ' });
        self.at += 1;
    }

    fn blank_to_line_end(&mut self) {
        while self.source.get(self.at).is_some_and(|next| *next != '\n') {
            self.blank();
        }
    }

    fn blank_comment(&mut self, nests: bool) {
        let mut depth = 0;
        while self.at < self.source.len() {
            match (self.source[self.at], self.source.get(self.at + 1)) {
                ('/', Some('*')) if nests || depth == 0 => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.blank();
                    continue;
                }
            }
            self.blank();
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    /// From an opening quote to its closing one; the quotes stay.
    fn blank_quoted(&mut self, quote: char) {
        self.keep(1);
        let mut in_class = false;
        while let Some(next) = self.source.get(self.at) {
            match next {
                '\\' => self.blank(),
                '[' if quote == '/' => in_class = true,
                ']' => in_class = false,
                _ if *next == quote && !in_class => return self.keep(1),
                _ => {}
            }
            if self.at < self.source.len() {
                self.blank();
            }
        }
    }

    /// How many `#` stand between the `r` here and a quote.
    fn raw_hashes(&self) -> Option<usize> {
        let hashes = self.source[self.at + 1..].iter().take_while(|next| **next == '#').count();
        (self.source.get(self.at + 1 + hashes) == Some(&'"')).then_some(hashes)
    }

    fn blank_raw(&mut self) {
        let hashes = self.raw_hashes().unwrap_or_default();
        self.keep(hashes + 2);
        while self.at < self.source.len() {
            let closing = self.source[self.at] == '"'
                && self.source[self.at + 1..].iter().take_while(|next| **next == '#').count() >= hashes;
            if closing {
                return self.keep(hashes + 1);
            }
            self.blank();
        }
    }

    /// A template's text; what stands in `${…}` is code and stays.
    fn blank_template(&mut self) {
        self.keep(1);
        while let Some(next) = self.source.get(self.at) {
            match next {
                '`' => return self.keep(1),
                '\\' => {
                    self.blank();
                    if self.at < self.source.len() {
                        self.blank();
                    }
                }
                '$' if self.next_is('{') => self.keep_embedded(),
                _ => self.blank(),
            }
        }
    }

    fn keep_embedded(&mut self) {
        self.keep(2);
        let mut depth = 1;
        while depth > 0 && self.at < self.source.len() {
            match self.source[self.at] {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            self.step();
        }
    }

    fn follows_identifier(&self) -> bool {
        let last = self.out.chars().next_back();
        last.is_some_and(is_identifier) && !self.out.ends_with('b')
    }

    /// `'a` that no second quote closes after one character (or one escape).
    fn is_lifetime(&self) -> bool {
        self.source.get(self.at + 1) != Some(&'\\') && self.source.get(self.at + 2) != Some(&'\'')
    }

    /// Whether a `/` here begins a regular expression: where an operand may stand, it cannot divide.
    fn operand_may_follow(&self) -> bool {
        let before = self.out.trim_end();
        match before.chars().next_back() {
            None => true,
            Some(last) if is_identifier(last) => ["return", "typeof", "case"].iter().any(|word| before.ends_with(word)),
            Some(last) => !matches!(last, ')' | ']' | '}' | '"' | '\'' | '`'),
        }
    }
}

/// Whether a character may stand in an identifier of either language.
pub(crate) fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The number of the line that a byte position lies on, from 1.
pub(crate) fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

/// Whole words of blanked text, with their positions.
pub(crate) fn words(blanked: &str) -> impl Iterator<Item = (usize, &str)> {
    blanked
        .split(|c| !is_identifier(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - blanked.as_ptr() as usize, word))
}

/// The part before the tests that stand at the end of a Rust source.
pub(crate) fn without_inline_tests(text: &str) -> &str {
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        let rest = &text[position + line.len()..];
        if line.trim_end() == "#[cfg(test)]" && rest.trim_start().starts_with("mod ") {
            return &text[..position];
        }
        position += line.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typescript_comments_strings_templates_and_expressions_are_blanked() {
        let source =
            "const a = 'any' + \"any\" + `any ${b as any} any`; // any\n/* any */ x = /[/'any]/.test(y) / 2 / any";
        let text = blanked(source, Language::TypeScript);
        assert_eq!(text.matches("any").count(), 2, "{text}");
        assert_eq!(text.len(), source.len());
        assert_eq!(line_of(&text, text.rfind("any").unwrap()), 2);
    }

    #[test]
    fn inline_tests_are_cut_off_and_nothing_else() {
        let source = "fn a() {}\n#[cfg(test)]\nfn b() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(without_inline_tests(source), "fn a() {}\n#[cfg(test)]\nfn b() {}\n\n");
        assert_eq!(without_inline_tests("fn a() {}\n"), "fn a() {}\n");
    }
}
