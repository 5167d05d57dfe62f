//! The bytes of a file, without those that nobody wrote: segments and journals are set aside in tens of megabytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

const PAGE_BYTES: u64 = 4096;
const ZEROS: [u8; PAGE_BYTES as usize] = [0; PAGE_BYTES as usize];

/// A file's bytes. Two of them are equal when they read the same.
#[derive(Debug, Clone, Default)]
pub struct Content {
    length: u64,
    /// Pages by number; one that is missing is all zeros.
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Content {
    /// What a real file holds.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut content, mut at) = (Self::default(), 0);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                content.extend(at);
                return Ok(content);
            }
            for page in buffer[..read].chunks(PAGE_BYTES as usize) {
                if *page != ZEROS[..page.len()] {
                    content.write(at, page);
                }
                at += page.len() as u64;
            }
        }
    }

    /// Writes; what lies between the old end and here reads as zeros.
    pub fn write(&mut self, offset: u64, data: &[u8]) {
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let within = (at % PAGE_BYTES) as usize;
            let part = (PAGE_BYTES as usize - within).min(data.len() - done);
            let page = self.pages.entry(at / PAGE_BYTES).or_insert_with(|| vec![0; PAGE_BYTES as usize]);
            page[within..within + part].copy_from_slice(&data[done..done + part]);
            done += part;
        }
        self.extend(offset + data.len() as u64);
    }

    /// Makes it at least so long.
    pub fn extend(&mut self, length: u64) {
        self.length = self.length.max(length);
    }

    /// Makes it exactly so long.
    pub fn set_length(&mut self, length: u64) {
        self.pages.retain(|page, _| page * PAGE_BYTES < length);
        if let Some(page) = self.pages.get_mut(&(length / PAGE_BYTES)) {
            page[(length % PAGE_BYTES) as usize..].fill(0);
        }
        self.length = length;
    }

    /// Makes a real file of it, with holes where it has no pages.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        file.set_len(self.length)?;
        for (page, bytes) in &self.pages {
            let start = page * PAGE_BYTES;
            let end = PAGE_BYTES.min(self.length.saturating_sub(start)) as usize;
            file.write_all_at(&bytes[..end], start)?;
        }
        Ok(())
    }

    fn is_zero(&self, page: u64) -> bool {
        self.pages.get(&page).is_none_or(|bytes| *bytes == ZEROS)
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let same = |page: &u64| match (self.pages.get(page), other.pages.get(page)) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.is_zero(*page) && other.is_zero(*page),
        };
        self.length == other.length && self.pages.keys().chain(other.pages.keys()).all(same)
    }
}
