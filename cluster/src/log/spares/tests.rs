use std::thread;

use super::super::disk::SimulatedDisk;
use super::*;

/// Three pieces and a half.
const LENGTH: u32 = (ZEROS_BYTES * 3 + ZEROS_BYTES / 2) as u32;

fn dir() -> &'static Path {
    Path::new("/wal")
}

fn spares() -> (SimulatedDisk, Spares) {
    let disk = SimulatedDisk::new(1);
    disk.create_dir(dir()).unwrap();
    let spares = Spares::new(Arc::new(disk.clone()), dir(), LENGTH);
    (disk, spares)
}

#[test]
fn a_spare_is_written_in_pieces_each_synced_whether_there_are_pauses_or_not() {
    for (fill, is_urgent) in [(Fill::Zeros, false), (Fill::PacedZeros, true), (Fill::PacedZeros, false)] {
        let (disk, spares) = spares();
        let before = disk.operations();
        spares.want(is_urgent);
        assert!(spares.refill(fill).unwrap());
        // Made, allocated, four writes with their syncs, and a sync of the file and of its name.
        assert_eq!(disk.operations() - before, 2 + 4 * 2 + 2);
        let spare = spares.take().unwrap();
        disk.crash();
        disk.restart();
        assert!(disk.content(&spare.path).unwrap() == vec![0; LENGTH as usize], "it lasts, whole");
    }
}

#[test]
fn a_spare_that_is_wanted_is_made_by_the_thread_and_one_in_the_making_is_finished_when_the_log_ends() {
    let (disk, spares) = spares();
    thread::scope(|scope| {
        let thread = scope.spawn(|| spares.run());
        spares.want(false);
        while disk.files().is_empty() {
            thread::yield_now();
        }
        spares.end();
        thread.join().unwrap();
    });
    let spare = spares.take().unwrap();
    assert_eq!(spare.file.length().unwrap(), u64::from(LENGTH));
    assert!(spares.take().is_none());
}

#[test]
fn nobody_is_asked_for_a_spare_while_there_is_one() {
    let (disk, spares) = spares();
    spares.put(spares.make(LENGTH, Fill::Nothing).unwrap().unwrap());
    let before = disk.operations();
    spares.want(true);
    assert!(spares.refill(Fill::Zeros).unwrap());
    assert_eq!((disk.operations() - before, spares.len()), (0, 1));
}
