use super::super::super::pages::{AlignedBuffer, PAGE_BYTES};
use super::super::{read_full_at, write_all_at, write_through_all_at};
use super::*;

const PAGES: usize = 16;

/// A file of ones in a folder of its own, which goes with it.
struct Scratch {
    dir: std::path::PathBuf,
    file: Arc<dyn DiskFile>,
    expected: Vec<u8>,
}

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("fanfare-disk-{}-{name}", std::process::id()));
        RealDisk.create_dir(&dir).unwrap();
        let file = RealDisk.create(&dir.join("file")).unwrap();
        file.allocate((PAGES * PAGE_BYTES) as u64).unwrap();
        let expected = vec![1; PAGES * PAGE_BYTES];
        write_all_at(&*file, &expected, 0).unwrap();
        Self { dir, file, expected }
    }

    /// Writes one way or the other, and looks at the whole file.
    fn write(&mut self, bytes: &[u8], offset: usize, is_through: bool) {
        let write = if is_through { write_through_all_at } else { write_all_at };
        write(&*self.file, bytes, offset as u64).unwrap();
        self.expected[offset..offset + bytes.len()].copy_from_slice(bytes);
        let mut found = vec![0; self.expected.len() + 1];
        assert_eq!(read_full_at(&*self.file, &mut found, 0).unwrap(), self.expected.len());
        assert!(found[..self.expected.len()] == self.expected, "{} bytes at {offset}", bytes.len());
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn both_ways_to_write_show_the_same_bytes() {
    let mut scratch = Scratch::new("ways");
    let mut pages = AlignedBuffer::zeros(2 * PAGE_BYTES);
    for round in 0..40_u8 {
        pages.bytes().fill(round + 2);
        scratch.write(pages.bytes(), usize::from(round) % 14 * PAGE_BYTES, true);
        scratch.write(&[round; 300], usize::from(round) * 1500, round % 3 == 0);
        if round % 7 == 0 {
            scratch.file.sync_data().unwrap();
        }
    }
}

#[test]
fn what_is_not_whole_pages_is_written_past_memory_or_not_but_written() {
    let mut scratch = Scratch::new("pieces");
    let mut pages = AlignedBuffer::zeros(4 * PAGE_BYTES);
    for (n, (from, length, offset)) in
        [(1, PAGE_BYTES, 0), (0, PAGE_BYTES, 1), (0, 100, 0), (512, 1024, 512), (0, 2 * PAGE_BYTES + 8, PAGE_BYTES)]
            .into_iter()
            .enumerate()
    {
        pages.bytes().fill(n as u8 + 2);
        scratch.write(&pages.bytes()[from..from + length], offset, true);
    }
}

#[test]
fn a_handle_that_only_looks_writes_neither_way() {
    let scratch = Scratch::new("looking");
    let file = RealDisk.open(&scratch.dir.join("file"), Access::Read).unwrap();
    let mut pages = AlignedBuffer::zeros(PAGE_BYTES);
    assert!(file.write_at(&[7], 0).is_err());
    assert!(file.write_through_at(pages.bytes(), 0).is_err());
}
