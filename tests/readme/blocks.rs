//! The code blocks of a Markdown text.

/// One fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Of its first line of code, from 1.
    pub(crate) line: usize,
    /// What stands behind the opening fence; empty for pictures.
    pub(crate) language: String,
    /// Its lines.
    pub(crate) text: String,
}

/// All blocks of `markdown`, in their order.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<Block>);
    for (index, line) in markdown.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some(Block { line: index + 2, language: language.trim().to_owned(), text: String::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a block that is never closed");
    blocks
}

#[test]
fn a_block_has_its_language_its_lines_and_its_place() {
    let found = blocks("# A\n```sh\na\nb\n```\ntext\n```\n ▶\n```\n");
    let block = |line, language: &str, text: &str| Block { line, language: language.into(), text: text.into() };
    assert_eq!(found, [block(3, "sh", "a\nb\n"), block(8, "", " ▶\n")]);
}
