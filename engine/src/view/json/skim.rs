//! Stepping over compact JSON without reading it. Every function takes the place where something begins and returns the place
//! behind it, or `None` where there is no such thing: then the input was not compact JSON.

use std::borrow::Cow;

/// Behind the string whose opening quote is at `at`.
pub(in crate::view) fn string_end(json: &[u8], at: usize) -> Option<usize> {
    let mut at = at.checked_add(1)?;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Behind the value that begins at `at`. Brackets are counted and not matched: they were, at the door.
pub(in crate::view) fn value_end(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => string_end(json, at),
        b'{' | b'[' => container_end(json, at),
        _ => {
            let rest = &json[at..];
            let len = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or(rest.len());
            (len > 0).then_some(at + len)
        }
    }
}

fn container_end(json: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match json.get(at)? {
            b'"' => {
                at = string_end(json, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub(in crate::view) struct Member<'j> {
    /// What stands between the quotes of its name, escapes and all.
    pub(in crate::view) name: &'j [u8],
    /// Where its name begins, with the quote.
    pub(in crate::view) start: usize,
    /// Where its value begins.
    pub(in crate::view) value: usize,
}

/// The members of an object, as they stand. Whoever takes one says where its value ends, so that nothing is stepped over twice.
#[derive(Debug)]
pub(in crate::view) struct Members<'j> {
    json: &'j [u8],
    at: usize,
}

impl<'j> Members<'j> {
    /// Of the object at `at`; `None` when something else is there.
    pub(in crate::view) fn of(json: &'j [u8], at: usize) -> Option<Self> {
        (json.get(at) == Some(&b'{')).then_some(Self { json, at: at + 1 })
    }

    /// The next one; `None` at the end, and where this is not compact JSON.
    pub(in crate::view) fn next(&mut self) -> Option<Member<'j>> {
        if self.json.get(self.at) == Some(&b',') {
            self.at += 1;
        }
        let start = self.at;
        if self.json.get(start) != Some(&b'"') {
            return None;
        }
        let end = string_end(self.json, start)?;
        (self.json.get(end) == Some(&b':')).then_some(())?;
        Some(Member { name: self.json.get(start + 1..end - 1)?, start, value: end + 1 })
    }

    /// The value of the last one ended before `end`.
    pub(in crate::view) fn skip_to(&mut self, end: usize) {
        self.at = end;
    }

    /// Behind the object, after the last member.
    pub(in crate::view) fn end(&self) -> Option<usize> {
        (self.json.get(self.at) == Some(&b'}')).then_some(self.at + 1)
    }
}

/// Whether a name as it stands says `name`: `"\u0061"` is `a`.
pub(in crate::view) fn is_name(raw: &[u8], name: &str) -> bool {
    raw == name.as_bytes() || (raw.contains(&b'\\') && self::name(raw).is_some_and(|text| text == name))
}

/// A string without its quotes and escapes; `None` when it is none.
pub(in crate::view) fn name(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if text.contains('\\') { unescaped(text).map(Cow::Owned) } else { Some(Cow::Borrowed(text)) }
}

fn unescaped(mut rest: &str) -> Option<String> {
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut chars = escape.chars();
        text.push(match chars.next()? {
            escaped @ ('"' | '\\' | '/') => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = unit(chars.as_str())?;
                chars = escape.get(5..)?.chars();
                if (0xd800..0xdc00).contains(&high) {
                    let low = unit(escape.get(5..)?.strip_prefix("\\u")?)?;
                    let pair = char::decode_utf16([high, low]).next()?.ok()?;
                    chars = escape.get(11..)?.chars();
                    pair
                } else {
                    char::from_u32(u32::from(high))?
                }
            }
            _ => return None,
        });
        rest = chars.as_str();
    }
    text.push_str(rest);
    Some(text)
}

fn unit(digits: &str) -> Option<u16> {
    let digits = digits.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// The bytes of the value that a path of members leads to, without reading any other.
pub(in crate::view) fn find<'j>(json: &'j [u8], path: &[Box<str>]) -> Option<&'j [u8]> {
    let mut at = 0;
    for step in path {
        let mut members = Members::of(json, at)?;
        let mut found = None;
        while let Some(member) = members.next() {
            if is_name(member.name, step) {
                found = Some(member.value);
            }
            members.skip_to(value_end(json, member.value)?);
        }
        at = found?;
    }
    json.get(at..value_end(json, at)?)
}
