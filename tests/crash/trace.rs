//! What the shim wrote down: every change below the data directory, in the order in which it happened.
//! `shim/` has the same tables.

use std::path::Path;

/// An operation, as far as it was done when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A new file or directory, by the number of its inode and its path.
    Create { node: u64, path: String, is_directory: bool },
    /// Bytes at a place. Unfinished: the process died in it, and the file has none of them.
    Write { node: u64, offset: u64, data: Vec<u8>, is_durable: bool, is_unfinished: bool },
    /// A new length.
    Length { node: u64, length: u64 },
    /// Space was set aside, which makes a short file longer.
    Reserve { node: u64, end: u64 },
    /// A file was synced; or it failed, after which the kernel takes its pages for clean.
    Sync { node: u64, is_failed: bool },
    /// A directory was synced when it held these.
    List { node: u64, entries: Vec<(u64, String)> },
    /// A new name.
    Rename { from: String, to: String },
    /// A name that is gone.
    Remove { path: String },
    /// The process ended itself in the operation of this number.
    Died { at: u64 },
}

/// Reads a trace. Panics when the shim saw something that has no model: then nothing that follows could be trusted.
pub fn read(file: &Path) -> Vec<Operation> {
    let bytes = std::fs::read(file).expect("the shim wrote a trace");
    let (mut rest, mut operations) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        operations.push(operation(&mut rest));
    }
    operations
}

fn operation(rest: &mut &[u8]) -> Operation {
    let (kind, flags) = (u32_of(rest), u32_of(rest));
    let (node, offset, length) = (u64_of(rest), u64_of(rest), u64_of(rest));
    let (path_bytes, data_bytes) = (u32_of(rest) as usize, u32_of(rest) as usize);
    let path = text(take(rest, path_bytes));
    let data = take(rest, data_bytes);
    let is = |flag: u32| flags & flag != 0;
    match kind {
        1 => Operation::Create { node, path, is_directory: is(4) },
        2 => Operation::Write { node, offset, data: data.to_vec(), is_durable: is(2), is_unfinished: is(1) },
        3 => Operation::Length { node, length },
        4 => Operation::Reserve { node, end: offset + length },
        5 => Operation::Sync { node, is_failed: is(8) },
        6 => Operation::List { node, entries: entries(data) },
        7 => Operation::Rename { from: path, to: text(data) },
        8 => Operation::Remove { path },
        9 => panic!("the shim has no model of {} at `{path}`", text(data)),
        10 => Operation::Died { at: length },
        other => panic!("the trace has a record of the unknown kind {other}"),
    }
}

fn entries(mut data: &[u8]) -> Vec<(u64, String)> {
    let mut entries = Vec::new();
    while !data.is_empty() {
        let node = u64_of(&mut data);
        let end = data.iter().position(|byte| *byte == 0).expect("a name ends in 0");
        entries.push((node, text(take(&mut data, end))));
        take(&mut data, 1);
    }
    entries
}

fn text(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("names are UTF-8");
    text.trim_start_matches('/').to_owned()
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> &'a [u8] {
    rest.split_off(..bytes).expect("a record is whole: it is written at once")
}

fn u32_of(rest: &mut &[u8]) -> u32 {
    u32::from_ne_bytes(take(rest, 4).try_into().expect("four bytes"))
}

fn u64_of(rest: &mut &[u8]) -> u64 {
    u64::from_ne_bytes(take(rest, 8).try_into().expect("eight bytes"))
}
