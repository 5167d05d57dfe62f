//! HTML and SVG as they are written: tags by what is inside them, so that each is closed, and every text escaped, so that no
//! caller has to think of it.

use std::fmt::{Display, Write};

/// Attributes by name; names and tags are ours, values may be anybody's.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// A document under way.
#[derive(Default)]
pub(super) struct Markup {
    written: String,
}

impl Markup {
    /// An element and what `inside` writes into it.
    pub(super) fn within(&mut self, tag: &str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.open(tag, attributes, ">");
        inside(self);
        self.written.push_str("</");
        self.written.push_str(tag);
        self.written.push('>');
    }

    /// An element that holds a text.
    pub(super) fn element(&mut self, tag: &str, attributes: Attributes<'_>, text: impl Display) {
        self.within(tag, attributes, |markup| markup.text(text));
    }

    /// An element that holds nothing: void in HTML, closed by itself in SVG.
    pub(super) fn empty(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.open(tag, attributes, "/>");
    }

    pub(super) fn text(&mut self, text: impl Display) {
        write!(Escaped(&mut self.written), "{text}").expect("a string takes all that is written");
    }

    /// Markup of our own, as it is.
    pub(super) fn raw(&mut self, markup: &str) {
        self.written.push_str(markup);
    }

    pub(super) fn into_string(self) -> String {
        self.written
    }

    fn open(&mut self, tag: &str, attributes: Attributes<'_>, end: &str) {
        self.written.push('<');
        self.written.push_str(tag);
        for (name, value) in attributes {
            self.written.push(' ');
            self.written.push_str(name);
            self.written.push_str("=\"");
            self.text(value);
            self.written.push('"');
        }
        self.written.push_str(end);
    }
}

/// What is written to it means itself, between tags and in quotes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' => self.0.push('\n'),
                letter if letter.is_control() => self.0.push('\u{fffd}'),
                letter => self.0.push(letter),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_are_escaped_and_tags_closed() {
        let mut markup = Markup::default();
        markup.within("p", &[("title", &"\"><b>"), ("id", &7)], |markup| {
            markup.element("i", &[], "<script>&'\u{1b}");
            markup.empty("br", &[]);
        });
        let expected = "<p title=\"&quot;&gt;&lt;b&gt;\" id=\"7\"><i>&lt;script&gt;&amp;&#39;\u{fffd}</i><br/></p>";
        assert_eq!(markup.into_string(), expected);
    }
}
