//! What a file may look like from outside: its length, its name, and words that are not left behind.

use crate::blank::{Language, blanked, line_of, without_inline_tests, words};
use crate::tree::{Breach, File, Tree};

/// Extensions of code, as opposed to prose and tables.
const CODE: [&str; 11] = ["rs", "ts", "tsx", "js", "mjs", "cjs", "css", "html", "proto", "sh", "py"];

/// Files and doors that are too long. Tests do not count, inside a file neither.
pub(crate) fn sizes(tree: &Tree, file_lines_max: usize, door_lines_max: usize) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.files().filter(|file| file.has_extension(&CODE) && !file.is_generated()) {
        let is_door = ["mod.rs", "lib.rs"].contains(&file.name());
        let lines = counted(file).lines().count();
        if is_door && lines > door_lines_max {
            let what = format!("{lines} lines, a door has at most {door_lines_max}");
            breaches.push(Breach::new(&file.path, 0, what));
        } else if lines > file_lines_max && !file.is_test() {
            let what = format!("{lines} lines, a file has at most {file_lines_max}: look for the second noun");
            breaches.push(Breach::new(&file.path, 0, what));
        }
    }
    breaches
}

/// Files and folders whose name says nothing.
pub(crate) fn names(tree: &Tree, homeless: &[&str]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.files() {
        for part in file.path.split('/') {
            let stem = part.split('.').next().unwrap_or_default().to_lowercase();
            if homeless.contains(&stem.as_str()) {
                let what = format!("`{part}` names no noun: move each function to the room that owns its noun");
                breaches.push(Breach::new(&file.path, 0, what));
            }
        }
    }
    breaches
}

/// What is undone, ignored or, in a library, printed. Rust and the test runners of TypeScript.
pub(crate) fn leftovers(tree: &Tree, never: &[&str], libraries: &[&str], never_in_libraries: &[&str]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.rust_below("") {
        let in_library = !file.is_test() && libraries.iter().any(|library| file.path.starts_with(library));
        let text = blanked(&file.text, Language::Rust);
        let library_end = if in_library { without_inline_tests(&file.text).len() } else { 0 };
        let library_line = line_of(&file.text, library_end);
        for (position, word) in words(&text) {
            let (before, after) = (text[..position].trim_end(), &text[position + word.len()..]);
            let line = line_of(&text, position);
            let is_macro = after.starts_with('!') && !after.starts_with("!=");
            let forbidden =
                never.contains(&word) || (in_library && line <= library_line && never_in_libraries.contains(&word));
            if is_macro && forbidden {
                breaches.push(Breach::new(&file.path, line, format!("`{word}!` does not stay in the tree")));
            }
            if word == "ignore" && before.ends_with("#[") {
                breaches.push(Breach::new(&file.path, line, "no test is ignored"));
            }
        }
    }
    for file in tree.files().filter(|file| file.is_test() && file.has_extension(&["ts", "tsx", "mjs"])) {
        let text = blanked(&file.text, Language::TypeScript);
        for (position, word) in words(&text).filter(|(_, word)| ["skip", "only", "todo"].contains(word)) {
            let runner = ["test.", "it.", "describe.", "suite."].iter().any(|call| text[..position].ends_with(call));
            if runner && text[position + word.len()..].starts_with('(') {
                let what = format!("no test is left out (`{word}`)");
                breaches.push(Breach::new(&file.path, line_of(&text, position), what));
            }
        }
    }
    breaches
}

/// Paths of one machine, in any text outside tests.
pub(crate) fn machine_paths(tree: &Tree, paths: &[&str]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.files().filter(|file| !file.is_test()) {
        let text = if file.has_extension(&["rs"]) { without_inline_tests(&file.text) } else { &file.text };
        for (index, line) in text.lines().enumerate() {
            for path in paths.iter().filter(|path| names_path(line, path)) {
                breaches.push(Breach::new(&file.path, index + 1, format!("`{path}` is a folder of one machine")));
            }
        }
    }
    breaches
}

/// Whether the line holds the path from its root on, not as the middle of another.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(position, _)| {
        let before = line[..position].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-}".contains(before))
    })
}

