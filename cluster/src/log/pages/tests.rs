use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::disk::{Access, Disk, Injury, Operation, SimulatedDisk};
use super::*;

const LENGTH: usize = 4 * WRITE_BYTES;
/// What stood in the file before.
const STALE: u8 = 0xff;

fn file() -> &'static Path {
    Path::new("/wal/a")
}

/// A durable file that was in use before.
fn used(seed: u64) -> (SimulatedDisk, Arc<dyn DiskFile>) {
    let disk = SimulatedDisk::new(seed);
    disk.create_dir(Path::new("/wal")).unwrap();
    let handle = disk.create(file()).unwrap();
    write_all_at(&*handle, &vec![STALE; LENGTH], 0).unwrap();
    handle.sync_data().unwrap();
    disk.sync_dir(Path::new("/wal")).unwrap();
    (disk, handle)
}

/// That a file holds this, zeros up to the end of the page, and what it held before behind that.
fn holds(disk: &SimulatedDisk, expected: &[u8], length: usize) {
    let content = disk.content(file()).unwrap();
    let padded = expected.len().next_multiple_of(PAGE_BYTES).min(length);
    assert!(content[..expected.len()] == *expected, "what was written");
    assert!(content[expected.len()..padded].iter().all(|byte| *byte == 0), "zeros up to the end of the page");
    assert!(content[padded..].iter().all(|byte| *byte == STALE), "nothing behind the page");
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![
        8 => 1..300_usize,
        4 => 1..3 * PAGE_BYTES,
        2 => Just(PAGE_BYTES),
        1 => WRITE_BYTES - 300..WRITE_BYTES + 300,
    ];
    prop::collection::vec(length, 1..12)
        .prop_filter("they fit into the file", |lengths| lengths.iter().sum::<usize>() <= LENGTH)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn writes_stand_one_behind_the_other_and_zeros_up_to_the_end_of_the_page(
        lengths in lengths(), begin in 0..2_usize, direct in any::<bool>(), reopened in any::<bool>(),
    ) {
        let (disk, handle) = used(1);
        let mut pages = Pages::new(if direct { Way::Direct } else { Way::Cached });
        let mut end = End::default();
        let mut expected = Vec::new();
        for (n, length) in lengths.into_iter().enumerate() {
            let bytes = vec![n as u8 + 1; length - begin.min(length - 1)];
            pages.write(&*handle, &mut end, &bytes, LENGTH as u64).unwrap();
            expected.extend(bytes);
            prop_assert_eq!(end.offset as usize, expected.len());
            if reopened {
                prop_assert_eq!(&End::read(&*handle, end.offset).unwrap(), &end);
            }
        }
        holds(&disk, &expected, LENGTH);
    }
}

#[test]
fn nothing_is_written_behind_the_length_of_a_segment() {
    let (disk, handle) = used(1);
    let mut end = End::default();
    Pages::new(Way::Direct).write(&*handle, &mut end, &[1; 100], 128).unwrap();
    holds(&disk, &[1; 100], 128);
}

#[test]
fn after_an_error_the_same_is_written_again_in_the_same_place() {
    let (disk, handle) = used(1);
    let mut pages = Pages::new(Way::Direct);
    let mut end = End::default();
    pages.write(&*handle, &mut end, &[1; 5000], LENGTH as u64).unwrap();
    let before = end.clone();
    disk.injure(Operation::Write, 1, Injury::Short(1000));
    disk.injure(Operation::Write, 2, Injury::NoSpace);
    let bytes = [2; 9000];
    assert!(pages.write(&*handle, &mut end, &bytes, LENGTH as u64).is_err());
    assert_eq!(end, before);
    pages.write(&*handle, &mut end, &bytes, LENGTH as u64).unwrap();
    holds(&disk, &[vec![1; 5000], vec![2; 9000]].concat(), LENGTH);
}

#[test]
fn an_end_that_is_not_there_is_told() {
    let (_disk, handle) = used(1);
    assert_eq!(End::read(&*handle, LENGTH as u32).unwrap().page, Vec::<u8>::new());
    let error = End::read(&*handle, LENGTH as u32 + 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn power_takes_nothing_durable_out_of_a_page_that_is_written_again() {
    let mut lost = 0;
    for seed in 0..50 {
        let (disk, handle) = used(seed);
        let mut pages = Pages::new(Way::Direct);
        let mut end = End::default();
        pages.write(&*handle, &mut end, &[1; 700], LENGTH as u64).unwrap();
        handle.sync_data().unwrap();
        pages.write(&*handle, &mut end, &[2; 700], LENGTH as u64).unwrap();
        pages.write(&*handle, &mut end, &[3; 4000], LENGTH as u64).unwrap();
        disk.crash();
        disk.restart();
        let content = disk.content(file()).unwrap();
        assert_eq!(content[..700], [1; 700]);
        lost += u32::from(content[700..1400] != [2; 700]);
        let handle = disk.open(file(), Access::Write).unwrap();
        let mut end = End::read(&*handle, 700).unwrap();
        pages.write(&*handle, &mut end, &[4; 10], LENGTH as u64).unwrap();
        assert_eq!(disk.content(file()).unwrap()[..710], [&[1; 700][..], &[4; 10]].concat());
    }
    assert!(lost > 20, "{lost} of 50 seeds lost something that was not synced");
}

#[test]
fn a_buffer_begins_at_a_page() {
    for length in [PAGE_BYTES, 3 * PAGE_BYTES, WRITE_BYTES] {
        let mut buffer = AlignedBuffer::zeros(length);
        let bytes = buffer.bytes();
        assert_eq!(bytes.len(), length);
        assert_eq!(bytes.as_ptr().align_offset(PAGE_BYTES), 0);
    }
}
