//! JSON merge patches (RFC 7396), applied to the text: what a patch does not touch stays as it was published, to the digit
//! and in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper than any data that a node takes.
const DEPTH_MAX: usize = 128;

/// What a patch makes of a value. `None` when one of them is no JSON or is nested beyond all bounds.
pub(super) fn apply(old: &[u8], patch: &[u8]) -> Option<Bytes> {
    let old: &RawValue = serde_json::from_slice(old).ok()?;
    let patch: &RawValue = serde_json::from_slice(patch).ok()?;
    let mut out = Vec::with_capacity(old.get().len() + patch.get().len());
    merge(Some(old.get()), patch.get(), 0, &mut out)?;
    Some(out.into())
}

fn merge(old: Option<&str>, patch: &str, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    if depth == DEPTH_MAX {
        return None;
    }
    let Some(changes) = members(patch)? else {
        out.extend_from_slice(patch.as_bytes());
        return Some(());
    };
    let by_name: BTreeMap<&str, &str> = changes.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
    let kept = old.map_or(Some(None), members)?.unwrap_or_default();
    let mut known = BTreeSet::new();
    out.push(b'{');
    let start = out.len();
    for (name, value) in &kept {
        match by_name.get(name.as_str()) {
            None => {
                write_name(name, start, out)?;
                out.extend_from_slice(value.get().as_bytes());
            }
            Some(change) => {
                known.insert(name.as_str());
                write_member(name, Some(value.get()), change, (start, depth), out)?;
            }
        }
    }
    for (name, change) in by_name {
        if !known.contains(name) {
            write_member(name, None, change, (start, depth), out)?;
        }
    }
    out.push(b'}');
    Some(())
}

/// A member that the patch names; a null there deletes it.
fn write_member(
    name: &str,
    old: Option<&str>,
    change: &str,
    (start, depth): (usize, usize),
    out: &mut Vec<u8>,
) -> Option<()> {
    if change == "null" {
        return Some(());
    }
    write_name(name, start, out)?;
    merge(old, change, depth + 1, out)
}

fn write_name(name: &str, start: usize, out: &mut Vec<u8>) -> Option<()> {
    if out.len() > start {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name).ok()?;
    out.push(b':');
    Some(())
}

/// The members of an object, in their order; `Some(None)` of what is no object, `None` of what is no JSON.
fn members(json: &str) -> Option<Option<Vec<(String, &RawValue)>>> {
    if !json.starts_with('{') {
        return Some(None);
    }
    serde_json::from_str(json).ok().map(|Members(members)| Some(members))
}

struct Members<'j>(Vec<(String, &'j RawValue)>);

impl<'j> Deserialize<'j> for Members<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'j> Visitor<'j> for InOrder {
            type Value = Members<'j>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(old: &str, patch: &str) -> Option<String> {
        apply(old.as_bytes(), patch.as_bytes()).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (old, patch, new) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(patched(old, patch).as_deref(), Some(new), "{old} and {patch}");
        }
    }

    #[test]
    fn what_is_not_touched_stays_as_it_was_written() {
        let old = r#"{"z":1.0,"a":12345678901234567890123,"q\"":{"y":1e2,"x":[1]}}"#;
        let new = r#"{"z":1.0,"a":12345678901234567890123,"q\"":{"y":1e2,"x":2}}"#;
        assert_eq!(patched(old, r#"{"q\"":{"x":2}}"#).as_deref(), Some(new));
    }

    #[test]
    fn what_is_no_json_or_without_end_is_refused() {
        assert_eq!(patched("{", "{}"), None);
        assert_eq!(patched("{}", "{\"a\""), None);
        let deep = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
        assert_eq!(patched("{}", &deep), None);
    }
}