fn counted(file: &File) -> &str {
    if file.has_extension(&["rs"]) { without_inline_tests(&file.text) } else { &file.text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(breaches: &[Breach]) -> Vec<(&str, usize)> {
        breaches.iter().map(|breach| (breach.path.as_str(), breach.line)).collect()
    }

    #[test]
    fn files_and_doors_over_their_length_are_found() {
        let long = "x\n".repeat(11);
        let tests = format!("x\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let generated = format!("// Generated from a table; do not edit.\n{long}");
        let tree = Tree::planted(&[
            ("engine/src/long.rs", &long),
            ("sdk-ts/src/long.ts", &long),
            ("engine/src/topic/mod.rs", "x\nx\nx\nx\n"),
            ("engine/src/tested.rs", &tests),
            ("engine/src/made.rs", &generated),
            ("tests/long.rs", &long),
            ("README.md", &long),
            ("engine/src/brim.rs", &"x\n".repeat(10)),
        ]);
        let found = sizes(&tree, 10, 3);
        let expected = [("engine/src/long.rs", 0), ("sdk-ts/src/long.ts", 0), ("engine/src/topic/mod.rs", 0)];
        assert_eq!(lines_of(&found), expected);
    }

    #[test]
    fn homeless_names_are_found_as_files_and_as_folders() {
        let tree =
            Tree::planted(&[("a/util.rs", ""), ("b/Helpers/c.ts", ""), ("d/types.d.ts", ""), ("e/utility.rs", "")]);
        assert_eq!(names(&tree, &["util", "helpers", "types"]).len(), 3);
    }

    #[test]
    fn undone_and_ignored_code_is_found_anywhere() {
        let code = "fn f() {\n    todo!()\n}\n// todo!()\nlet s = \"dbg!\";\n#[cfg(test)]\nmod tests {\n    #[ignore]\n    fn g() { dbg!(1); }\n}";
        let tree = Tree::planted(&[("tests/a.rs", code), ("xtask/src/b.rs", "println!(); let ignore = todo != 1;")]);
        let found = leftovers(&tree, &["todo", "dbg"], &["engine/src/"], &["println"]);
        assert_eq!(lines_of(&found), [("tests/a.rs", 2), ("tests/a.rs", 8), ("tests/a.rs", 9)]);
    }

    #[test]
    fn printing_is_found_in_libraries_outside_their_tests() {
        let code = "fn f() {\n    println!();\n}\n#[cfg(test)]\nmod tests {\n    fn g() { println!(); }\n}";
        let tree = Tree::planted(&[("engine/src/a.rs", code), ("src/main.rs", code), ("engine/src/tests.rs", code)]);
        let found = leftovers(&tree, &[], &["engine/src/"], &["println"]);
        assert_eq!(lines_of(&found), [("engine/src/a.rs", 2)]);
    }

    #[test]
    fn tests_of_typescript_that_are_left_out_are_found() {
        let code = "test.skip('a', () => {});\nit.only('b');\nqueue.skip(3);\n// test.skip(\ntest('c', { x: only });";
        let tree = Tree::planted(&[("sdk-ts/test/a.test.ts", code), ("sdk-ts/src/a.ts", code)]);
        let found = leftovers(&tree, &[], &[], &[]);
        assert_eq!(lines_of(&found), [("sdk-ts/test/a.test.ts", 1), ("sdk-ts/test/a.test.ts", 2)]);
    }

    #[test]
    fn paths_of_one_machine_are_found_in_code_and_in_prose() {
        let text = "see /tmp/x\nnet/tmp/x and ${dir}/tmp/x\n\"/tmp/\"\n";
        let code = "let a = 1;\n#[cfg(test)]\nmod tests {\n    // /tmp/x\n}\n";
        let tree = Tree::planted(&[("README.md", text), ("src/a.rs", code), ("tests/a.rs", text)]);
        assert_eq!(lines_of(&machine_paths(&tree, &["/tmp/"])), [("README.md", 1), ("README.md", 3)]);
    }
}
