//! The page that a section is put into: between two markers, which stay, and nothing else of it changes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

const BEGIN: &str = "<!-- bench-peers begins: `cargo xtask bench-peers` writes what follows -->\n";
const END: &str = "<!-- bench-peers ends -->\n";

/// Puts a section between the page's markers; at the end, with markers, where it has none.
pub(super) fn put_into(page: &Path, section: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("{} is missing", page.display()))?;
    let placed = placed(&text, section).with_context(|| format!("{} is not changed", page.display()))?;
    fs::write(page, placed).with_context(|| format!("cannot write {}", page.display()))
}

fn placed(page: &str, section: &str) -> Result<String> {
    match (page.split_once(BEGIN), page.split_once(END)) {
        (None, None) => Ok(format!("{}\n\n{BEGIN}\n{section}\n{END}", page.trim_end())),
        (Some((before, from)), Some(_)) => {
            let Some((_, after)) = from.split_once(END) else { bail!("its markers are in the wrong order") };
            Ok(format!("{before}{BEGIN}\n{section}\n{END}{after}"))
        }
        _ => bail!("one of its markers is missing: see xtask/src/peers/page.rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_what_is_between_the_markers_or_the_end() {
        let fresh = placed("# R\n\n## A\n\na\n", "new\n").expect("there are no markers");
        assert_eq!(fresh, format!("# R\n\n## A\n\na\n\n{BEGIN}\nnew\n\n{END}"));
        let page = format!("# R\n\n{BEGIN}\n## x\n\nold\n{END}\n## B\n\nb\n");
        let once = placed(&page, "new\n").expect("both markers are there");
        assert_eq!(once, format!("# R\n\n{BEGIN}\nnew\n\n{END}\n## B\n\nb\n"));
        assert_eq!(placed(&once, "new\n").expect("both markers are there"), once);
    }

    #[test]
    fn a_page_with_half_of_its_markers_is_left_alone() {
        for page in [format!("a\n{BEGIN}b\n"), format!("a\n{END}b\n"), format!("a\n{END}b\n{BEGIN}")] {
            assert!(placed(&page, "new\n").is_err(), "{page}");
        }
    }
}
