//! The model of the disk, over real programs: what they sync survives every cut, and what they do not can be lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use fastrand::Rng;

use crate::disk::{Disk, Rules};
use crate::harness::node::temporary_directory;
use crate::shim::Shim;
use crate::trace::{self, Operation};

/// A data directory that programs of the shell work on.
struct Bench {
    root: PathBuf,
    shim: Shim,
    /// One for each set of rules, as it was when the directory was empty.
    empty: Vec<(Rules, Disk)>,
}

impl Bench {
    fn new() -> Self {
        let root = temporary_directory();
        fs::create_dir(root.join("data")).expect("a temporary directory can be written");
        let shim = Shim::over(&root.join("data"), &root).tracing(root.join("trace"));
        let empty = [Rules::Strict, Rules::StrictBut("wal"), Rules::Journaled]
            .map(|rules| (rules, Disk::of(&root.join("data"), rules).expect("it is empty")))
            .to_vec();
        Self { root, shim, empty }
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Runs a program; `data/` at the head of an argument or behind a `=` is the directory.
    fn run(&self, line: &str) -> ExitStatus {
        self.run_with(&self.shim, line)
    }

    fn run_with(&self, shim: &Shim, line: &str) -> ExitStatus {
        let absolute = line.replace("data", self.data().to_str().expect("UTF-8"));
        let mut words = absolute.split(' ');
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).current_dir(&self.root).envs(shim.variables()).stderr(std::process::Stdio::null());
        command.status().expect("programs of the shell are there")
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.root.join(name), bytes).expect("a temporary directory can be written");
    }

    fn disk(&self, rules: Rules) -> Disk {
        let mut disk = self.empty.iter().find(|(known, _)| *known == rules).expect("rules under test").1.clone();
        trace::read(&self.root.join("trace")).into_iter().for_each(|operation| disk.follow(operation));
        assert_eq!(disk.compare(&self.data()).expect("it can be read"), Vec::<String>::new());
        disk
    }

    /// What 64 different power cuts leave.
    fn cuts(&self, rules: Rules) -> Vec<BTreeMap<String, Vec<u8>>> {
        let disk = self.disk(rules);
        let cut = |seed| {
            let to = self.root.join(format!("cut-{seed}"));
            disk.cut(&mut Rng::with_seed(seed), &to).expect("a temporary directory can be written");
            let mut files = BTreeMap::new();
            read_all(&to, "", &mut files);
            fs::remove_dir_all(to).expect("it is ours");
            files
        };
        (0..64).map(cut).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn read_all(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = format!("{prefix}{}", path.file_name().and_then(|name| name.to_str()).expect("UTF-8"));
        if path.is_dir() {
            read_all(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(path).expect("it can be read"));
        }
    }
}

const BYTES: &[u8] = &[7; 20_000];

#[test]
fn what_was_synced_survives_every_cut() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("dd if=source of=data/log bs=1000 conv=fsync").success());
    assert!(bench.run("sync data").success());
    assert!(bench.cuts(Rules::Strict).iter().all(|files| files["log"] == BYTES));
}

#[test]
fn of_bytes_that_were_not_synced_any_part_may_be_lost() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("dd if=/dev/null of=data/log").success());
    assert!(bench.run("sync data").success());
    assert!(bench.run("dd if=source of=data/log bs=1000").success());
    let cuts = bench.cuts(Rules::Strict);
    let kept = |files: &BTreeMap<String, Vec<u8>>| files["log"].iter().filter(|byte| **byte == 7).count();
    assert!(cuts.iter().any(|files| kept(files) == 0), "nothing may be left");
    assert!(cuts.iter().any(|files| kept(files) == BYTES.len()), "all of it may be left");
    let torn = |files: &&BTreeMap<String, Vec<u8>>| !kept(files).is_multiple_of(1000);
    assert!(cuts.iter().filter(torn).count() > 10, "writes are torn");
    let holed = |files: &BTreeMap<String, Vec<u8>>| files["log"].first() == Some(&0) && kept(files) > 0;
    assert!(cuts.iter().any(holed), "later bytes may be there without earlier ones");
}

#[test]
fn a_name_is_durable_once_its_directory_was_synced_or_where_journals_are_trusted_its_file() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("mkdir data/wal").success());
    assert!(bench.run("dd if=source of=data/wal/log conv=fsync").success());
    assert!(bench.cuts(Rules::Strict).iter().any(|files| !files.contains_key("wal/log")));
    assert!(bench.cuts(Rules::Journaled).iter().all(|files| files["wal/log"] == BYTES));
    assert!(bench.run("sync data/wal").success());
    assert!(bench.cuts(Rules::Strict).iter().any(BTreeMap::is_empty), "its directory has no durable name");
    assert!(bench.run("sync data").success());
    assert!(bench.cuts(Rules::Strict).iter().all(|files| files["wal/log"] == BYTES));
}

