//! What browsers and the type checker ask of `sdk-ts/src`: nothing of Node outside its transport, and
//! no way around the types.

use crate::blank::{Language, blanked, line_of, words};
use crate::tree::{Breach, File, Tree};

/// The sources that browsers load.
const SOURCES: &str = "sdk-ts/src/";
/// The only files that may know Node.
const NODE_TRANSPORT: &str = "sdk-ts/src/transport/node";
/// Packages that exist for Node alone.
const NODE_PACKAGES: [&str; 2] = ["node:", "ws"];
/// Names that only Node defines.
const NODE_GLOBALS: [&str; 4] = ["Buffer", "NodeJS", "__dirname", "process"];
/// Comments that switch a checker off.
const SILENCERS: [&str; 4] = ["@ts-ignore", "@ts-nocheck", "@ts-expect-error", "noExplicitAny"];

/// Imports and globals of Node outside its transport.
pub(crate) fn node_only(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in sources(tree).filter(|file| !file.path.starts_with(NODE_TRANSPORT)) {
        let text = blanked(&file.text, Language::TypeScript);
        for (index, (line, code)) in file.text.lines().zip(text.lines()).enumerate() {
            for module in imported(line, code).filter(|module| is_of_node(module)) {
                breaches.push(Breach::new(&file.path, index + 1, format!("`{module}` is Node's")));
            }
        }
        for (position, word) in words(&text).filter(|(_, word)| NODE_GLOBALS.contains(word)) {
            if !is_member(&text, position, word) {
                breaches.push(Breach::new(&file.path, line_of(&text, position), format!("`{word}` is Node's")));
            }
        }
    }
    breaches
}

/// `any`, and comments that silence the type checker.
pub(crate) fn untyped(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in sources(tree) {
        let text = blanked(&file.text, Language::TypeScript);
        for (position, word) in words(&text).filter(|(_, word)| *word == "any") {
            if !is_member(&text, position, word) {
                breaches.push(Breach::new(&file.path, line_of(&text, position), "`any` is no type"));
            }
        }
        for (index, line) in file.text.lines().enumerate() {
            for silencer in SILENCERS.iter().filter(|silencer| line.contains(**silencer)) {
                breaches.push(Breach::new(&file.path, index + 1, format!("`{silencer}` hides an error")));
            }
        }
    }
    breaches
}

fn sources(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files().filter(|file| file.path.starts_with(SOURCES) && file.has_extension(&["ts", "tsx"]) && !file.is_test())
}

/// The modules that a line imports: literals after `from`, `import` and `import(`. `code` is the same
/// line without its literals' insides, and tells where they stand.
fn imported<'a>(line: &'a str, code: &'a str) -> impl Iterator<Item = &'a str> {
    // Blanking keeps columns only while characters are of one byte; imports are.
    let openings = code.match_indices(['"', '\'']).step_by(2).map(|(position, _)| position);
    openings.filter(|_| line.len() == code.len()).filter_map(move |position| {
        let before = code[..position].trim_end();
        let is_import = ["from", "import", "import(", "require("].iter().any(|word| before.ends_with(word));
        let literal = line[position + 1..].split(['"', '\'']).next()?;
        is_import.then_some(literal)
    })
}

fn is_of_node(module: &str) -> bool {
    NODE_PACKAGES.iter().any(|package| module == *package || (package.ends_with(':') && module.starts_with(package)))
}

/// A property or method of that name (`x.any`, `any(`, `any:`) is no type and no global.
fn is_member(text: &str, position: usize, word: &str) -> bool {
    let before = text[..position].trim_end();
    let after = text[position + word.len()..].trim_start();
    before.ends_with('.') && !before.ends_with("...")
        || after.starts_with(':')
        || (word == "any" && after.starts_with('('))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(breaches: &[Breach]) -> Vec<usize> {
        breaches.iter().map(|breach| breach.line).collect()
    }

    #[test]
    fn imports_and_globals_of_node_are_found_outside_its_transport() {
        let code = "import { readFile } from 'node:fs';\nimport WebSocket from \"ws\";\nconst m = await import('node:net');\n\
                    const scheme = \"ws\"; // from 'node:fs'\nexport * from './node';\nconst b = Buffer.from(x);\nlet y = worker.process;\n";
        let tree = Tree::planted(&[
            ("sdk-ts/src/watch.ts", code),
            ("sdk-ts/src/transport/node.ts", code),
            ("sdk-ts/src/transport/node/socket.ts", code),
            ("sdk-ts/src/watch.test.ts", code),
            ("sdk-ts/e2e/chat.ts", code),
        ]);
        let breaches = node_only(&tree);
        assert!(breaches.iter().all(|breach| breach.path == "sdk-ts/src/watch.ts"));
        assert_eq!(lines(&breaches), [1, 2, 3, 6]);
    }

    #[test]
    fn any_and_silenced_errors_are_found() {
        let code = "let a: any = 1;\nlet b = c as any;\nlet d: Map<string, any[]>;\n// @ts-ignore\nlet e = Promise.any(f);\n\
                    const g = { any: 1 }; // any\nlet h = 'any';\nlet many: Company;\n";
        let tree = Tree::planted(&[("sdk-ts/src/a.ts", code), ("sdk-ts/test/a.test.ts", code)]);
        assert_eq!(lines(&untyped(&tree)), [1, 2, 3, 4]);
    }
}
