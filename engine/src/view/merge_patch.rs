//! `delta`: the JSON merge patch (RFC 7396) that makes one value of a key into the next.
//!
//! A merge patch cannot say everything: a null in it deletes, so that a member which is null cannot be told. Then there is no
//! patch, and the whole value is sent. Values are compared by their bytes; a number written otherwise counts as changed, which
//! costs a few bytes and is never wrong.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;

use super::json::{DEPTH_MAX, Members, name, value_end};

/// The patch that makes `old` into `new`, both compact JSON. `None` when none can, when one of them is no object, and when the
/// patch would not be smaller than `new`.
#[must_use]
pub fn merge_patch(old: &[u8], new: &[u8]) -> Option<Bytes> {
    let mut patch = Patch { bytes: Vec::new(), bytes_max: new.len().checked_sub(1)? };
    patch.object(&members(old)?, &members(new)?, 0)?;
    patch.is_within_bounds().then(|| patch.bytes.into())
}

/// A member with its value, and its name as it is read and as it stands.
struct Part<'j> {
    name: Cow<'j, str>,
    text: &'j [u8],
    value: &'j [u8],
}

/// The members of an object, sorted by name; of equal names the last, which is the one that counts.
fn members(json: &[u8]) -> Option<Vec<Part<'_>>> {
    let mut members = Members::of(json, 0)?;
    let mut parts: Vec<Part<'_>> = Vec::new();
    while let Some(member) = members.next() {
        let end = value_end(json, member.value)?;
        parts.push(Part {
            name: name(member.name)?,
            text: json.get(member.start..end)?,
            value: json.get(member.value..end)?,
        });
        members.skip_to(end);
    }
    (members.end()? == json.len()).then_some(())?;
    if !parts.is_sorted_by(|left, right| left.name < right.name) {
        parts.sort_by(|left, right| left.name.cmp(&right.name));
        parts.dedup_by(|later, kept| {
            let is_twice = later.name == kept.name;
            if is_twice {
                std::mem::swap(later, kept);
            }
            is_twice
        });
    }
    Some(parts)
}

struct Patch {
    bytes: Vec<u8>,
    /// Beyond it the whole value is cheaper.
    bytes_max: usize,
}

impl Patch {
    fn is_within_bounds(&self) -> bool {
        self.bytes.len() <= self.bytes_max
    }

    /// Appends what makes the one into the other.
    fn object(&mut self, old: &[Part<'_>], new: &[Part<'_>], depth: usize) -> Option<()> {
        if depth == DEPTH_MAX || !self.is_within_bounds() {
            return None;
        }
        self.bytes.push(b'{');
        let first = self.bytes.len();
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(was), Some(is)) => was.name.cmp(&is.name),
            };
            let was = old.next_if(|_| order.is_le());
            let is = new.next_if(|_| order.is_ge());
            match (was, is) {
                (Some(was), None) => {
                    self.separate(first);
                    let name_bytes = was.text.len() - was.value.len();
                    self.bytes.extend_from_slice(&was.text[..name_bytes]);
                    self.bytes.extend_from_slice(b"null");
                }
                (was, Some(is)) => self.member(was, is, first, depth)?,
                (None, None) => break,
            }
        }
        self.bytes.push(b'}');
        Some(())
    }

    fn member(&mut self, was: Option<&Part<'_>>, is: &Part<'_>, first: usize, depth: usize) -> Option<()> {
        if was.is_some_and(|was| was.value == is.value) {
            return Some(());
        }
        if let Some((old, new)) = was.and_then(|was| Some((members(was.value)?, members(is.value)?))) {
            let start = self.bytes.len();
            self.separate(first);
            self.bytes.extend_from_slice(&is.text[..is.text.len() - is.value.len()]);
            let empty = self.bytes.len() + b"{}".len();
            self.object(&old, &new, depth + 1)?;
            if self.bytes.len() == empty {
                // Only their order or their spelling differs.
                self.bytes.truncate(start);
            }
            return Some(());
        }
        if is_deleting(is.value, depth + 1) {
            return None;
        }
        self.separate(first);
        self.bytes.extend_from_slice(is.text);
        self.is_within_bounds().then_some(())
    }

    fn separate(&mut self, first: usize) {
        if self.bytes.len() > first {
            self.bytes.push(b',');
        }
    }
}

/// Whether a value, put whole into a patch, would delete something: it is null, or an object with such a member. What is inside
/// of an array is taken as it is (RFC 7396, section 2).
fn is_deleting(json: &[u8], depth: usize) -> bool {
    if json == b"null" || depth > DEPTH_MAX {
        return true;
    }
    let Some(mut members) = Members::of(json, 0) else { return false };
    while let Some(member) = members.next() {
        let Some(end) = value_end(json, member.value) else { return true };
        if is_deleting(&json[member.value..end], depth + 1) {
            return true;
        }
        members.skip_to(end);
    }
    false
}
