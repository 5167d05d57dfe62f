//! Keys as variables of the environment: `FANFARE_SECTION__KEY`, nested ones with one more `__`, lists with commas.

use super::draft::nearest;
use super::problem::Fault;

/// What every variable of ours begins with.
pub const PREFIX: &str = "FANFARE_";

/// Stands between section and key, because keys have single underscores of their own.
const SEPARATOR: &str = "__";

/// The variable of a key.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', SEPARATOR).to_uppercase())
}

/// The path that a variable names. `None` when it is not ours: other variables may begin with the prefix too
/// (`FANFARE_TOKEN`, and those by which Kubernetes announces a service of our name), but they have no `__`.
///
/// # Errors
/// When the variable is a known key written with single underscores, or names a namespace.
pub(super) fn path(name: &str, known: &[String]) -> Result<Option<Vec<String>>, Fault> {
    let Some(key) = name.strip_prefix(PREFIX) else { return Ok(None) };
    if !key.contains(SEPARATOR) {
        let single = |known: &&String| variable(known).replace(SEPARATOR, "_") == name;
        return match known.iter().find(single) {
            Some(known) => Err(Fault::OneUnderscore { nearest: variable(known) }),
            None => Ok(None),
        };
    }
    let path: Vec<String> = key.split(SEPARATOR).map(str::to_lowercase).collect();
    if path.first().is_some_and(|section| section == "namespace") {
        return Err(Fault::NamespaceVariable);
    }
    Ok(Some(path))
}

/// Words an unknown key as the variable that it came from.
pub(super) fn in_words_of_variables(fault: Fault, known: &[String]) -> Fault {
    match fault {
        Fault::UnknownKey { key, .. } => {
            let nearest = nearest(&key, known).map(|nearest| variable(&nearest));
            Fault::UnknownKey { key: variable(&key), nearest }
        }
        other => other,
    }
}
