//! Every public name has a place where a reader finds it: each row of a table in `protocol/catalogue`
//! is named, in backticks or as a heading, on some page of `docs`.

use toml::{Table, Value};

use crate::tree::{Breach, Tree};

/// Rows of the catalogues that no page of `docs` names, and catalogues without rows.
pub(crate) fn undocumented(tree: &Tree) -> Vec<Breach> {
    let pages: Vec<&str> = tree
        .files()
        .filter(|file| file.path.starts_with("docs/") && file.has_extension(&["md"]))
        .map(|file| file.text.as_str())
        .collect();
    let mut breaches = Vec::new();
    let mut catalogues = 0;
    for file in tree.files().filter(|file| file.path.starts_with("protocol/catalogue/")) {
        catalogues += 1;
        let names = match file.text.parse::<Table>() {
            Ok(table) => row_names(&table),
            Err(error) => {
                breaches.push(Breach::new(&file.path, 0, format!("not a table: {error}")));
                continue;
            }
        };
        if names.is_empty() {
            breaches.push(Breach::new(&file.path, 0, "a catalogue without a single name"));
        }
        // Metrics stand in their table without the prefix that readers see.
        let prefix = if file.name() == "metrics.toml" { "fanfare_" } else { "" };
        for name in names {
            let marked = format!("`{prefix}{name}`");
            let heading = format!("### {prefix}{name}");
            let names_it = |page: &&str| page.contains(&marked) || page.lines().any(|line| line == heading);
            if !pages.iter().any(names_it) {
                breaches.push(Breach::new(&file.path, 0, format!("no page of docs names {marked}")));
            }
        }
    }
    if catalogues == 0 {
        breaches.push(Breach::new("protocol/catalogue/", 0, "there is no catalogue"));
    }
    breaches
}

/// `name` of every table in the arrays of tables of a catalogue.
fn row_names(catalogue: &Table) -> Vec<String> {
    let rows = catalogue.values().filter_map(Value::as_array).flatten();
    rows.filter_map(|row| row.get("name")?.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: (&str, &str) =
        ("protocol/catalogue/codes.toml", "[[code]]\nname = \"GONE\"\n[[code]]\nname = \"IDLE\"\n");

    #[test]
    fn a_name_that_no_page_marks_is_found() {
        let tree = Tree::planted(&[CODES, ("docs/errors.md", "`GONE` and IDLE"), ("README.md", "`IDLE`")]);
        let breaches = undocumented(&tree);
        assert_eq!(breaches.len(), 1);
        assert!(breaches[0].what.contains("`IDLE`"));
        assert_eq!(undocumented(&Tree::planted(&[CODES, ("docs/a.md", "`GONE` `IDLE`")])), []);
        assert_eq!(undocumented(&Tree::planted(&[CODES, ("docs/a.md", "### GONE\n\n### IDLE\n")])), []);
    }

    #[test]
    fn metrics_are_looked_for_under_their_full_name() {
        let metrics = ("protocol/catalogue/metrics.toml", "[[metric]]\nname = \"topics\"\n");
        assert_eq!(undocumented(&Tree::planted(&[metrics, ("docs/a.md", "`topics`")])).len(), 1);
        assert_eq!(undocumented(&Tree::planted(&[metrics, ("docs/a.md", "`fanfare_topics`")])), []);
    }

    #[test]
    fn catalogues_that_are_absent_empty_or_broken_are_breaches() {
        assert_eq!(undocumented(&Tree::planted(&[])).len(), 1);
        assert_eq!(undocumented(&Tree::planted(&[("protocol/catalogue/a.toml", "")])).len(), 1);
        assert_eq!(undocumented(&Tree::planted(&[("protocol/catalogue/a.toml", "[[")])).len(), 1);
    }
}
