//! `fields`: which paths of an event's `data` a view keeps. What is not asked for is stepped over, neither read nor copied.
//!
//! A path goes through objects, and through arrays to each of their items. What stands where a path goes on, but has nothing
//! below it, is left out: `fields=ask.price` of `{"ask":7}` is `{}`, and of `[{"ask":{"price":1,"size":2}},7]` it is
//! `[{"ask":{"price":1}}]`. Data that is neither object nor array becomes `null`. Nothing is ever kept that was not named,
//! because grants hide data by `fields` too.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use fanfare_protocol::Error;

use super::json::{DEPTH_MAX, Members, is_name, value_end};

/// Paths of one view. Each costs a comparison per member of the data.
const PATH_COUNT_MAX: usize = 64;

/// All paths of one view together: they are kept with the view, and are part of its key.
const PATH_BYTES_MAX: usize = 4 * 1024;

/// A selection of paths. Equal selections are equal, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fields {
    root: Selection,
}

/// What is kept of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Selection {
    /// Sorted by name.
    members: Vec<(Box<str>, Kept)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kept {
    Whole,
    Part(Selection),
}

impl Fields {
    /// From dotted paths in any order; a path swallows what is below it.
    ///
    /// # Errors
    /// BAD_PARAMETER when there are none or too many, or one is no path.
    pub fn new(paths: &[String]) -> Result<Self, Error> {
        let bad = |reason: String| Err(Error::bad_parameter("fields", reason));
        if paths.is_empty() || paths.len() > PATH_COUNT_MAX {
            return bad(format!("expected 1 to {PATH_COUNT_MAX} paths"));
        }
        if paths.iter().map(String::len).sum::<usize>() > PATH_BYTES_MAX {
            return bad(format!("expected at most {PATH_BYTES_MAX} bytes"));
        }
        let mut root = Selection::default();
        for path in paths {
            let steps: Vec<&str> = path.split('.').collect();
            if steps.len() > DEPTH_MAX || steps.contains(&"") {
                return bad(format!(
                    "expected dotted paths of `data` with at most {DEPTH_MAX} steps, separated by commas"
                ));
            }
            root.add(&steps);
        }
        Ok(Self { root })
    }

    /// The kept part of compact JSON: the same bytes, shared, when that is all of it.
    #[must_use]
    pub fn project(&self, data: &Bytes) -> Bytes {
        let mut projection = Projection { json: data, kept: Vec::with_capacity(data.len().min(1024)) };
        match projection.below(0, &self.root, 0) {
            Some(end) if end == data.len() => {}
            _ => return Bytes::from_static(b"null"),
        }
        if projection.kept.len() == data.len() { data.clone() } else { projection.kept.into() }
    }

    /// The paths, sorted, of which none is below another.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.root.list("", &mut paths);
        paths
    }
}

impl Selection {
    fn add(&mut self, steps: &[&str]) {
        let [step, rest @ ..] = steps else { return };
        let at = match self.members.binary_search_by(|(name, _)| (**name).cmp(step)) {
            Ok(at) => at,
            Err(at) => {
                self.members.insert(at, ((*step).into(), Kept::Part(Self::default())));
                at
            }
        };
        let kept = &mut self.members[at].1;
        match kept {
            _ if rest.is_empty() => *kept = Kept::Whole,
            Kept::Part(selection) => selection.add(rest),
            Kept::Whole => {}
        }
    }

    fn list(&self, prefix: &str, paths: &mut Vec<String>) {
        for (name, kept) in &self.members {
            let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            match kept {
                Kept::Whole => paths.push(path),
                Kept::Part(selection) => selection.list(&path, paths),
            }
        }
    }

    fn kept(&self, raw: &[u8]) -> Option<&Kept> {
        self.members.iter().find(|(name, _)| is_name(raw, name)).map(|(_, kept)| kept)
    }
}

struct Projection<'j> {
    json: &'j [u8],
    kept: Vec<u8>,
}

impl Projection<'_> {
    /// Keeps what is selected of the object or array at `at` and returns where it ends; `None` when there is neither.
    fn below(&mut self, at: usize, selection: &Selection, depth: usize) -> Option<usize> {
        match self.json.get(at)? {
            b'{' if depth < DEPTH_MAX => self.object(at, selection, depth + 1),
            b'[' if depth < DEPTH_MAX => self.array(at, selection, depth + 1),
            _ => None,
        }
    }

    fn object(&mut self, at: usize, selection: &Selection, depth: usize) -> Option<usize> {
        let json = self.json;
        let mut members = Members::of(json, at)?;
        self.kept.push(b'{');
        let first = self.kept.len();
        while let Some(member) = members.next() {
            let end = match selection.kept(member.name) {
                Some(Kept::Whole) => {
                    let end = value_end(json, member.value)?;
                    self.separate(first);
                    self.kept.extend_from_slice(json.get(member.start..end)?);
                    end
                }
                Some(Kept::Part(selection)) if is_container(json, member.value) => {
                    self.separate(first);
                    self.kept.extend_from_slice(json.get(member.start..member.value)?);
                    self.below(member.value, selection, depth)?
                }
                _ => value_end(json, member.value)?,
            };
            members.skip_to(end);
        }
        self.kept.push(b'}');
        members.end()
    }

    fn array(&mut self, at: usize, selection: &Selection, depth: usize) -> Option<usize> {
        self.kept.push(b'[');
        let first = self.kept.len();
        let mut at = at + 1;
        while self.json.get(at)? != &b']' {
            if self.json[at] == b',' {
                at += 1;
            }
            at = if is_container(self.json, at) {
                self.separate(first);
                self.below(at, selection, depth)?
            } else {
                value_end(self.json, at)?
            };
        }
        self.kept.push(b']');
        Some(at + 1)
    }

    /// A comma, unless this is the first that is kept since `first`.
    fn separate(&mut self, first: usize) {
        if self.kept.len() > first {
            self.kept.push(b',');
        }
    }
}

fn is_container(json: &[u8], at: usize) -> bool {
    matches!(json.get(at), Some(b'{' | b'['))
}
