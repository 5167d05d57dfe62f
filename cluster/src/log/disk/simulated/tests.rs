use std::path::Path;

use super::super::{Access, Disk, read_full_at, write_all_at};
use super::{Injury, Operation, SimulatedDisk};

const DIR: &str = "/wal";

fn file() -> &'static Path {
    Path::new("/wal/a")
}

fn disk(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.create_dir(Path::new(DIR)).unwrap();
    disk
}

/// A disk with a durable file of four sectors of ones.
fn with_file(seed: u64) -> SimulatedDisk {
    let disk = disk(seed);
    let file = disk.create(file()).unwrap();
    write_all_at(&*file, &[1; 2048], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk
}

#[test]
fn what_was_synced_survives_and_the_rest_by_chance_and_by_sector() {
    let mut kept = [0; 2];
    for seed in 0..40 {
        let disk = with_file(seed);
        let handle = disk.open(file(), Access::Write).unwrap();
        handle.write_at(&[2; 1024], 512).unwrap();
        assert_eq!(disk.content(file()).unwrap()[512..1536], [2; 1024], "it is read at once");
        disk.crash();
        assert!(handle.write_at(&[3], 0).is_err());
        disk.restart();
        assert!(handle.write_at(&[3], 0).is_err(), "a handle of an earlier life is dead");
        let content = disk.content(file()).unwrap();
        assert_eq!((&content[..512], &content[1536..]), (&[1_u8; 512][..], &[1_u8; 512][..]));
        for (kept, sector) in kept.iter_mut().zip(content[512..1536].chunks(512)) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is never mixed");
            *kept += u32::from(sector[0] == 2);
        }
    }
    assert!(kept.iter().all(|kept| (5..36).contains(kept)), "{kept:?}");
}

#[test]
fn a_version_between_two_writes_may_be_what_is_left() {
    let mut seen = [false; 4];
    for seed in 0..60 {
        let disk = with_file(seed);
        let handle = disk.open(file(), Access::Write).unwrap();
        handle.write_at(&[2; 512], 0).unwrap();
        handle.write_at(&[3; 512], 0).unwrap();
        disk.crash();
        disk.restart();
        seen[usize::from(disk.content(file()).unwrap()[0])] = true;
    }
    assert_eq!(seen, [false, true, true, true]);
}

#[test]
fn names_survive_by_the_sync_of_their_folder() {
    let (mut created, mut renamed) = (0, 0);
    for seed in 0..40 {
        let disk = with_file(seed);
        disk.create(Path::new("/wal/b")).unwrap();
        disk.rename(file(), Path::new("/wal/c")).unwrap();
        disk.crash();
        disk.restart();
        let names = disk.list(Path::new(DIR)).unwrap();
        created += usize::from(names.contains(&"b".to_owned()));
        renamed += usize::from(names.contains(&"c".to_owned()));
        assert_ne!(names.contains(&"a".to_owned()), names.contains(&"c".to_owned()), "a rename is whole");
    }
    assert!((5..36).contains(&created) && (5..36).contains(&renamed), "{created} {renamed}");
    let disk = with_file(1);
    disk.remove(file()).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk.crash();
    disk.restart();
    assert_eq!(disk.list(Path::new(DIR)).unwrap(), Vec::<String>::new());
}

#[test]
fn power_goes_out_in_the_named_operation() {
    let disk = with_file(1);
    let handle = disk.open(file(), Access::Write).unwrap();
    disk.crash_at(2);
    handle.write_at(&[2; 512], 0).unwrap();
    assert!(!disk.is_crashed());
    assert!(handle.sync_data().is_err());
    assert!(disk.is_crashed());
    assert!(disk.list(Path::new(DIR)).is_err());
}

#[test]
fn a_failed_sync_loses_what_waited_even_if_a_later_one_succeeds() {
    let disk = with_file(1);
    let handle = disk.open(file(), Access::Write).unwrap();
    disk.injure(Operation::Sync, 2, Injury::Io);
    handle.write_at(&[2; 512], 0).unwrap();
    handle.sync_data().unwrap();
    handle.write_at(&[3; 512], 0).unwrap();
    assert_eq!(handle.sync_data().unwrap_err().raw_os_error(), Some(5));
    handle.sync_data().unwrap();
    assert_eq!(disk.content(file()).unwrap()[0], 3, "it is still in memory");
    disk.crash();
    disk.restart();
    assert_eq!(disk.content(file()).unwrap()[0], 2);
}

#[test]
fn injuries_and_bounds_do_what_they_say() {
    let disk = with_file(1);
    let handle = disk.open(file(), Access::Write).unwrap();
    disk.injure(Operation::Write, 1, Injury::Short(3));
    assert_eq!(handle.write_at(&[9; 10], 0).unwrap(), 3);
    disk.injure(Operation::Write, 1, Injury::NoSpace);
    assert_eq!(handle.write_at(&[9; 10], 0).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    disk.set_capacity(Some(3000));
    assert_eq!(disk.free_bytes(Path::new(DIR)).unwrap(), 952);
    assert_eq!(handle.allocate(4096).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    handle.allocate(3000).unwrap();
    assert_eq!(handle.length().unwrap(), 3000);
    disk.set_read_only(true);
    assert_eq!(disk.open(file(), Access::Write).unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    assert!(disk.open(file(), Access::Read).is_ok());
    let mut buffer = [0; 16];
    assert_eq!(read_full_at(&*handle, &mut buffer, 2990).unwrap(), 10);
}

#[test]
fn a_lock_is_held_until_its_handle_is_dropped() {
    let disk = disk(1);
    let path = Path::new("/wal/lock");
    let held = disk.lock(path).unwrap();
    assert_eq!(disk.lock(path).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(held);
    let held = disk.lock(path).unwrap();
    disk.crash();
    disk.restart();
    let _again = disk.lock(path).unwrap();
    drop(held);
    assert!(disk.lock(path).is_err(), "a handle of an earlier life unlocks nothing");
}