#[test]
fn a_directory_that_is_trusted_keeps_the_names_of_files_that_were_synced_and_no_others() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("mkdir data/wal data/state").success());
    assert!(bench.run("sync data").success());
    assert!(bench.run("dd if=source of=data/wal/log conv=fsync").success());
    assert!(bench.run("dd if=source of=data/state/log conv=fsync").success());
    let cuts = bench.cuts(Rules::StrictBut("wal"));
    assert!(cuts.iter().all(|files| files["wal/log"] == BYTES));
    assert!(cuts.iter().any(|files| !files.contains_key("state/log")));
}

#[test]
fn a_rename_is_seen_whole_or_not_at_all() {
    let bench = Bench::new();
    bench.put("source", b"old");
    bench.put("source2", b"new");
    assert!(bench.run("dd if=source of=data/current conv=fsync").success());
    assert!(bench.run("dd if=source2 of=data/next conv=fsync").success());
    assert!(bench.run("sync data").success());
    assert!(bench.run("mv data/next data/current").success());
    let cuts = bench.cuts(Rules::Strict);
    let before = BTreeMap::from([("current".into(), b"old".to_vec()), ("next".into(), b"new".to_vec())]);
    let after = BTreeMap::from([("current".into(), b"new".to_vec())]);
    assert!(cuts.iter().all(|files| *files == before || *files == after));
    assert!(cuts.contains(&before) && cuts.contains(&after));
    assert!(bench.run("rm data/current").success());
    assert!(bench.run("sync data").success());
    assert!(bench.cuts(Rules::Strict).iter().all(BTreeMap::is_empty));
}

#[test]
fn a_process_dies_in_the_operation_it_is_told_and_the_write_may_be_torn() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("dd if=/dev/null of=data/log").success());
    assert!(bench.run("sync data").success());
    // It opens, which cuts the file, and then writes four times.
    let shim = bench.shim.clone().crashing_at(4);
    assert_eq!(bench.run_with(&shim, "dd if=source of=data/log bs=5000").signal(), Some(9));
    let operations = trace::read(&bench.root.join("trace"));
    assert_eq!(operations.last(), Some(&Operation::Died { at: 4 }));
    assert_eq!(fs::read(bench.data().join("log")).unwrap().len(), 10_000);
    let lengths: Vec<_> = bench.cuts(Rules::Strict).iter().map(|files| files["log"].len()).collect();
    assert!(lengths.iter().all(|length| *length <= 15_000), "what came after it was not done");
    assert!(lengths.iter().any(|length| (10_001..15_000).contains(length)), "half of it may be there");
}

#[test]
fn faults_hit_the_operations_they_name_and_end_with_the_line() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    bench.shim.fail("write ENOSPC 2 0");
    assert!(!bench.run("dd if=source of=data/log bs=5000").success());
    assert_eq!(fs::read(bench.data().join("log")).unwrap().len(), 10_000);
    bench.shim.fail("sync EIO 0 1 log");
    assert!(!bench.run("dd if=source of=data/log conv=fsync").success());
    assert!(bench.run("dd if=source of=data/other conv=fsync").success());
    bench.shim.fail("write SHORT 0 1");
    assert!(bench.run("dd if=source of=data/short bs=20000 count=1").success());
    bench.shim.fail("create+open EROFS 0 0");
    assert!(!bench.run("dd if=source of=data/new").success());
    bench.shim.fail("");
    assert!(bench.run("dd if=source of=data/new").success());
}

#[test]
fn a_sync_that_lied_or_failed_kept_nothing_and_a_later_one_does_not_mend_a_failed_one() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("dd if=/dev/null of=data/log").success());
    assert!(bench.run("sync data").success());
    for fault in ["sync LIE 0 0 log", "sync EIO 0 0 log"] {
        bench.shim.fail(fault);
        bench.run("dd if=source of=data/log conv=fsync");
        assert!(bench.cuts(Rules::Journaled).iter().any(|files| files["log"].is_empty()), "{fault}");
    }
    bench.shim.fail("");
    assert!(bench.run("sync data/log").success());
    assert!(bench.cuts(Rules::Journaled).iter().any(|files| files["log"] != BYTES), "the kernel wrote nothing again");
}

#[test]
fn what_changes_behind_the_shim_is_found() {
    let bench = Bench::new();
    bench.put("source", BYTES);
    assert!(bench.run("dd if=source of=data/log conv=fsync").success());
    let mut disk = bench.disk(Rules::Strict);
    fs::write(bench.data().join("unseen"), "x").unwrap();
    fs::write(bench.data().join("log"), "x").unwrap();
    assert_eq!(disk.compare(&bench.data()).unwrap().len(), 2);
}
